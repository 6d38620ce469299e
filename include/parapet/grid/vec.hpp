// Small vectors and matrices of a fixed size, over floats, doubles or packs of them: states, inputs, gradients.
//
// Aggregates: `vec<X, 3>{a, b, c}`, `mat<X, 2, 1>{a, b}` row by row. N = 0 is allowed and empty: a system without a disturbance.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>

namespace parapet::inline PARAPET_ABI::grid {

/// N numbers of type X.
template <class X, int N>
struct vec {
  static constexpr int size = N;
  X values[N > 0 ? N : 1];

  PARAPET_INLINE PARAPET_FN constexpr X& operator[](int i) { return values[i]; }
  PARAPET_INLINE PARAPET_FN constexpr X const& operator[](int i) const { return values[i]; }

  friend PARAPET_INLINE PARAPET_FN constexpr vec operator+(vec a, vec const& b) {
    PARAPET_UNROLL for (int i = 0; i < N; ++i) a[i] = a[i] + b[i];
    return a;
  }
  friend PARAPET_INLINE PARAPET_FN constexpr vec operator-(vec a, vec const& b) {
    PARAPET_UNROLL for (int i = 0; i < N; ++i) a[i] = a[i] - b[i];
    return a;
  }
  friend PARAPET_INLINE PARAPET_FN constexpr vec operator*(X const& factor, vec a) {
    PARAPET_UNROLL for (int i = 0; i < N; ++i) a[i] = factor * a[i];
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
    PARAPET_UNROLL for (int i = 1; i < N; ++i) sum = sum + a[i] * b[i];
    return sum;
  }
}

/// Every component as an X: parameters and nodes, held as doubles, enter lanes.
template <class X, class Y, int N>
PARAPET_INLINE PARAPET_FN constexpr vec<X, N> convert(vec<Y, N> const& a) {
  vec<X, N> r{};
  PARAPET_UNROLL for (int i = 0; i < N; ++i) r[i] = X(a[i]);
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
    PARAPET_UNROLL for (int j = 0; j < Columns; ++j) r[j] = (*this)(i, j);
    return r;
  }
  PARAPET_INLINE PARAPET_FN constexpr vec<X, Rows> column(int j) const {
    vec<X, Rows> r{};
    PARAPET_UNROLL for (int i = 0; i < Rows; ++i) r[i] = (*this)(i, j);
    return r;
  }
};

}  // namespace parapet::inline PARAPET_ABI::grid
