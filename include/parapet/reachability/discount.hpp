// Discounts of a Bellman iteration: what a second, or a step, ahead counts for.
//
//     per_second{rate}    g = exp(-rate h) with the step h, so that the answer does not depend on h
//     per_step{g}         g itself, in [0, 1)
//     undiscounted        g = 1: the true set, with no contraction and so no certificate
//
// V_g >= V for every g < 1 and falls to V as g goes to 1. In avoid that is optimistic: V_g calls unsafe states safe. In reach it is on
// the safe side. With g = 0.99 a step, what is 70 steps ahead counts half.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/reachability/horizon.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::reachability {

struct undiscounted {
  using horizon = infinite_horizon;
  double factor(double) const { return 1; }
  horizon horizon_of(double) const { return {}; }
};

struct per_second {
  using horizon = discounted_horizon;
  double rate;
  /// Throws argument_error unless the rate is positive and finite.
  double factor(double step) const {
    if (!(rate > 0) || !std::isfinite(rate))
      throw argument_error(parapet::detail::concat("per_second: a rate of ", rate, ", expected a positive one; without discount take undiscounted{}"));
    return std::exp(-rate * step);
  }
  horizon horizon_of(double) const { return {rate}; }
};

struct per_step {
  using horizon = discounted_horizon;
  double g;
  /// Throws argument_error unless g is in [0, 1).
  double factor(double) const {
    if (!(g >= 0 && g < 1))
      throw argument_error(parapet::detail::concat("per_step: a discount of ", g, ", expected one in [0, 1); without discount take undiscounted{}"));
    return g;
  }
  horizon horizon_of(double step) const { return {-std::log(g) / step}; }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
