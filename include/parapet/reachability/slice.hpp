// A plane through a value function, as an array that io/svg.hpp draws and io/npy.hpp writes.
//
//     auto const s = slice(value, 0, 1, {0, 0, 0.5f, 1.57f});     // V over axes 0 and 1, the other coordinates fixed
//     panel.iso_line(s.values(), {s.x_low, s.x_high, s.y_low, s.y_high}, 0, {.stroke = "#000"});
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/reachability/value_function.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// V at (nx, ny) points spread evenly over a rectangle, its borders included.
template <class T>
struct plane_slice {
  double x_low, x_high, y_low, y_high;
  extents<2> shape;
  buffer<T> memory;

  matrix_view<T const> values() const { return memory.view(shape); }
};

/// V at the nodes along two axes, with the other coordinates as in `at`, interpolated. A periodic axis gets its end point too. Throws
/// argument_error for axes that are none, and for a plane beyond the grid.
template <class System, class T, class Role, class Horizon>
plane_slice<T> slice(value_function<System, T, Role, Horizon> const& v, int x_axis, int y_axis, vec<T, System::state_dim> at) {
  if (x_axis < 0 || y_axis < 0 || x_axis >= System::state_dim || y_axis >= System::state_dim || x_axis == y_axis)
    throw argument_error(parapet::detail::concat("slice: axes ", x_axis, " and ", y_axis, " of ", int{System::state_dim}));
  grid::axis const &x = v.nodes().axis(x_axis), &y = v.nodes().axis(y_axis);
  extents<2> const shape{{x.n + x.is_periodic(), y.n + y.is_periodic()}};
  plane_slice<T> s{x.low, x.high, y.low, y.high, shape, buffer<T>(shape.size())};
  for (index_t i = 0; i < shape[0]; ++i)
    for (index_t j = 0; j < shape[1]; ++j) {
      at[x_axis] = static_cast<T>(x.coordinate(i));
      at[y_axis] = static_cast<T>(y.coordinate(j));
      s.memory.data()[i * shape[1] + j] = v.value(at);
    }
  return s;
}

}  // namespace parapet::inline PARAPET_ABI::reachability
