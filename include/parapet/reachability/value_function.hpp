// A value function on a grid, with all that makes sense of its numbers: the system, who plays, and how far ahead it looks.
//
//     auto const v = reachability::solve(...);    // or value_iteration(...).value
//     v.value(x);                                 // {V <= 0} is the set that the question names (reachability/problem.hpp)
//     v.contains(x);  v.gradient(x);
//     v.control(x);  v.worst_disturbance(x);      // the players' best inputs along the gradient
//
// Between nodes V is multilinear. A query off the grid is decided by the type of a last argument: off_grid::error{}, the default,
// throws argument_error with the state; off_grid::clamp{} takes the nearest point of the grid; off_grid::conservative{v} the value v.
// Queries want values in host memory; batches run on any backend.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/horizon.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/value_view.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::reachability {

namespace off_grid = grid::off_grid;

/// V, its grid and system; Role is one of avoid_role, reach_role, reach_avoid_role, Horizon one of those in reachability/horizon.hpp.
template <class System, class T, class Role, class Horizon, class Space = host_space>
class value_function {
public:
  static_assert(check_dynamics<System>());
  static constexpr int dim = System::state_dim;
  using system_type = System;
  using scalar = T;
  using role = Role;
  using horizon_type = Horizon;
  using space = Space;
  using state = vec<T, dim>;
  using control_input = vec<T, control_dim<System>>;
  using disturbance_input = vec<T, disturbance_dim<System>>;

  /// `values` is a dense row-major array of the grid's shape. Throws shape_error.
  value_function(System const& system, grid::grid<dim> const& nodes, buffer<T, Space> values, Horizon horizon = {})
      : system_(system), nodes_(nodes), values_(std::move(values)), horizon_(horizon) {
    if (values_.size() != nodes.size())
      throw shape_error(parapet::detail::concat("value_function: ", values_.size(), " values for a grid of shape ", nodes.shape()));
  }

  System const& system() const { return system_; }
  grid::grid<dim> const& nodes() const { return nodes_; }
  Horizon const& horizon() const { return horizon_; }
  tensor_view<T, dim, Space> values() { return values_.view(nodes_.shape()); }
  tensor_view<T const, dim, Space> values() const { return values_.view(nodes_.shape()); }

  /// The same without the memory, for kernels and control loops; valid while this object lives.
  value_view<System, T, Role> view() const { return {system_, nodes_, values_.data()}; }

  /// V(x), multilinear between nodes.
  template <class Rule = off_grid::error>
  T value(state const& x, Rule const& rule = {}) const {
    return on_host().value(x, rule);
  }

  /// Whether x is in the set that the question names: V(x) <= 0.
  template <class Rule = off_grid::error>
  bool contains(state const& x, Rule const& rule = {}) const {
    return value(x, rule) <= 0;
  }

  /// V(x) and the slopes of the interpolant in the cell around x: the gradient that belongs to value(), with jumps between
  /// cells. Off the grid, of the nearest cell, and not `inside`.
  value_and_slopes<T, dim> slopes(state const& x) const noexcept { return on_host().slopes(x); }

  /// Gradient of V by central differences, interpolated: continuous; at a kink a mean of both sides.
  template <class Rule = off_grid::error>
  state gradient(state const& x, Rule const& = {}) const {
    static_assert(!requires(Rule r) { r.value; }, "gradient: off the grid there is no conservative gradient; take off_grid::clamp or off_grid::error");
    if constexpr (std::is_same_v<Rule, off_grid::error>)
      if (!grid::locate(nodes_, x).inside) throw argument_error("gradient: the state " + grid::detail::describe(x) + " lies beyond the grid");
    return on_host().gradient(x);
  }

  /// The control that works best for the control's aim along the gradient, against the disturbance that answers worst.
  template <class Rule = off_grid::error>
  control_input control(state const& x, Rule const& rule = {}) const {
    return best_inputs<Role>(system_, x, gradient(x, rule), T(0)).control;
  }
  /// The disturbance that works against the control's aim.
  template <class Rule = off_grid::error>
  disturbance_input worst_disturbance(state const& x, Rule const& rule = {}) const {
    return best_inputs<Role>(system_, x, gradient(x, rule), T(0)).disturbance;
  }

  /// out[i] = V at row i of `states` (n, dim), by the backend where the values are. Rules: clamp, conservative. Throws shape_error.
  template <class Backend, class Rule>
  void values_at(Backend& be, matrix_view<T const, Space> const& states, vector_view<T, Space> const& out, Rule const& rule) const {
    grid::interpolate(be, nodes_, values(), states, out, rule);
  }

  /// The same numbers under another horizon. On your own word: only where a margin, or a proof, covers what the type warns of.
  template <class NewHorizon>
  value_function<System, T, Role, NewHorizon, Space> with_horizon(NewHorizon horizon) && {
    return {system_, nodes_, std::move(values_), horizon};
  }

private:
  value_view<System, T, Role> on_host() const {
    static_assert(std::is_same_v<Space, host_space>, "single queries need values in host memory; batches run where they are");
    return view();
  }

  System system_;
  grid::grid<dim> nodes_;
  buffer<T, Space> values_;
  Horizon horizon_;
};

}  // namespace parapet::inline PARAPET_ABI::reachability
