// Starting values from a solution that is at hand: of a coarser grid, or of yesterday's target.
//
// A tube only ever sinks, V_tau <= 0, so a start must lie between the solution and the target's function: V* <= start <= target.
// Values of a coarser grid are off by its error, to either side: they are lifted by what the error may be, and cut off at the target.
//
//     auto const coarse = hamilton_jacobi<float>(be, system, coarse_nodes, problem, infinite_horizon{});
//     buffer<float> start(nodes.size());
//     start_from(be, coarse.value, nodes, problem, lift, start.view(nodes.shape()));
//     auto const fine = hamilton_jacobi<float>(be, system, nodes, problem, infinite_horizon{}, {.start = start.data()});
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/upwind_sweep.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {
namespace detail {

template <class T, int D, class Space>
struct lift_node {
  grid::grid<D> nodes, coarse;
  T const* values;
  T lift;
  T* start;  // holds the target's function
  PARAPET_FN void operator()(index_t n) const {
    auto const x = nodes.template state<T>(nodes.index(n));
    start[n] = math::min(start[n], grid::interpolate(coarse, values, x, grid::off_grid::clamp{}) + lift);
  }
};

}  // namespace detail

/// start = min(target, V + lift) at the nodes of a grid. `lift` bounds the error of V, in its units: for a coarser grid a cell of it
/// times the slope of V; 0 where V solves for a target that has only grown since. Throws shape_error.
template <class Backend, class Value, class Problem, class T, int D, class Space>
void start_from(Backend& be, Value const& value, grid::grid<D> const& nodes, Problem const& problem, std::type_identity_t<T> lift,
                tensor_view<T, D, Space> const& start) {
  static_assert(!Problem::role::has_obstacle, "start_from: beside an obstacle a tube need not sink");
  check_shape("start_from: start", start.shape(), nodes.shape());
  start_sweep(be, nodes, problem, T(0), start.data());
  for_each_index(be, extents{nodes.size()},
                 detail::lift_node<T, D, Space>{nodes, value.nodes(), value.values().data(), lift, start.data()});
}

}  // namespace parapet::inline PARAPET_ABI::reachability
