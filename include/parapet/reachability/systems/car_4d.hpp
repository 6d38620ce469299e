// A car that accelerates and steers by curvature, so that it cannot turn on the spot.
//
//     x' = v cos(theta) + d_x,    y' = v sin(theta) + d_y,    v' = u_0,    theta' = v u_1,    |d| <= wind
//
// State (x [m], y [m], v [m/s], theta [rad]); u_0 in m/s^2, u_1 in 1/m. The car of hj_reachability's example in four dimensions,
// whose bounds are the defaults.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct car_4d {
  static constexpr int state_dim = 4;

  box<2> controls;
  ball<2> disturbances;

  explicit constexpr car_4d(double acceleration = 1, double curvature = 1, double wind = 0.25)
      : controls{{-acceleration, -curvature}, {acceleration, curvature}}, disturbances{wind} {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 4> drift(vec<X, 4> const& s) const {
    return {s[2] * math::cos(s[3]), s[2] * math::sin(s[3]), X(0.0f), X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 4, 2> control_matrix(vec<X, 4> const& s) const {
    X const zero(0.0f);
    return {zero, zero, zero, zero, X(1.0f), zero, zero, s[2]};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 4, 2> disturbance_matrix(vec<X, 4> const&) const {
    X const zero(0.0f), one(1.0f);
    return {one, zero, zero, one, zero, zero, zero, zero};
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
