// Time to reach: how soon can the control bring the system into a target, whatever the disturbance does?
//
//     T(x) = min { tau : V(x, tau) <= 0 },    V the value of reach(target): its tube over tau holds the states with T <= tau
//
//     auto const t = time_to_reach<float>(be, mass{}, nodes, reach(gate), finite_horizon{3});
//     t.at({1.5f, 0.2f});    // seconds; infinite where it takes longer, or cannot be done
//
// Of avoid(failure) T is for how long the control can put failure off. Mitchell, "A toolbox of level set methods" (2007), section 2.7.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/grid/upwind.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/horizon.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::reachability {

/// T at the nodes of a grid, in seconds: 0 in the target, infinite where V stays above 0 until the horizon.
template <class T, int D, class Space = host_space>
class arrival_times {
public:
  arrival_times(grid::grid<D> const& nodes, buffer<T, Space> times, hamilton_jacobi_report of_solve)
      : report(std::move(of_solve)), nodes_(nodes), times_(std::move(times)) {}

  hamilton_jacobi_report report;  ///< of the solve

  grid::grid<D> const& nodes() const { return nodes_; }
  tensor_view<T const, D, Space> values() const { return {times_.data(), nodes_.shape()}; }

  /// T at a state, multilinear between nodes: infinite beside a node where it is, and beyond the grid.
  T at(vec<T, D> const& x) const
    requires std::is_same_v<Space, host_space>
  {
    grid::cell<T, D> const c = grid::locate(nodes_, x);
    if (!c.inside) return math::infinity<T>;
    T time = 0;
    for (int corner = 0; corner < 1 << D; ++corner) {
      T weight = 1;
      index_t node = c.base;
      for (int a = 0; a < D; ++a) {
        bool const upper = corner >> a & 1;
        weight *= upper ? c.fraction[a] : 1 - c.fraction[a];
        if (upper) node += c.step[a];
      }
      if (weight > 0) time += weight * times_.data()[node];  // 0 times infinity is not 0
    }
    return time;
  }

private:
  grid::grid<D> nodes_;
  buffer<T, Space> times_;
};

/// Solves `problem` until the horizon and notes when V sinks to 0 at each node, linear in time between two steps. Throws what
/// hamilton_jacobi throws; `options.arrival` is not used.
template <class T = float, class Scheme = grid::weno5, class Dissipation = global_lax_friedrichs, class Backend, class System, class Problem>
auto time_to_reach(Backend& be, System const& system, grid::grid<System::state_dim> const& nodes, Problem const& problem, finite_horizon horizon,
                   hamilton_jacobi_options<T> options = {}) {
  using space = typename Backend::space;
  buffer<T, space> times(nodes.size());
  options.arrival = times.data();
  auto solved = hamilton_jacobi<T, Scheme, Dissipation>(be, system, nodes, problem, horizon, options);
  return arrival_times<T, System::state_dim, space>(nodes, std::move(times), std::move(solved.report));
}

}  // namespace parapet::inline PARAPET_ABI::reachability
