// Where a step leads from sixteen neighbouring nodes at once, as stencils: the cell of each successor and its place in it.
//
// A stencil is all that a backup needs of the dynamics, and it does not change between sweeps, so it can be kept. It takes
// 5 + 4 D bytes a node and pair of inputs in float; interpolation through it costs 2^D loads and 2^D - 1 blends.
//
// Beyond the grid (off_grid rules of a step; queries have their own in grid/interpolate.hpp):
//     clamp{}            the nearest point of the grid
//     terminal{}         the system stops there, and V is what the problem's own functions say at that point
//     value{v}           V = v there
//     conservative{}     the worst value that the problem has anywhere: failure in avoid, no arrival in reach
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/input_set.hpp>
#include <parapet/reachability/lanes.hpp>

#include <cstdint>
#include <limits>

namespace parapet::inline PARAPET_ABI::reachability {

namespace beyond {
using grid::off_grid::clamp;
struct terminal {};
struct conservative {};
struct value {
  double v;
};
}  // namespace beyond

namespace detail {

/// Successors of L nodes under one pair of inputs.
template <class T, int D, int L>
struct stencil {
  std::int32_t base[L];     ///< offset of the lowest corner
  std::uint8_t wraps[L];    ///< bit a: the next node along axis a is the first one
  std::uint8_t outside[L];  ///< fraction[0] is the value itself
  T fraction[D][L];
};

/// What locates and interpolates: strides of the values, and how coordinates become cells.
template <class T, int D>
struct lattice {
  T low[D], inverse_spacing[D], last[D];  ///< last: n, or n - 1 where the axis ends
  std::int32_t stride[D], wrap[D];        ///< to the next node, and from the last to the first
  std::int32_t cells[D];
  bool periodic[D];

  explicit lattice(grid::grid<D> const& g) {
    extents<D> const strides = row_major_strides(g.shape());
    for (int a = 0; a < D; ++a) {
      periodic[a] = g.axis(a).is_periodic();
      low[a] = static_cast<T>(g.axis(a).low);
      inverse_spacing[a] = static_cast<T>(g.inverse_spacing(a));
      cells[a] = static_cast<std::int32_t>(periodic[a] ? g.shape()[a] : g.shape()[a] - 1);
      last[a] = static_cast<T>(cells[a]);
      stride[a] = static_cast<std::int32_t>(strides[a]);
      wrap[a] = static_cast<std::int32_t>((1 - g.shape()[a]) * strides[a]);
    }
  }

  /// Cells of the states x in lanes. Returns whether all coordinates are finite; `low_cell` and `high_cell` (D) are widened to the
  /// nodes that these cells have.
  template <class X>
  PARAPET_INLINE PARAPET_FN bool locate(vec<X, D> const& x, stencil<T, D, lane_count<X>>& s, std::int32_t* low_cell, std::int32_t* high_cell) const {
    constexpr int lanes = lane_count<X>;
    bool finite = true;
    for (int i = 0; i < lanes; ++i) s.base[i] = 0, s.wraps[i] = 0, s.outside[i] = 0;
    for (int a = 0; a < D; ++a) {
      T at[lanes];
      store_lanes((x[a] - X(low[a])) * X(inverse_spacing[a]), at);
      T const rounding = 8 * last[a] * math::epsilon<T>;
      for (int i = 0; i < lanes; ++i) {
        T p = at[i];
        bool const usable = p > T(-1e9) && p < T(1e9);
        finite = finite && usable;
        if (!usable) p = 0;
        if (periodic[a]) {
          if (!(p >= 0 && p < last[a])) {
            p -= last[a] * static_cast<T>(static_cast<std::int32_t>(p / last[a]));
            if (p < 0) p += last[a];
            if (p >= last[a]) p = 0;
          }
        } else {
          s.outside[i] = static_cast<std::uint8_t>(s.outside[i] | (p < -rounding || p > last[a] + rounding));
          p = p < 0 ? T(0) : p > last[a] ? last[a] : p;
        }
        auto cell = static_cast<std::int32_t>(p);
        if (cell >= cells[a]) cell = cells[a] - 1;
        bool const wrapping = periodic[a] && cell == cells[a] - 1;
        s.wraps[i] = static_cast<std::uint8_t>(s.wraps[i] | (wrapping << a));
        s.base[i] += cell * stride[a];
        s.fraction[a][i] = p - static_cast<T>(cell);
        std::int32_t const above = cell + 1;
        if (wrapping) low_cell[a] = 0, high_cell[a] = cells[a];  // both ends: all of the axis
        low_cell[a] = cell < low_cell[a] ? cell : low_cell[a];
        high_cell[a] = above > high_cell[a] ? above : high_cell[a];
      }
    }
    return finite;
  }

  /// V at the stencil's successors; at(offset) is V at a node. Lane by lane: the loads bound it, and a row's successors lie anywhere.
  template <class X, class Values>
  PARAPET_INLINE PARAPET_FN X interpolate(stencil<T, D, lane_count<X>> const& s, Values const& at) const {
    constexpr int lanes = lane_count<X>;
    T value[lanes];
    for (int i = 0; i < lanes; ++i) {
      std::int32_t step[D];
      T fraction[D];
      PARAPET_UNROLL for (int a = 0; a < D; ++a) {
        step[a] = periodic[a] && (s.wraps[i] >> a & 1) != 0 ? wrap[a] : stride[a];
        fraction[a] = s.fraction[a][i];
      }
      value[i] = blend<0>(s.base[i], step, fraction, at);
    }
    return load_lanes<X>(value);
  }

private:
  template <int Axis, class Values>
  static PARAPET_INLINE PARAPET_FN T blend(std::int32_t offset, std::int32_t const* step, T const* fraction, Values const& at) {
    if constexpr (Axis == D) {
      return at(offset);
    } else {
      T const low = blend<Axis + 1>(offset, step, fraction, at), high = blend<Axis + 1>(offset + step[Axis], step, fraction, at);
      return low + fraction[Axis] * (high - low);
    }
  }
};

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::reachability
