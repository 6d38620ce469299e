// A car or plane whose turn rate is a state too: acceleration along the path and of the heading.
//
//     x' = v cos(theta) + d_x,    y' = v sin(theta) + d_y,    v' = u_0,    theta' = omega,    omega' = u_1,    |d| <= wind
//
// State (x [m], y [m], v [m/s], theta [rad], omega [rad/s]); u_0 in m/s^2, u_1 in rad/s^2. As Plane5D of helperOC.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct car_5d {
  static constexpr int state_dim = 5;

  box<2> controls;
  ball<2> disturbances;

  explicit constexpr car_5d(double acceleration = 1, double turn_acceleration = 1, double wind = 0)
      : controls{{-acceleration, -turn_acceleration}, {acceleration, turn_acceleration}}, disturbances{wind} {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 5> drift(vec<X, 5> const& s) const {
    return {s[2] * math::cos(s[3]), s[2] * math::sin(s[3]), X(0.0f), s[4], X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 5, 2> control_matrix(vec<X, 5> const&) const {
    X const zero(0.0f), one(1.0f);
    return {zero, zero, zero, zero, one, zero, zero, zero, zero, one};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 5, 2> disturbance_matrix(vec<X, 5> const&) const {
    X const zero(0.0f), one(1.0f);
    return {one, zero, zero, one, zero, zero, zero, zero, zero, zero};
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
