// The point robot of FISOR: a car that steers and brakes around two discs. rl/point_robot.hpp is the environment on it.
//
//     x' = v cos(theta),    y' = v sin(theta),    v' = u_0,    theta' = u_1,    |u| <= 1,    Euler steps of dt
//
// State (x, y, v, theta). Zheng et al., "Safe offline reinforcement learning with feasibility-guided diffusion model" (ICLR 2024).
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

struct point_robot {
  static constexpr int state_dim = 4;
  box<2> controls{{-1, -1}, {1, 1}};  ///< acceleration, turn rate
  no_input disturbances{};

  struct disc {
    float x, y;
  };
  static constexpr float dt = 0.05f;
  static constexpr float arena = 3.0f;  ///< |x| and |y| at most
  static constexpr disc hazards[2] = {{0.4f, -1.2f}, {-0.4f, 1.2f}};
  static constexpr float hazard_radius = 0.8f;

  template <class X>
  PARAPET_INLINE PARAPET_FN vec<X, 4> drift(vec<X, 4> const& s) const {
    return {s[2] * math::cos(s[3]), s[2] * math::sin(s[3]), X(0.0f), X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN mat<X, 4, 2> control_matrix(vec<X, 4> const&) const {
    X const zero(0.0f), one(1.0f);
    return {zero, zero, zero, zero, one, zero, zero, one};
  }

  /// Signed distance to the hazards: negative inside, as `avoid` wants it, the opposite of FISOR's h.
  struct distance_to_hazards {
    template <class X>
    PARAPET_INLINE PARAPET_FN X operator()(vec<X, 4> const& s) const {
      return math::min(distance(s, hazards[0].x, hazards[0].y), distance(s, hazards[1].x, hazards[1].y)) - X(hazard_radius);
    }
    template <class X>
    static PARAPET_INLINE PARAPET_FN X distance(vec<X, 4> const& s, float x, float y) {
      return math::sqrt((s[0] - X(x)) * (s[0] - X(x)) + (s[1] - X(y)) * (s[1] - X(y)));
    }
  };
};

}  // namespace parapet::inline PARAPET_ABI::reachability
