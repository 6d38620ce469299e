// The kernels of every sampler: one map for one step of a plan.
//
//     linear_update             out := sum_k f_k in_k
//     predicting_update         m := a x + b r,  out := f m + sum_k f_k in_k,  keep := m
//     data_update               x_0 := hooks(a x + b r)
//     functor_update            x := hooks(x)
//
// Factors are in the scalar of the run. The number of inputs is a template argument; a sampler compiles one kernel for each
// number that a plan may ask for.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion::detail {

/// sum_k factor_k in_k
template <class X, class T, class... Xs>
PARAPET_INLINE PARAPET_FN X weighted_sum(T const* factor, X const& first, Xs const&... others) {
  X total = X(factor[0]) * first;
  int k = 0;
  ((total = total + X(factor[++k]) * others), ...);
  return total;
}

template <class T, int K>
struct linear_update {
  T factor[K];
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, Xs const&... in) const {
    static_assert(sizeof...(Xs) == K);
    out = weighted_sum<X>(factor, in...);
  }
};

template <class T, int K>
struct predicting_update {
  T x_factor, raw_factor, fresh;
  T factor[K > 0 ? K : 1];
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X& keep, X const& x, X const& raw, Xs const&... in) const {
    static_assert(sizeof...(Xs) == K);
    X const m = X(x_factor) * x + X(raw_factor) * raw;
    X total = X(fresh) * m;
    if constexpr (K > 0) total = total + weighted_sum<X>(factor, in...);
    out = total;
    keep = m;
  }
};

template <class T, class F>
struct data_update {
  T x_factor, raw_factor;
  F f;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x, X const& raw) const { out = f(X(x_factor) * x + X(raw_factor) * raw); }
};

template <class F>
struct functor_update {
  F f;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x) const { x = f(x); }
};

/// f(std::index_sequence<0 .. count - 1>) for a count known at run time, at most Max.
template <int Max, int Min = 0, class F>
void with_count(int count, F const& f) {
  if constexpr (Min <= Max) {
    if (count == Min) return f(std::make_index_sequence<static_cast<std::size_t>(Min)>{});
    with_count<Max, Min + 1>(count, f);
  }
}

}  // namespace parapet::inline PARAPET_ABI::diffusion::detail
