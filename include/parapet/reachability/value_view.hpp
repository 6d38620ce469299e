// A value function without its memory: trivially copyable, for queries in kernels and control loops. See value_function.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/problem.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// V and the slopes of its interpolant in one cell.
template <class T, int D>
struct value_and_slopes {
  T value;
  vec<T, D> slopes;
  bool inside;  ///< of the grid; off it, the numbers are those of the nearest cell
};

namespace detail {

/// Value and per-cell differences along axes Axis .. D - 1 of the multilinear function of a cell.
template <int Axis, class T, int D>
PARAPET_INLINE PARAPET_FN constexpr T cell_differences(grid::cell<T, D> const& c, T const* values, vec<T, D>& differences) {
  if constexpr (Axis == D) {
    return *values;
  } else {
    vec<T, D> above = differences;
    T const low = cell_differences<Axis + 1>(c, values, differences), high = cell_differences<Axis + 1>(c, values + c.step[Axis], above);
    PARAPET_UNROLL for (int a = Axis + 1; a < D; ++a) differences[a] += c.fraction[Axis] * (above[a] - differences[a]);
    differences[Axis] = high - low;
    return low + c.fraction[Axis] * (high - low);
  }
}

}  // namespace detail

template <class System, class T, class Role>
struct value_view {
  static constexpr int dim = System::state_dim;
  using system_type = System;
  using scalar = T;
  using role = Role;
  using state = vec<T, dim>;
  using control_input = vec<T, control_dim<System>>;
  using disturbance_input = vec<T, disturbance_dim<System>>;

  System system;
  grid::grid<dim> nodes;
  T const* values;  ///< dense, row-major, of the grid's shape

  /// V(x), multilinear between nodes, under a rule for queries off the grid.
  template <class Rule>
  PARAPET_FN T value(state const& x, Rule const& rule) const {
    return grid::interpolate(nodes, values, x, rule);
  }

  /// V(x) and the slopes of the interpolant in the cell around x: the gradient that belongs to value(), with jumps between
  /// cells. Off the grid, of the nearest cell.
  PARAPET_FN value_and_slopes<T, dim> slopes(state const& x) const noexcept {
    grid::cell<T, dim> const c = grid::locate(nodes, x);
    value_and_slopes<T, dim> r{};
    r.inside = c.inside;
    r.value = detail::cell_differences<0>(c, values + c.base, r.slopes);
    PARAPET_UNROLL for (int a = 0; a < dim; ++a) r.slopes[a] *= static_cast<T>(nodes.inverse_spacing(a));
    return r;
  }

  /// Gradient of V: central differences at the corners of the cell (one-sided at the grid's end), interpolated. Continuous; at a
  /// kink it is a mean of both sides. Off the grid, of the nearest cell.
  PARAPET_FN state gradient(state const& x) const noexcept {
    grid::cell<T, dim> const c = grid::locate(nodes, x);
    extents<dim> const low = nodes.index(c.base), strides = row_major_strides(nodes.shape());
    state mean{};
    for (int corner = 0; corner < 1 << dim; ++corner) {
      T weight = 1;
      index_t at = c.base;
      extents<dim> index = low;
      for (int a = 0; a < dim; ++a) {
        bool const upper = corner >> a & 1;
        weight *= upper ? c.fraction[a] : 1 - c.fraction[a];
        if (upper) at += c.step[a], index[a] = (index[a] + 1) % nodes.shape()[a];
      }
      if (weight == 0) continue;
      for (int a = 0; a < dim; ++a) mean[a] += weight * difference(at, index[a], strides[a], a);
    }
    return mean;
  }

  /// The inputs that both players choose along the slopes.
  PARAPET_FN input_pair<System, T> best_inputs_at(state const& x) const noexcept {
    return best_inputs<Role>(system, x, slopes(x).slopes, T(0));
  }

private:
  /// Central difference at the node `at`, whose index along `axis` is i.
  PARAPET_FN T difference(index_t at, index_t i, index_t stride, int axis) const {
    index_t const n = nodes.shape()[axis];
    bool const wraps = nodes.axis(axis).is_periodic();
    index_t const up = i + 1 < n ? stride : wraps ? (1 - n) * stride : 0, down = i > 0 ? -stride : wraps ? (n - 1) * stride : 0;
    int const steps = (up != 0) + (down != 0);
    return (values[at + up] - values[at + down]) * static_cast<T>(nodes.inverse_spacing(axis)) / static_cast<T>(steps);
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
