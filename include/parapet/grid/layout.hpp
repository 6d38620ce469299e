// Arrays of other programs: which index runs fastest, and whether a periodic axis repeats its first node at the end.
//
//     hj_reachability   row-major, the end point of a periodic axis left out: as here, read its .npy files as they are
//     ToolboxLS         column-major (MATLAB); helperOC's createGrid leaves the end point out, hand-made grids may have it
//
// A column-major array of extents (n0, n1, n2) is, in memory, a row-major one of extents (n2, n1, n0): that is the view to pass.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>

namespace parapet::inline PARAPET_ABI::grid {

/// `to` (n0, n1, ...) = `from` (..., n1, n0), axes reversed: from MATLAB's order into row-major order, and back. Throws shape_error.
template <class T, int D>
void reverse_axes(tensor_view<T const, D> const& from, tensor_view<T, D> const& to) {
  extents<D> wanted{}, strides{};
  for (int a = 0; a < D; ++a) {
    wanted[a] = to.extent(D - 1 - a);
    strides[a] = from.stride(D - 1 - a);
  }
  check_shape("reverse_axes: source", from.shape(), wanted);
  extents<D> index{};
  for (index_t n = 0; n < to.size(); ++n) {
    index_t source = 0, target = 0;
    for (int a = 0; a < D; ++a) {
      source += index[a] * strides[a];
      target += index[a] * to.stride(a);
    }
    to.data()[target] = from.data()[source];
    for (int a = D - 1; a >= 0 && ++index[a] == to.extent(a); --a) index[a] = 0;
  }
}

/// Values on the grid's nodes out of an array that repeats the first node of each periodic axis at its end: a view, without a copy.
/// Throws shape_error.
template <class T, int D, class Space>
tensor_view<T, D, Space> without_end_points(grid<D> const& nodes, tensor_view<T, D, Space> view) {
  extents<D> wanted = nodes.shape();
  for (int a = 0; a < D; ++a) wanted[a] += nodes.axis(a).is_periodic();
  check_shape("without_end_points: array", view.shape(), wanted);
  for (int a = 0; a < D; ++a) view = view.slice(a, 0, nodes.shape()[a]);
  return view;
}

}  // namespace parapet::inline PARAPET_ABI::grid
