// Two Dubins cars, seen from the first: the game of two identical vehicles, also known as Air3D.
//
//     x' = -evader_speed + pursuer_speed cos(psi) + u y,    y' = pursuer_speed sin(psi) - u x,    psi' = d - u
//
// The evader steers by u, the pursuer by d; x points ahead of the evader, y to its left, psi is the pursuer's heading seen from it.
// Merz, "The game of two identical cars" (1972); Mitchell, Bayen, Tomlin (2005), whose numbers are the defaults.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct dubins_pair {
  static constexpr int state_dim = 3;

  double evader_speed = 5, pursuer_speed = 5;
  box<1> controls{{-1}, {1}};      ///< turn rate of the evader
  box<1> disturbances{{-1}, {1}};  ///< turn rate of the pursuer

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 3> drift(vec<X, 3> const& s) const {
    return {X(pursuer_speed) * math::cos(s[2]) - X(evader_speed), X(pursuer_speed) * math::sin(s[2]), X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 3, 1> control_matrix(vec<X, 3> const& s) const { return {s[1], X(0.0f) - s[0], X(-1.0f)}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 3, 1> disturbance_matrix(vec<X, 3> const&) const { return {X(0.0f), X(0.0f), X(1.0f)}; }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
