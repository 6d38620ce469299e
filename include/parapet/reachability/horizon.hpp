// How far ahead a value function looks, as a type: a set over a finite time is no certificate for ever.
#pragma once

#include <parapet/config.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

/// For all time: the solver has converged without a discount. What a safety filter asks for.
struct infinite_horizon {
  static constexpr char const* name = "infinite";
};
/// Until `time` seconds ahead.
struct finite_horizon {
  static constexpr char const* name = "finite";
  double time;
};
/// For all time, with a discount of exp(-rate) a second: about 1 / rate seconds. V is at or above the undiscounted one everywhere,
/// which calls unsafe states safe in avoid, and is on the safe side in reach.
struct discounted_horizon {
  static constexpr char const* name = "discounted";
  double rate;
};

}  // namespace parapet::inline PARAPET_ABI::reachability
