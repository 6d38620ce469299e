// What can be set in a Hamilton-Jacobi solve, and what it reports.
#pragma once

#include <parapet/config.hpp>

#include <limits>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability {

/// All have sensible defaults; name those that differ: {.cfl = 0.5, .memory_limit = 4e9}.
template <class T>
struct hamilton_jacobi_options {
  /// Share of the largest stable time step, in (0, 1].
  double cfl = 0.75;
  /// Stages of the strong-stability-preserving Runge-Kutta method: 1, 2 or 3; 0 takes those that fit the scheme.
  int stages = 0;
  /// Converged when no value changes faster, in units of V per second. Only an infinite horizon, which wants convergence, has
  /// a default: 1e-3 times the steepest change there could be at the start, the largest V per second seen in the first step.
  double tolerance = -1;
  /// Steps before an infinite horizon is given up with an error.
  index_t max_steps = 100000;
  /// Rows of nodes that changed by no more, and whose surroundings did not either, rest. 0 leaves the result as it is, to the bit.
  double skip_below = 0;
  /// Bytes beyond which nothing is allocated but argument_error thrown; 0 for no limit.
  double memory_limit = 0;
  /// V falls no lower. Exact where the target's function does not either, wherever the system may go; without it an unstable system
  /// carries what is extrapolated at the grid's ends to -infinity.
  T lowest = -std::numeric_limits<T>::infinity();
  /// Values to start from instead of the target's, row-major, in the backend's memory: see docs/hamilton_jacobi.md for which are valid.
  T const* start = nullptr;
  /// Where not null: gets the time to go at which each state enters {V <= 0}, infinity where it does not.
  T* arrival = nullptr;
};

/// How a solve stands after a step: for progress bars and traces.
struct hamilton_jacobi_progress {
  index_t step;
  double time;      ///< time to go, seconds
  double horizon;   ///< what is asked for, infinite for ever
  double residual;  ///< largest |change of V| per second in this step; -1 where the backend did not look
};

/// What happened, and what to beware of.
struct hamilton_jacobi_report {
  index_t steps = 0;
  double time = 0;             ///< time to go that was reached, seconds
  double longest_step = 0;     ///< seconds
  bool converged = false;
  double bytes = 0;            ///< arrays of values and stages
  double swept = 0;            ///< share of the rows that were swept, the others being at rest
  std::vector<double> residuals;  ///< largest |dV/dt| of each step that was looked at
  std::vector<bool> touches;   ///< {V <= 0} at the low and high end of each axis; never of a periodic one
  std::vector<std::string> warnings;
};

/// Watches nothing.
struct ignore_progress {
  void operator()(hamilton_jacobi_progress const&) const {}
};

}  // namespace parapet::inline PARAPET_ABI::reachability
