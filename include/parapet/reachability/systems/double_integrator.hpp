// A mass on a line, pushed by the control and by the disturbance.
//
//     x' = v,    v' = u + d,    |u| <= acceleration, |d| <= disturbance        state (x [m], v [m/s])
//
// Of all systems the one whose answers are known: with b = acceleration - disturbance the set that must leave x <= 1 is
// { x + max(v, 0)^2 / (2 b) > 1 }.
#pragma once

#include <parapet/config.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct double_integrator {
  static constexpr int state_dim = 2;

  box<1> controls, disturbances;

  /// Bounds in m/s^2.
  explicit constexpr double_integrator(double acceleration = 1, double disturbance = 0)
      : controls(box<1>::symmetric(acceleration)), disturbances(box<1>::symmetric(disturbance)) {}

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 2> drift(vec<X, 2> const& s) const { return {s[1], X(0.0f)}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 2, 1> control_matrix(vec<X, 2> const&) const { return {X(0.0f), X(1.0f)}; }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 2, 1> disturbance_matrix(vec<X, 2> const&) const { return {X(0.0f), X(1.0f)}; }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
