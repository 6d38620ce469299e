// A quadrotor near hover, in three dimensions: attitude is fast, so its tangents are controls.
//
//     x' = v_x,  v_x' = gravity u_0 + d_0,    y' = v_y,  v_y' = gravity u_1 + d_1,    z' = v_z,  v_z' = u_2 - gravity + d_2
//
// State (x, v_x, y, v_y, z, v_z); u_0 and u_1 are the tangents of pitch and roll, u_2 the thrust per mass in m/s^2. Three systems of
// two dimensions side by side, which answers from parts can use. As the planner's model in FaSTrack (Herbert et al., 2017).
#pragma once

#include <parapet/config.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct hover_quadrotor {
  static constexpr int state_dim = 6;

  box<3> controls, disturbances;
  double gravity = 9.81;

  /// Largest tangent of an angle, thrust per mass within gravity -/+ lift, wind in m/s^2 along each axis.
  explicit constexpr hover_quadrotor(double tilt = 0.2, double lift = 2, double wind = 0)
      : controls{{-tilt, -tilt, 9.81 - lift}, {tilt, tilt, 9.81 + lift}}, disturbances(box<3>::symmetric(wind)) {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 6> drift(vec<X, 6> const& s) const {
    return {s[1], X(0.0f), s[3], X(0.0f), s[5], X(-gravity)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 6, 3> control_matrix(vec<X, 6> const&) const {
    X const zero(0.0f), g = X(gravity);
    return {zero, zero, zero, g, zero, zero, zero, zero, zero, zero, g, zero, zero, zero, zero, zero, zero, X(1.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 6, 3> disturbance_matrix(vec<X, 6> const&) const {
    X const zero(0.0f), one(1.0f);
    return {zero, zero, zero, one, zero, zero, zero, zero, zero, zero, one, zero, zero, zero, zero, zero, zero, one};
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
