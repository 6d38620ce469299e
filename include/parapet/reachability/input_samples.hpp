// Finitely many inputs out of a set, by number: what a method tries that cannot optimise in closed form.
//
//     box     n values along each component, ends included: n^M inputs; n = 2 gives the corners, n = 1 the centre
//     ball    its centre, and directions on its rim: 2 in one dimension, 4 (n - 1) in two; in more, the 2 M ends of the axes
//     finite  its own list, whatever n is
//
// For dynamics that are affine in the inputs corners are enough in the limit of small steps; a discrete-time map may want more.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/input_set.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// How many inputs sample() numbers when each component takes n >= 1 values.
template <int M>
PARAPET_FN constexpr index_t sample_count(box<M> const&, index_t n) {
  index_t count = 1;
  for (int j = 0; j < M; ++j) count *= n;
  return count;
}
template <int M>
PARAPET_FN constexpr index_t sample_count(ball<M> const& set, index_t n) {
  if (n == 1 || set.radius == 0) return 1;
  return 1 + (M == 2 ? 4 * (n - 1) : 2 * M);
}
template <int M, int N>
PARAPET_FN constexpr index_t sample_count(input_list<M, N> const&, index_t) {
  return N;
}

/// Input number k in [0, sample_count(set, n)).
template <class T, int M>
PARAPET_FN constexpr vec<T, M> sample(box<M> const& set, index_t n, index_t k) {
  vec<T, M> u{};
  for (int j = M - 1; j >= 0; --j) {
    double const part = n == 1 ? 0.5 : static_cast<double>(k % n) / static_cast<double>(n - 1);
    u[j] = static_cast<T>(set.lower[j] + part * (set.upper[j] - set.lower[j]));
    k /= n;
  }
  return u;
}
template <class T, int M>
PARAPET_FN vec<T, M> sample(ball<M> const& set, index_t n, index_t k) {
  vec<T, M> u{};
  for (int j = 0; j < M; ++j) u[j] = T(0);
  if (k == 0) return u;
  if constexpr (M == 2) {
    double const angle = 6.283185307179586 * static_cast<double>(k - 1) / static_cast<double>(4 * (n - 1));
    u[0] = static_cast<T>(set.radius * math::cos(angle));
    u[1] = static_cast<T>(set.radius * math::sin(angle));
  } else {
    u[static_cast<int>((k - 1) / 2)] = static_cast<T>(k % 2 == 1 ? set.radius : -set.radius);
  }
  return u;
}
template <class T, int M, int N>
PARAPET_FN constexpr vec<T, M> sample(input_list<M, N> const& set, index_t, index_t k) {
  return grid::convert<T>(set.values[k]);
}

}  // namespace parapet::inline PARAPET_ABI::reachability
