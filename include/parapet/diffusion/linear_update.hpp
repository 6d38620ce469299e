// The kernels of every sampler: one map for one step of a plan.
//
//     linear_update             out := sum_k f_k in_k
//     predicting_update         m := a x + b r,  out := f m + sum_k f_k in_k,  keep := m
//     data_update               x_0 := hooks(a x + b r)
//     functor_update            x := hooks(x)
//
// Factors are in the scalar of the run. The number of inputs is a template argument; a sampler compiles all the kernels that
// a plan may ask for.
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
  T factor[K];
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X& keep, X const& x, X const& raw, Xs const&... in) const {
    static_assert(sizeof...(Xs) == K);
    X const m = X(x_factor) * x + X(raw_factor) * raw;
    out = X(fresh) * m + weighted_sum<X>(factor, in...);
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

/// Numbers of inputs that there are kernels for; a step with a number between has inputs twice, with factor 0.
inline constexpr int input_counts[] = {1, 2, 3, 4, 6, 8};

/// Calls f(std::index_sequence<0 .. n - 1>) with the smallest of these n >= count, which must be at most Max.
template <int Max, int At = 0, class F>
void with_count(int count, F const& f) {
  constexpr int n = input_counts[At];
  if (count <= n) return f(std::make_index_sequence<static_cast<std::size_t>(n)>{});
  if constexpr (n < Max) with_count<Max, At + 1>(count, f);
}

}  // namespace parapet::inline PARAPET_ABI::diffusion::detail
