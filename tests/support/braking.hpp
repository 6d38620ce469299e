// The one safety problem with a value known everywhere: k masses that must stay between walls at -1 and 1, |u| <= 1 each.
//
//     V(x, v, tau) = min_i min(1 - x_i - (v_i t+ - t+^2 / 2), 1 + x_i - (-v_i t- - t-^2 / 2)),  t+ = min(tau, max(v_i, 0)), t- alike
#pragma once

#include <parapet/grid/grid.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

#include <algorithm>
#include <cmath>

namespace support {

using parapet::index_t;
using parapet::grid::vec;

/// k masses: state (x_1, v_1, x_2, v_2, ...).
template <int K>
struct masses {
  static constexpr int state_dim = 2 * K;
  parapet::reachability::box<K> controls = parapet::reachability::box<K>::symmetric(1);
  parapet::reachability::no_input disturbances{};

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 2 * K> drift(vec<X, 2 * K> const& s) const {
    vec<X, 2 * K> f;
    for (int i = 0; i < K; ++i) {
      f[2 * i] = s[2 * i + 1];
      f[2 * i + 1] = X(0.0f);
    }
    return f;
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN parapet::grid::mat<X, 2 * K, K> control_matrix(vec<X, 2 * K> const&) const {
    parapet::grid::mat<X, 2 * K, K> g;
    for (int i = 0; i < 2 * K; ++i)
      for (int j = 0; j < K; ++j) g(i, j) = X(i == 2 * j + 1 ? 1.0f : 0.0f);
    return g;
  }
};

/// Beyond the walls.
template <int K>
struct beyond_walls {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(vec<X, 2 * K> const& s) const {
    X l = X(1.0f) - parapet::math::abs(s[0]);
    for (int i = 1; i < K; ++i) l = parapet::math::min(l, X(1.0f) - parapet::math::abs(s[2 * i]));
    return l;
  }
};

template <int D>
double exact_braking(vec<double, D> const& s, double tau) {
  double value = HUGE_VAL;
  for (int i = 0; i < D; i += 2) {
    double const x = s[i], v = s[i + 1], up = std::min(tau, std::max(v, 0.0)), down = std::min(tau, std::max(-v, 0.0));
    value = std::min({value, 1 - x - (v * up - up * up / 2), 1 + x - (-v * down - down * down / 2)});
  }
  return value;
}

struct errors {
  double largest = 0, mean = 0;  ///< of |V - exact|
  index_t judged = 0;
  index_t false_safe = 0, false_unsafe = 0;
};

/// Against the exact solution at those nodes that `judged(state, exact)` takes.
template <class Value, class Judged>
errors against_exact(Value const& v, double tau, Judged judged) {
  errors e;
  for (index_t n = 0; n < v.nodes().size(); ++n) {
    auto const x = v.nodes().state(v.nodes().index(n));
    double const exact = exact_braking(x, tau), found = static_cast<double>(v.values().data()[n]);
    if (!judged(x, exact)) continue;
    ++e.judged;
    e.largest = std::max(e.largest, std::abs(found - exact));
    e.mean += std::abs(found - exact);
    e.false_safe += found > 0 && exact <= 0;
    e.false_unsafe += found <= 0 && exact > 0;
  }
  e.mean /= static_cast<double>(e.judged);
  return e;
}

/// Where the edge of the grid is far enough away to play no part: |x| <= 1, |v| <= 1.5 for one mass.
inline bool inner_box(vec<double, 2> const& s, double) { return std::abs(s[0]) <= 1 && std::abs(s[1]) <= 1.5; }

/// For several: where the optimal paths stay on the grid.
struct inner_band {
  template <int D>
  bool operator()(vec<double, D> const&, double exact) const {
    return exact >= -0.4;
  }
};

/// Both: the band, and every mass in the inner box.
struct inner_part_of_band {
  template <int D>
  bool operator()(vec<double, D> const& s, double exact) const {
    bool inside = exact >= -0.4;
    for (int i = 0; i < D; i += 2) inside = inside && inner_box({s[i], s[i + 1]}, exact);
    return inside;
  }
};

/// [-1.5, 1.5] x [-2, 2] for each mass.
template <int K>
parapet::grid::grid<2 * K> braking_grid(index_t n) {
  parapet::grid::axis axes[2 * K];
  for (int i = 0; i < K; ++i) {
    axes[2 * i] = {-1.5, 1.5, n};
    axes[2 * i + 1] = {-2, 2, n};
  }
  return parapet::grid::grid<2 * K>(axes);
}

}  // namespace support
