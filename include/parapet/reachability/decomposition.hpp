// Value functions of subsystems put together on the grid of the whole: back-projection, union and intersection.
//
// If a system falls apart into subsystems that share no input, {V <= 0} of the whole is made of those of the parts: with
// V(x) = min_i V_i(x_i) it is the union of their back-projections, the states for which some part is in its set; with max the
// intersection. That is exact for an avoid of "some part fails" and for a reach of "some part arrives" without shared controls or disturbances;
// with shared ones it is an approximation. Chen, Herbert, Vashishtha, Bansal, Tomlin, "Decomposition of reachable sets and
// tubes for a class of nonlinear systems" (2018).
//
//     combine(be, whole, math::minimum{}, values, part(cart.value, {0, 1}), part(arm.value, {2, 3}));
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// Values over some axes of a larger grid.
template <class T, int D, class Space>
struct subsystem {
  grid::grid<D> nodes;
  tensor_view<T const, D, Space> values;
  int axes[D];  ///< where each of its axes is among those of the whole
};

/// A value function (or anything with nodes() and values()) of a subsystem whose a-th axis is axis axes[a] of the whole.
template <class ValueFunction>
auto part(ValueFunction const& value, int const (&axes)[ValueFunction::dim]) {
  subsystem<typename ValueFunction::scalar, ValueFunction::dim, typename ValueFunction::space> s{value.nodes(), value.values(), {}};
  for (int a = 0; a < ValueFunction::dim; ++a) s.axes[a] = axes[a];
  return s;
}

namespace detail {

template <class T, int D, int P, class Space, class Fold>
struct combine_node {
  grid::grid<D> whole;
  subsystem<T, P, Space> piece;
  Fold fold;
  T* out;
  bool first;
  PARAPET_FN void operator()(index_t n) const {
    auto const x = whole.template state<T>(whole.index(n));
    grid::vec<T, P> y{};
    for (int a = 0; a < P; ++a) y[a] = x[piece.axes[a]];
    T const v = grid::interpolate(piece.nodes, piece.values.data(), y, grid::off_grid::clamp{});
    out[n] = first ? v : fold(out[n], v);
  }
};

}  // namespace detail

/// out (shape of `whole`) = fold over the parts of their values at the components that they have of each node; `fold` is
/// math::minimum{} or math::maximum{}. One part alone is its back-projection. Throws shape_error and argument_error.
template <class Backend, int D, class Fold, class T, class Space, class... Parts>
void combine(Backend& be, grid::grid<D> const& whole, Fold const& fold, tensor_view<T, D, Space> const& out, Parts const&... parts) {
  check_shape("combine: output", out.shape(), whole.shape());
  bool first = true;
  auto const add = [&]<int P>(subsystem<T, P, Space> const& piece) {
    check_shape("combine: a part", piece.values.shape(), piece.nodes.shape());
    for (int const axis : piece.axes)
      if (axis < 0 || axis >= D) throw argument_error(parapet::detail::concat("combine: axis ", axis, " of a grid with ", D));
    for_each_index(be, extents{whole.size()}, detail::combine_node<T, D, P, Space, Fold>{whole, piece, fold, out.data(), first});
    first = false;
  };
  (add(parts), ...);
}

}  // namespace parapet::inline PARAPET_ABI::reachability
