// A grid of D axes: the nodes on which value functions live.
//
//     grid::grid<3> const nodes({{-6, 20, 51}, {-10, 10, 40}, {0, 2 * pi, 50, grid::periodic}});
//
// Values on it are row-major arrays of shape() with the last axis contiguous, so let that be a long one: the sweeps run
// along it. hj_reachability has the same order; ToolboxLS has the first axis contiguous (grid/layout.hpp converts).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/axis.hpp>
#include <parapet/grid/vec.hpp>

namespace parapet::inline PARAPET_ABI::grid {

/// D axes; trivially copyable, usable in device code.
template <int D>
class grid {
public:
  static_assert(D >= 1 && D <= 8, "grid: 1 to 8 axes");
  static constexpr int dim = D;

  /// Throws argument_error for a bad axis (see check_axis) and for more nodes than can be counted.
  explicit grid(parapet::grid::axis const (&axes)[D]) {
    for (int a = 0; a < D; ++a) {
      check_axis(axes[a], a);
      axes_[a] = axes[a];
      shape_[a] = axes[a].n;
      spacing_[a] = axes[a].spacing();
      inverse_spacing_[a] = 1 / spacing_[a];
    }
    parapet::detail::checked_size(shape_);
  }

  PARAPET_FN constexpr parapet::grid::axis const& axis(int a) const { return axes_[a]; }
  PARAPET_FN constexpr extents<D> const& shape() const { return shape_; }
  PARAPET_FN constexpr index_t size() const { return shape_.size(); }
  PARAPET_FN constexpr double spacing(int a) const { return spacing_[a]; }
  PARAPET_FN constexpr double inverse_spacing(int a) const { return inverse_spacing_[a]; }

  /// Index along each axis of the node at `offset` of a row-major array.
  PARAPET_FN constexpr extents<D> index(index_t offset) const {
    extents<D> i{};
    for (int a = D - 1; a >= 0; --a) {
      i[a] = offset % shape_[a];
      offset /= shape_[a];
    }
    return i;
  }
  PARAPET_FN constexpr index_t offset(extents<D> const& index) const {
    index_t at = 0;
    for (int a = 0; a < D; ++a) at = at * shape_[a] + index[a];
    return at;
  }

  /// The state's component `a` at the i-th node of that axis.
  PARAPET_FN constexpr double coordinate(int a, index_t i) const { return axes_[a].low + static_cast<double>(i) * spacing_[a]; }

  /// The state at a node.
  template <class T = double>
  PARAPET_FN constexpr vec<T, D> state(extents<D> const& index) const {
    vec<T, D> x{};
    for (int a = 0; a < D; ++a) x[a] = static_cast<T>(coordinate(a, index[a]));
    return x;
  }

  /// Whether a state lies within the box of the nodes; along a periodic axis any does.
  template <class T>
  PARAPET_FN constexpr bool contains(vec<T, D> const& x) const {
    for (int a = 0; a < D; ++a)
      if (!axes_[a].is_periodic() && !(x[a] >= static_cast<T>(axes_[a].low) && x[a] <= static_cast<T>(axes_[a].high))) return false;
    return true;
  }

  friend constexpr bool operator==(grid const& a, grid const& b) {
    for (int k = 0; k < D; ++k)
      if (!(a.axes_[k] == b.axes_[k])) return false;
    return true;
  }

private:
  parapet::grid::axis axes_[D];
  extents<D> shape_;
  double spacing_[D], inverse_spacing_[D];
};

template <int D>
grid(axis const (&)[D]) -> grid<D>;

}  // namespace parapet::inline PARAPET_ABI::grid
