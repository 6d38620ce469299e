// One axis of a grid: evenly spaced nodes and what lies beyond the ends.
//
//     x_i = low + i dx,    dx = (high - low) / (n - 1), or (high - low) / n where the axis is periodic.
//
// A periodic axis leaves out its end point, which is its first node again: [0, 2 pi) takes high = 2 pi. Values beyond an
// end continue linearly (extrapolate), or with a slope that leads away from zero (away_from_zero), so that no zero
// level appears from outside: Mitchell's ToolboxLS and hj_reachability have both.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::grid {

/// What continues an array beyond the ends of an axis.
enum class boundary { extrapolate, periodic, away_from_zero };
inline constexpr boundary extrapolate = boundary::extrapolate;
inline constexpr boundary periodic = boundary::periodic;
inline constexpr boundary away_from_zero = boundary::away_from_zero;

/// n nodes from low to high, in the units of the state.
struct axis {
  double low, high;
  index_t n;
  boundary beyond = boundary::extrapolate;

  PARAPET_FN constexpr bool is_periodic() const { return beyond == boundary::periodic; }
  PARAPET_FN constexpr double spacing() const { return (high - low) / static_cast<double>(is_periodic() ? n : n - 1); }
  PARAPET_FN constexpr double coordinate(index_t i) const { return low + static_cast<double>(i) * spacing(); }

  friend constexpr bool operator==(axis const&, axis const&) = default;
};

/// Throws argument_error for an axis that is empty, inverted, not finite, or of fewer than two nodes; `number` names it.
inline void check_axis(axis const& a, int number) {
  using parapet::detail::concat;
  if (!std::isfinite(a.low) || !std::isfinite(a.high) || !(a.low < a.high))
    throw argument_error(concat("grid: axis ", number, " runs from ", a.low, " to ", a.high, ", expected finite ends, the lower one first"));
  if (a.n < 2) throw argument_error(concat("grid: axis ", number, " has ", a.n, " nodes, expected at least 2"));
}

}  // namespace parapet::inline PARAPET_ABI::grid
