// Reductions of a whole vector without their launch: what one thread folds, and what argmin and argmax fold.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// Fold of f(x[i]) for i = first, first + step, ...
template <class T, class U, class Space, class Op, class F>
struct fold_body {
  using value = T;
  vector_view<U, Space> x;
  Op op;
  T initial;
  F f;
  PARAPET_FN T operator()(index_t first, index_t step) const {
    T result = initial;
    for (index_t i = first; i < x.extent(0); i += step) result = op(result, f(x[i]));
    return result;
  }
};

/// What the second round folds, which has been through f already.
struct as_it_is {
  template <class T>
  PARAPET_FN T operator()(T const& x) const { return x; }
};

/// An element and where it is; index -1 stands for none.
template <class T>
struct place {
  T value;
  index_t index;
};

/// The smaller (or larger) element; of equals the first, and a number before NaN.
template <bool Largest>
struct better_place {
  template <class T>
  PARAPET_FN place<T> operator()(place<T> const& a, place<T> const& b) const {
    if (a.index < 0 || b.index < 0) return a.index < 0 ? b : a;
    bool const a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan ? b : a;
    if (!a_nan && a.value != b.value) return (a.value < b.value) != Largest ? a : b;
    return a.index < b.index ? a : b;
  }
};

/// Fold of (x[i], i).
template <class T, class Space, class Op>
struct place_body {
  using value = place<std::remove_const_t<T>>;
  vector_view<T, Space> x;
  Op op;
  PARAPET_FN value operator()(index_t first, index_t step) const {
    value best{0, -1};
    for (index_t i = first; i < x.extent(0); i += step) best = op(best, value{x[i], i});
    return best;
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
