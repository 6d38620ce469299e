// One Runge-Kutta stage of a Hamilton-Jacobi equation in one pass over the grid: no array of derivatives, none of states.
//
//     to = base + b (from - base + dt L(from)),    L(V) = H(x, (p- + p+) / 2) + sum_i alpha_i (p+_i - p-_i) / 2
//
// p- and p+ are one-sided derivatives of `from` (grid/upwind.hpp), H the Hamiltonian forward in time to go, alpha the dissipation of
// Lax and Friedrichs. A tube never gives back what it has: L is cut off at 0. In the last stage of a step sets that move, and
// obstacles, are applied at the step's end: V = max(min(V, target), -obstacle).
//
// The pass here runs node by node on any backend and is the reference; the CPU's, in lanes, is upwind_sweep_cpu.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/upwind.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/node_values.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/row_activity.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

/// What one stage is made of. Pointers are dense row-major arrays of the grid's shape in the backend's memory; `to` is neither
/// `from` nor a part of it, and may be `base`.
template <class T, class Scheme, class Dissipation, class System, class Problem>
struct upwind_stage {
  static constexpr int dim = System::state_dim;
  using scalar = T;
  using scheme = Scheme;
  using role = typename Problem::role;
  static constexpr bool target_moves = detail::is_moving<decltype(Problem::target), T, dim>;
  static constexpr bool obstacle_moves = role::has_obstacle && detail::is_moving<decltype(Problem::obstacle), T, dim>;

  grid::grid<dim> nodes;
  System system;
  Problem problem;
  T const* from;
  T const* base;
  T* to;
  T b, dt;
  T time;             ///< physical time at `from`
  T end_time;         ///< physical time at the end of the step
  T highest_rate;     ///< L is cut off here: 0 in a tube, infinity in a set
  T lowest;           ///< V is cut off here, -infinity for nowhere
  T gradient_sign;    ///< -1 where the sets of states run forward in time
  bool ends_step;     ///< the last stage of a step
  bool takes_target;  ///< V = min(V, target) at the end of a step
  T* arrival;         ///< where not null: the first time to go at which V <= 0, written at the end of a step
  T elapsed, step;    ///< time to go before the step, and its length

  /// The new value of nodes with states x, old values `centre` and one-sided gradients.
  template <class X>
  PARAPET_INLINE PARAPET_FN X updated(detail::node_span<X> const& at, vec<X, dim> const& x, vec<X, dim> left, vec<X, dim> right, X const& centre,
                                      X const& before) const {
    vec<X, dim> const jump = right - left;
    if (gradient_sign < T(0)) {
      left = detail::negated(left);
      right = detail::negated(right);
    }
    auto const h = evaluate<role, Dissipation>(system, x, left, right, X(time));
    // Grouped so that little has to wait for the Hamiltonian.
    X const rate = math::min(h.value + X(0.5f) * dot(h.speeds, jump), X(highest_rate));
    X v = math::max((before + X(b) * (centre - before)) + X(b * dt) * rate, X(lowest));
    if (ends_step) {
      if (takes_target) v = math::min(v, detail::set_at(problem.target, at, x, end_time));
      if constexpr (role::has_obstacle) v = math::max(v, X(0.0f) - detail::set_at(problem.obstacle, at, x, end_time));
    }
    return v;
  }
};

namespace detail {

/// v[i + k] along one axis of stride `stride`, with what lies beyond the ends.
template <class T>
PARAPET_FN T beyond(T const* row, index_t stride, index_t n, grid::boundary boundary, index_t i) {
  if (i >= 0 && i < n) return row[i * stride];
  if (boundary == grid::boundary::periodic) return row[(i < 0 ? i + n : i - n) * stride];
  bool const below = i < 0;
  T const edge = row[below ? 0 : (n - 1) * stride], inner = row[below ? stride : (n - 2) * stride];
  auto const k = static_cast<T>(below ? -i : i - (n - 1));
  T slope = edge - inner;
  if (boundary == grid::boundary::away_from_zero) slope = edge > T(0) ? math::abs(slope) : edge < T(0) ? -math::abs(slope) : T(0);
  return edge + k * slope;
}

template <class Stage>
struct sweep_node {
  Stage stage;
  PARAPET_FN void operator()(index_t n) const {
    using T = typename Stage::scalar;
    using scheme = typename Stage::scheme;
    constexpr int dim = Stage::dim, reach = scheme::reach;
    extents<dim> const index = stage.nodes.index(n);
    vec<T, dim> left{}, right{};
    index_t stride = 1;
    for (int a = dim - 1; a >= 0; --a) {
      auto const& axis = stage.nodes.axis(a);
      T const* const row = stage.from + (n - index[a] * stride);
      T v[2 * reach + 1];
      for (int k = -reach; k <= reach; ++k) v[k + reach] = beyond(row, stride, axis.n, axis.beyond, index[a] + k);
      auto const p = scheme::slopes(v, static_cast<T>(stage.nodes.inverse_spacing(a)));
      left[a] = p.left;
      right[a] = p.right;
      stride *= axis.n;
    }
    T const before = stage.base[n];
    T const v = stage.updated(node_span<T>{n, 1}, stage.nodes.template state<T>(index), left, right, stage.from[n], before);
    if (stage.ends_step && stage.arrival != nullptr && before > T(0) && v <= T(0))
      stage.arrival[n] = stage.elapsed + stage.step * (before / (before - v));
    stage.to[n] = v;
  }
};

/// out[n] = sum_i alpha_i / dx_i, the inverse of the largest stable time step.
template <class T, class System>
struct speed_node {
  grid::grid<System::state_dim> nodes;
  System system;
  T time;
  T* out;
  PARAPET_FN void operator()(index_t n) const {
    auto const x = nodes.template state<T>(nodes.index(n));
    auto const speed = max_speed(system, x, time);
    T sum = 0;
    for (int a = 0; a < System::state_dim; ++a) sum += speed[a] * static_cast<T>(nodes.inverse_spacing(a));
    out[n] = sum;
  }
};

/// out[n] = the function of the target, and where there is one the greater of it and -obstacle.
template <class T, int D, class Problem>
struct start_node {
  grid::grid<D> nodes;
  Problem problem;
  T time;
  T* out;
  PARAPET_FN void operator()(index_t n) const {
    auto const x = nodes.template state<T>(nodes.index(n));
    node_span<T> const at{n, 1};
    T v = set_at(problem.target, at, x, time);
    if constexpr (Problem::role::has_obstacle) v = math::max(v, -set_at(problem.obstacle, at, x, time));
    out[n] = v;
  }
};

}  // namespace detail

/// The stage on any backend.
template <class Backend, class Stage>
void upwind_sweep(Backend& be, Stage const& stage, row_activity&) {
  for_each_index(be, extents{stage.nodes.size()}, detail::sweep_node<Stage>{stage});
}

/// work[n] = sum_i alpha_i / dx_i on any backend.
template <class Backend, class T, class System>
void speed_sweep(Backend& be, grid::grid<System::state_dim> const& nodes, System const& system, T time, T* work) {
  for_each_index(be, extents{nodes.size()}, detail::speed_node<T, System>{nodes, system, time, work});
}

/// values[n] = the problem's start on any backend.
template <class Backend, class T, int D, class Problem>
void start_sweep(Backend& be, grid::grid<D> const& nodes, Problem const& problem, T time, T* values) {
  for_each_index(be, extents{nodes.size()}, detail::start_node<T, D, Problem>{nodes, problem, time, values});
}

}  // namespace parapet::inline PARAPET_ABI::reachability
