// One application of a safety, reach or reach-avoid Bellman operator to a row of nodes:
//
//     (B V)(x) = (1 - g) max(l, f) + g max(f, min(l, best_u outcome_d V(Phi_h(x, u, d))))
//
// with target l and obstacle f (of which avoid and reach have none: f = -infinity). Fisac et al. (2019) for avoid, where l > 0 is
// safe and the control maximises; Hsu et al. (2021) for reach-avoid, with f > 0 in the obstacle, the negative of the function that a
// problem holds. V between nodes is multilinear: convex weights keep B a contraction with modulus g, which cubic ones would not.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/lanes.hpp>
#include <parapet/reachability/node_values.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/stepping.hpp>
#include <parapet/reachability/successor.hpp>

#include <cstdint>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability::detail {

/// A problem's function in lanes: l at states, and f where there is an obstacle.
template <class Question, class X, int D>
PARAPET_INLINE PARAPET_FN X start_value(Question const& q, vec<X, D> const& x) {
  static_assert(!is_node_values<decltype(q.target)> && !is_node_values<decltype(q.obstacle)>,
                "beyond::terminal needs the problem's functions off the grid: give functors, or take another rule - see docs/value_iteration.md");
  X const l = set_value(q.target, x, X(0.0f));
  if constexpr (Question::role::has_obstacle) return math::max(l, X(0.0f) - set_value(q.obstacle, x, X(0.0f)));
  else return l;
}

/// Bounds of what a tile's successors touch: lowest and highest node along each axis.
template <int D>
struct reach_box {
  std::int32_t low[D], high[D];
};

template <class System, class Question, class Steps, class T, class Space>
struct row_backup {
  static constexpr int dim = System::state_dim;
  using X = lanes_in<Space, T>;
  static constexpr int lanes = lane_count<X>;
  using stencil_type = stencil<T, dim, lanes>;
  using role = typename Question::role;
  static constexpr bool stops_beyond = std::is_same_v<decltype(Steps::off_grid), beyond::terminal>;
  static constexpr bool clamps = std::is_same_v<decltype(Steps::off_grid), beyond::clamp>;

  System system;
  Question question;
  Steps steps;
  grid::grid<dim> nodes;
  lattice<T, dim> cells;
  matrix_view<T const, Space> controls, disturbances;  ///< (samples, components)
  T const* target;                                     ///< l at the nodes
  T const* obstacle;                                   ///< f at the nodes, or null
  T value_beyond;                                      ///< for the rules with a fixed value

  /// The state at `count` nodes from `index` on along the last axis; lanes beyond repeat the last one.
  PARAPET_INLINE PARAPET_FN vec<X, dim> states(extents<dim> const& index, index_t count) const {
    vec<X, dim> x{};
    for (int a = 0; a + 1 < dim; ++a) x[a] = X(static_cast<T>(nodes.axis(a).coordinate(index[a])));
    T along[lanes];
    for (index_t i = 0; i < lanes; ++i)
      along[i] = static_cast<T>(nodes.axis(dim - 1).coordinate(index[dim - 1] + (i < count ? i : count - 1)));
    x[dim - 1] = load_lanes<X>(along);
    return x;
  }

  /// Where control u and disturbance d lead from x. Returns whether that is finite.
  PARAPET_INLINE PARAPET_FN bool step(vec<X, dim> const& x, index_t u, index_t d, stencil_type& s, reach_box<dim>& reach) const {
    vec<X, control_dim<System>> control{};
    vec<X, disturbance_dim<System>> disturbance{};
    for (int j = 0; j < control_dim<System>; ++j) control[j] = X(controls(u, j));
    for (int j = 0; j < disturbance_dim<System>; ++j) disturbance[j] = X(disturbances(d, j));
    vec<X, dim> const next = steps.integrator(system, x, control, disturbance, X(static_cast<T>(steps.time)));
    bool const finite = cells.template locate<X>(next, s, reach.low, reach.high);
    if constexpr (!clamps) {
      T ending[lanes];
      for (int i = 0; i < lanes; ++i) ending[i] = value_beyond;
      if constexpr (stops_beyond) store_lanes(start_value(question, next), ending);
      for (int i = 0; i < lanes; ++i)
        if (s.outside[i] != 0) s.fraction[0][i] = ending[i];
    }
    return finite;
  }

  /// V at a stencil's successors.
  template <class Values>
  PARAPET_INLINE PARAPET_FN X value_at(stencil_type const& s, Values const& at) const {
    X const v = cells.template interpolate<X>(s, at);
    if constexpr (clamps) return v;
    int outside = 0;
    for (int i = 0; i < lanes; ++i) outside |= s.outside[i];
    if (outside == 0) return v;
    T merged[lanes];
    store_lanes(v, merged);
    for (int i = 0; i < lanes; ++i)
      if (s.outside[i] != 0) merged[i] = s.fraction[0][i];
    return load_lanes<X>(merged);
  }

  /// Backs up the `count` nodes from `offset` on; `at(offset)` is V at a node, new values go to `out`. Stencils are `kept` unless
  /// null, and read from there unless `first`. Returns the largest change, infinite where a successor is not finite.
  template <class Values>
  PARAPET_FN T operator()(extents<dim> const& index, index_t count, T discount, Values const& at, T* out, stencil_type* kept, bool first,
                          reach_box<dim>& reach) const {
    using fold = typename decltype(Steps::outcome)::template fold<X, role::control_maximizes>;
    index_t const offset = nodes.offset(index), choices = disturbances.extent(0);
    vec<X, dim> x{};
    if (first || kept == nullptr) x = states(index, count);
    bool finite = true;
    X best(0.0f);
    for (index_t u = 0; u < controls.extent(0); ++u) {
      fold outcome(steps.outcome, choices);
      for (index_t d = 0; d < choices; ++d) {
        if (kept != nullptr && !first) {
          outcome.add(d, value_at(kept[u * choices + d], at));
        } else if (kept != nullptr) {
          finite = step(x, u, d, kept[u * choices + d], reach) && finite;
          outcome.add(d, value_at(kept[u * choices + d], at));
        } else {
          stencil_type s;
          finite = step(x, u, d, s, reach) && finite;
          outcome.add(d, value_at(s, at));
        }
      }
      X const value = outcome.result();
      if (u == 0) best = value;
      else best = role::control_maximizes ? math::max(best, value) : math::min(best, value);
    }
    T l[lanes], f[lanes], fresh[lanes];
    for (index_t i = 0; i < lanes; ++i) {
      index_t const node = offset + (i < count ? i : count - 1);
      l[i] = target[node];
      if constexpr (role::has_obstacle) f[i] = obstacle[node];
    }
    X const aim = load_lanes<X>(l), g(discount);
    X ahead = math::min(aim, best), here = aim;
    if constexpr (role::has_obstacle) {
      X const hit = load_lanes<X>(f);
      ahead = math::max(hit, ahead);
      here = math::max(hit, here);
    }
    store_lanes(X(1 - discount) * here + g * ahead, fresh);
    T change = 0;
    for (index_t i = 0; i < count; ++i) {
      T const old = at(static_cast<std::int32_t>(offset + i));
      if (discount == 1) fresh[i] = math::min(fresh[i], old);  // undiscounted values only fall, but for rounding
      change = math::max(change, math::abs(fresh[i] - old));
      out[offset + i] = fresh[i];
    }
    return finite ? change : math::infinity<T>;
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability::detail
