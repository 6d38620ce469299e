// A car of constant speed that steers, pushed aside by the disturbance (a wind, a current).
//
//     x' = speed cos(theta) + d_x,    y' = speed sin(theta) + d_y,    theta' = u,    |u| <= turn_rate, |d| <= wind
//
// State (x [m], y [m], theta [rad]). Dubins, "On curves of minimal length" (1957).
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct dubins_car {
  static constexpr int state_dim = 3;

  double speed;
  box<1> controls;
  ball<2> disturbances;

  /// Speed in m/s, turn rate in rad/s, wind in m/s.
  explicit constexpr dubins_car(double speed_ = 1, double turn_rate = 1, double wind = 0)
      : speed(speed_), controls(box<1>::symmetric(turn_rate)), disturbances{wind} {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 3> drift(vec<X, 3> const& s) const {
    return {X(speed) * math::cos(s[2]), X(speed) * math::sin(s[2]), X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 3, 1> control_matrix(vec<X, 3> const&) const { return {X(0.0f), X(0.0f), X(1.0f)}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 3, 2> disturbance_matrix(vec<X, 3> const&) const {
    return {X(1.0f), X(0.0f), X(0.0f), X(1.0f), X(0.0f), X(0.0f)};
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
