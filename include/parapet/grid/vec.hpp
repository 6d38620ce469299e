// Small vectors and matrices of a fixed size, over floats, doubles or packs of them: states, inputs, gradients.
//
// Aggregates: `vec<X, 3>{a, b, c}`, `mat<X, 2, 1>{a, b}` row by row. N = 0 is allowed and empty: a system without a disturbance.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::grid {

namespace detail {
/// std::integral_constant for kernels too.
template <int I>
struct constant {
  static constexpr int value = I;
  PARAPET_INLINE PARAPET_FN constexpr operator int() const { return I; }  // NOLINT: stands for the number
};
template <class F, int... I>
PARAPET_INLINE PARAPET_FN constexpr void unrolled(F const& f, std::integer_sequence<int, I...>) {
  (f(constant<I>{}), ...);
}
}  // namespace detail

/// f(0), ..., f(N - 1), each with a constant. g++ unrolls loops only after it has given up on keeping arrays in registers.
template <int N, class F>
PARAPET_INLINE PARAPET_FN constexpr void unrolled(F const& f) {
  detail::unrolled(f, std::make_integer_sequence<int, N>{});
}

/// N numbers of type X.
template <class X, int N>
struct vec {
  static constexpr int size = N;
  X values[N > 0 ? N : 1];

  PARAPET_INLINE PARAPET_FN constexpr X& operator[](int i) { return values[i]; }
  PARAPET_INLINE PARAPET_FN constexpr X const& operator[](int i) const { return values[i]; }

  friend PARAPET_INLINE PARAPET_FN constexpr vec operator+(vec a, vec const& b) {
    unrolled<N>([&](auto i) PARAPET_LAMBDA { a[i] = a[i] + b[i]; });
    return a;
  }
  friend PARAPET_INLINE PARAPET_FN constexpr vec operator-(vec a, vec const& b) {
    unrolled<N>([&](auto i) PARAPET_LAMBDA { a[i] = a[i] - b[i]; });
    return a;
  }
  friend PARAPET_INLINE PARAPET_FN constexpr vec operator*(X const& factor, vec a) {
    unrolled<N>([&](auto i) PARAPET_LAMBDA { a[i] = factor * a[i]; });
    return a;
  }
};

/// a . b, added from the first component on; 0 for N = 0.
template <class X, int N>
PARAPET_INLINE PARAPET_FN constexpr X dot(vec<X, N> const& a, vec<X, N> const& b) {
  if constexpr (N == 0) {
    return X(0.0f);
  } else {
    X sum = a[0] * b[0];
    unrolled<N - 1>([&](auto i) PARAPET_LAMBDA { sum = sum + a[i + 1] * b[i + 1]; });
    return sum;
  }
}

/// Every component as an X: parameters and nodes, held as doubles, enter lanes.
template <class X, class Y, int N>
PARAPET_INLINE PARAPET_FN constexpr vec<X, N> convert(vec<Y, N> const& a) {
  vec<X, N> r{};
  unrolled<N>([&](auto i) PARAPET_LAMBDA { r[i] = X(a[i]); });
  return r;
}

/// Rows x Columns numbers, row by row.
template <class X, int Rows, int Columns>
struct mat {
  X values[Rows * Columns > 0 ? Rows * Columns : 1];

  PARAPET_INLINE PARAPET_FN constexpr X& operator()(int i, int j) { return values[i * Columns + j]; }
  PARAPET_INLINE PARAPET_FN constexpr X const& operator()(int i, int j) const { return values[i * Columns + j]; }

  PARAPET_INLINE PARAPET_FN constexpr vec<X, Columns> row(int i) const {
    vec<X, Columns> r{};
    unrolled<Columns>([&](auto j) PARAPET_LAMBDA { r[j] = (*this)(i, j); });
    return r;
  }
  PARAPET_INLINE PARAPET_FN constexpr vec<X, Rows> column(int j) const {
    vec<X, Rows> r{};
    unrolled<Rows>([&](auto i) PARAPET_LAMBDA { r[i] = (*this)(i, j); });
    return r;
  }
};

}  // namespace parapet::inline PARAPET_ABI::grid
