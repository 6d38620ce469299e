// A pendulum that stands on its pivot, with a motor of limited torque; 0 is upright.
//
//     theta' = omega,    omega' = (gravity / length) sin(theta) + (u + d) / (mass length^2),    |u| <= torque, |d| <= disturbance
//
// State (theta [rad], omega [rad/s]); torques in N m.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct inverted_pendulum {
  static constexpr int state_dim = 2;

  box<1> controls, disturbances;
  double mass = 1, length = 1, gravity = 9.81;

  explicit constexpr inverted_pendulum(double torque = 3, double disturbance = 0)
      : controls(box<1>::symmetric(torque)), disturbances(box<1>::symmetric(disturbance)) {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 2> drift(vec<X, 2> const& s) const { return {s[1], X(gravity / length) * math::sin(s[0])}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 2, 1> control_matrix(vec<X, 2> const&) const { return {X(0.0f), X(1.0 / (mass * length * length))}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 2, 1> disturbance_matrix(vec<X, 2> const& s) const { return control_matrix(s); }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
