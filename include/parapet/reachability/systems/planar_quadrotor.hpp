// A quadrotor in a vertical plane: two pairs of rotors, which lift and tilt it.
//
//     x' = v_x,    v_x' = -(u_0 + u_1) sin(theta) / mass,                theta' = omega
//     z' = v_z,    v_z' = (u_0 + u_1) cos(theta) / mass - gravity,       omega' = arm (u_1 - u_0) / inertia
//
// State (x, v_x, z, v_z, theta, omega), u the thrusts of the two sides in N, 0 <= u <= thrust; the disturbance, |d| <= wind, is a
// horizontal and vertical acceleration. Underactuated, and unstable without control.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct planar_quadrotor {
  static constexpr int state_dim = 6;

  box<2> controls;
  ball<2> disturbances;
  double mass = 1, inertia = 0.02, arm = 0.2, gravity = 9.81;

  explicit constexpr planar_quadrotor(double thrust = 9.81, double wind = 0)
      : controls{{0, 0}, {thrust, thrust}}, disturbances{wind} {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 6> drift(vec<X, 6> const& s) const {
    return {s[1], X(0.0f), s[3], X(-gravity), s[5], X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 6, 2> control_matrix(vec<X, 6> const& s) const {
    X const zero(0.0f), side = X(-1 / mass) * math::sin(s[4]), up = X(1 / mass) * math::cos(s[4]), turn = X(arm / inertia);
    return {zero, zero, side, side, zero, zero, up, up, zero, zero, zero - turn, turn};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 6, 2> disturbance_matrix(vec<X, 6> const&) const {
    X const zero(0.0f), one(1.0f);
    return {zero, zero, one, zero, zero, zero, zero, one, zero, zero, zero, zero};
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
