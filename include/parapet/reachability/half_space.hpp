// The nearest input to a wish that satisfies one linear demand: min |u - wish| with a . u >= b and u in the input set. A wish outside
// the set stands for its nearest point, which is what an actuator makes of it.
//
// With one half-space no solver of quadratic programs is needed. In a box the solution is u_j = clamp(wish_j + lambda a_j), where
// lambda >= 0 is the least that meets the demand: a . u grows linearly between the 2 M values of lambda at which a component
// reaches its bound, so it is found exactly. In a ball it is a projection onto the plane, or, where that leaves the ball, onto
// the circle in which the two meet. In a finite list all are tried.
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/input_set.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// The nearest input, and whether it meets the demand; if none does, the input that comes closest to it.
template <class T, int M>
struct projection {
  vec<T, M> input;
  bool feasible;
};

/// The nearest input of the set. NaN becomes the lower bound.
template <class T, int M>
PARAPET_FN vec<T, M> nearest(box<M> const& set, vec<T, M> wish) noexcept {
  PARAPET_UNROLL for (int j = 0; j < M; ++j) {
    T const low = static_cast<T>(set.lower[j]), high = static_cast<T>(set.upper[j]);
    wish[j] = !(wish[j] >= low) ? low : wish[j] > high ? high : wish[j];
  }
  return wish;
}
template <class T, int M>
PARAPET_FN vec<T, M> nearest(ball<M> const& set, vec<T, M> const& wish) noexcept {
  T const length = math::sqrt(dot(wish, wish)), radius = static_cast<T>(set.radius);
  if (length <= radius) return wish;
  if (!(length < T(1e30))) return set.template centre<T>();  // NaN too
  return (radius / length) * wish;
}
template <class T, int M, int N>
PARAPET_FN vec<T, M> nearest(input_list<M, N> const& set, vec<T, M> const& wish) noexcept {
  int best = 0;
  T least = 0;
  for (int k = 0; k < N; ++k) {
    vec<T, M> const apart = grid::convert<T>(set.values[k]) - wish;
    T const distance = dot(apart, apart);
    if (k == 0 || distance < least) best = k, least = distance;
  }
  return grid::convert<T>(set.values[best]);
}

/// min |u - nearest(wish)| with a . u >= b and u in the box.
template <class T, int M>
PARAPET_FN projection<T, M> project(box<M> const& set, vec<T, M> const& wish, vec<T, M> const& a, T b) noexcept {
  vec<T, M> const start = nearest(set, wish);
  T reached = dot(a, start);
  if (reached >= b) return {start, true};
  // lambda at which component j reaches the bound that a pulls it to.
  T ends[M > 0 ? M : 1];
  T slope = 0;
  vec<T, M> const limit = set.argmax(a);
  for (int j = 0; j < M; ++j) {
    ends[j] = a[j] != 0 ? (limit[j] - start[j]) / a[j] : T(0);
    if (ends[j] > 0) slope += a[j] * a[j];
  }
  if (dot(a, limit) < b) return {limit, false};
  T lambda = 0;
  for (int turn = 0; turn < M && slope > 0; ++turn) {
    int next = -1;
    for (int j = 0; j < M; ++j)
      if (ends[j] > lambda && (next < 0 || ends[j] < ends[next])) next = j;
    if (next < 0) break;
    T const needed = lambda + (b - reached) / slope;
    if (needed <= ends[next]) {
      lambda = needed;
      reached = b;
      break;
    }
    reached += slope * (ends[next] - lambda);
    lambda = ends[next];
    for (int j = 0; j < M; ++j)
      if (ends[j] == lambda) slope -= a[j] * a[j];
  }
  vec<T, M> u{};
  for (int j = 0; j < M; ++j) u[j] = lambda >= ends[j] && ends[j] > 0 ? limit[j] : start[j] + lambda * a[j];
  return {nearest(set, u), true};
}

/// The same in the ball.
template <class T, int M>
PARAPET_FN projection<T, M> project(ball<M> const& set, vec<T, M> const& wish, vec<T, M> const& a, T b) noexcept {
  vec<T, M> const start = nearest(set, wish);
  T const reached = dot(a, start), square = dot(a, a), radius = static_cast<T>(set.radius);
  if (reached >= b) return {start, true};
  if (set.support(a) < b || !(square > 0)) return {set.argmax(a), false};
  vec<T, M> const on_plane = start + ((b - reached) / square) * a;
  if (dot(on_plane, on_plane) <= radius * radius) return {on_plane, true};
  vec<T, M> const foot = (b / square) * a, along = on_plane - foot;
  T const rest = radius * radius - dot(foot, foot), length = math::sqrt(dot(along, along));
  if (!(length > 0) || !(rest > 0)) return {nearest(set, foot), true};
  return {nearest(set, foot + (math::sqrt(rest) / length) * along), true};
}

/// The same in the list.
template <class T, int M, int N>
PARAPET_FN projection<T, M> project(input_list<M, N> const& set, vec<T, M> const& wish, vec<T, M> const& a, T b) noexcept {
  int best = -1;
  T least = 0;
  for (int k = 0; k < N; ++k) {
    vec<T, M> const u = grid::convert<T>(set.values[k]), apart = u - wish;
    T const distance = dot(apart, apart);
    if (dot(a, u) >= b && (best < 0 || distance < least)) best = k, least = distance;
  }
  if (best < 0) return {set.argmax(a), false};
  return {grid::convert<T>(set.values[best]), true};
}

}  // namespace parapet::inline PARAPET_ABI::reachability
