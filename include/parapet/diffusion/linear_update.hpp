// The kernels of every sampler: one map for one step of a plan.
//
//     linear_update             out := sum_k f_k in_k
//     predicting_update         x_0 := data(c x + d r),  m := a x + b x_0,  out := f m + sum_k f_k in_k,  keep := m
//     functor_update            x := f(x)
//
// `data` are elementwise hooks of the sampler. Factors are in the scalar of the run. The number of inputs is a template
// argument; a sampler compiles one kernel for each number that a plan may ask for.
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

/// Factors of a prediction.
template <class T>
struct prediction_factors {
  T data_x, data_raw;  // x_0 from x and the model's answer, where a hook wants to see it
  T x, raw;            // m from x and the model's answer, or from x and x_0 with a hook
  T fresh;             // share of m in the target
};

template <class T, int K, class Data, bool Keeps>
struct predicting_update {
  prediction_factors<T> p;
  T factor[K > 0 ? K : 1];
  Data data;

  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X& keep, X const& x, X const& raw, Xs const&... in) const requires(Keeps) {
    keep = update(out, x, raw, in...);
  }
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x, X const& raw, Xs const&... in) const requires(!Keeps) {
    update(out, x, raw, in...);
  }

private:
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN X update(X& out, X const& x, X const& raw, Xs const&... in) const {
    static_assert(sizeof...(Xs) == K);
    X const answer = Data::empty ? raw : data(X(p.data_x) * x + X(p.data_raw) * raw);
    X const m = X(p.x) * x + X(p.raw) * answer;
    X total = X(p.fresh) * m;
    if constexpr (K > 0) total = total + weighted_sum<X>(factor, in...);
    out = total;
    return m;
  }
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
