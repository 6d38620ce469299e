// Sets that inputs are chosen from: a box, a ball, or a finite list. Each knows its best point against a linear form.
//
//     support(q) = max { q . u : u in the set },    argmax(q) = a u that attains it,
//     spread(r)  = max { |r . (u - centre)| },      narrowed(q_low, q_high): the set of argmax(q) for q_low <= q <= q_high.
//
// These four are all that a control-affine Hamiltonian and its exact dissipation need; a set of your own has them too.
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

using grid::mat;
using grid::vec;

/// A box in lanes: what is left of a set when some signs are known.
template <class X, int M>
struct lane_box {
  vec<X, M> centre, half;
  PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const {
    X sum = X(0.0f);
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { sum = sum + math::abs(row[j]) * half[j]; });
    return sum;
  }
};

/// { u : lower <= u <= upper }, component by component: `box<2>{{-1, 0}, {1, 3}}`.
template <int M>
struct box {
  static constexpr int dim = M;
  vec<double, M> lower, upper;

  /// |u_j| <= radius for each component.
  static constexpr box symmetric(double radius) {
    box b{};
    for (int j = 0; j < M; ++j) {
      b.lower[j] = -radius;
      b.upper[j] = radius;
    }
    return b;
  }

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> centre() const {
    vec<X, M> u{};
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { u[j] = X(0.5 * (lower[j] + upper[j])); });
    return u;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X support(vec<X, M> const& q) const {
    X sum = X(0.0f);
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { sum = sum + math::max(q[j] * X(lower[j]), q[j] * X(upper[j])); });
    return sum;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> argmax(vec<X, M> const& q) const {
    vec<X, M> u{};
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { u[j] = math::where(q[j] >= X(0.0f), X(upper[j]), X(lower[j])); });
    return u;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const {
    X sum = X(0.0f);
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { sum = sum + math::abs(row[j]) * X(0.5 * (upper[j] - lower[j])); });
    return sum;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN lane_box<X, M> narrowed(vec<X, M> const& q_low, vec<X, M> const& q_high) const {
    lane_box<X, M> r{};
    PARAPET_UNROLL for (int j = 0; j < M; ++j) {
      X const low = math::where(q_low[j] > X(0.0f), X(upper[j]), X(lower[j]));
      X const high = math::where(q_high[j] < X(0.0f), X(lower[j]), X(upper[j]));
      r.centre[j] = X(0.5f) * (low + high);
      r.half[j] = X(0.5f) * (high - low);
    }
    return r;
  }
};

/// A system that nothing disturbs: `no_input disturbances{};`.
using no_input = box<0>;

/// { u : |u| <= radius } in the Euclidean norm.
template <int M>
struct ball {
  static constexpr int dim = M;
  double radius;

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> centre() const {
    vec<X, M> u{};
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { u[j] = X(0.0f); });
    return u;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X support(vec<X, M> const& q) const { return X(radius) * math::sqrt(dot(q, q)); }
  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> argmax(vec<X, M> const& q) const {
    X const norm = math::sqrt(dot(q, q));
    X const factor = X(radius) / math::where(norm > X(0.0f), norm, X(1.0f));
    return factor * q;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const { return support(row); }
  template <class X>
  struct narrowed_ball {
    vec<X, M> centre;
    double radius;
    PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const { return X(radius) * math::sqrt(dot(row, row)); }
  };
  /// The whole ball: a safe bound.
  template <class X>
  PARAPET_INLINE PARAPET_FN narrowed_ball<X> narrowed(vec<X, M> const&, vec<X, M> const&) const { return {centre<X>(), radius}; }
};

/// The N inputs of a list: `input_list<1, 3>{{{-1}, {0}, {1}}}`. For dynamics that are not affine, or a bang-bang actuator.
template <int M, int N>
struct input_list {
  static constexpr int dim = M;
  static constexpr int size = N;
  vec<double, M> values[N];

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> operator[](int k) const { return grid::convert<X>(values[k]); }
  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> centre() const {
    vec<X, M> u{};
    grid::unrolled<M>([&](auto j) PARAPET_LAMBDA { u[j] = X(0.0f); });
    return u;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X support(vec<X, M> const& q) const {
    X best = dot(q, grid::convert<X>(values[0]));
    for (int k = 1; k < N; ++k) best = math::max(best, dot(q, grid::convert<X>(values[k])));
    return best;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, M> argmax(vec<X, M> const& q) const {
    vec<X, M> u = grid::convert<X>(values[0]);
    X best = dot(q, u);
    for (int k = 1; k < N; ++k) {
      vec<X, M> const candidate = grid::convert<X>(values[k]);
      X const value = dot(q, candidate);
      for (int j = 0; j < M; ++j) u[j] = math::where(value > best, candidate[j], u[j]);
      best = math::max(best, value);
    }
    return u;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const {
    X most = X(0.0f);
    for (int k = 0; k < N; ++k) most = math::max(most, math::abs(dot(row, grid::convert<X>(values[k]))));
    return most;
  }
  template <class X>
  struct narrowed_list {
    vec<X, M> centre;
    input_list const& list;
    PARAPET_INLINE PARAPET_FN X spread(vec<X, M> const& row) const { return list.spread(row); }
  };
  /// The whole list: a safe bound.
  template <class X>
  PARAPET_INLINE PARAPET_FN narrowed_list<X> narrowed(vec<X, M> const&, vec<X, M> const&) const { return {centre<X>(), *this}; }
};

template <class Set>
inline constexpr bool is_finite_set = false;
template <int M, int N>
inline constexpr bool is_finite_set<input_list<M, N>> = true;
template <>
inline constexpr bool is_finite_set<box<0>> = true;  // one input: none

}  // namespace parapet::inline PARAPET_ABI::reachability
