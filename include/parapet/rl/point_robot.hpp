// The point robot of FISOR (Zheng et al., "Safe offline reinforcement learning with feasibility-guided diffusion
// model", ICLR 2024): a car that steers around two discs to a goal.
//
//     x' = v cos(theta),   y' = v sin(theta),   v' = a,   theta' = omega,    a, omega in [-1, 1], Euler steps of dt
//     reward = progress towards the goal (+1 on arrival),    h = hazard_radius - distance to the nearest hazard
//
// An episode ends in the goal or outside the arena. Everything is float, as in the authors' code when it starts from
// a given state; from a random start theirs keeps a double state and rounds only its derivative to float.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/reachability/systems/point_robot.hpp>
#include <parapet/rl/environment.hpp>

#include <algorithm>
#include <cmath>

namespace parapet::inline PARAPET_ABI::rl {

struct point_robot {
  using world = reachability::point_robot;  ///< the same robot as a system to solve for
  using point = world::disc;
  /// Position, speed (negative in reverse) and heading.
  struct state {
    float x, y, v, theta;
  };

  static constexpr index_t observation_dim = 11;
  static constexpr index_t action_dim = 2;  ///< acceleration, turning rate; clipped to [-1, 1]
  static constexpr index_t max_steps = 300;

  static constexpr float dt = world::dt;
  static constexpr float arena = world::arena;  ///< |x| and |y| at most
  static constexpr point hazards[2] = {world::hazards[0], world::hazards[1]};
  static constexpr float hazard_radius = world::hazard_radius;
  static constexpr point goal = {2.2f, 2.2f};
  static constexpr float goal_radius = 0.3f;
  /// The start of the authors' evaluation: feasible, and near the edge of what is.
  static constexpr state paper_start = {-1.8f, 0.0f, 2.0f, 0.78539816f};

  /// Uniform on x, y in [-3, 3], v in [0.5, 2], theta in [pi/4, 3 pi/4]: elements 4 episode .. 4 episode + 3.
  static state reset(philox_stream const& random, index_t episode) {
    philox_block const bits = random.block(episode);
    auto const between = [&](int i, float low, float high) { return low + (high - low) * to_uniform(bits.word[i]); };
    return {between(0, -3.0f, 3.0f), between(1, -3.0f, 3.0f), between(2, 0.5f, 2.0f), between(3, 0.78539816f, 2.35619449f)};
  }

  /// One Euler step under an action within its bounds.
  static state move(state const& s, float acceleration, float turn) {
    return {s.x + s.v * std::cos(s.theta) * dt, s.y + s.v * std::sin(s.theta) * dt, s.v + acceleration * dt, s.theta + turn * dt};
  }

  /// One step under an action (2), clipped to its bounds. Throws shape_error.
  static outcome<state> step(state const& s, vector_view<float const> action) {
    check_shape("point_robot: action", action.shape(), extents{action_dim});
    state const next = move(s, std::clamp(action[0], -1.0f, 1.0f), std::clamp(action[1], -1.0f, 1.0f));
    double const progress = distance(s, goal) - distance(next, goal);
    return {next, static_cast<float>(progress) + (in_goal(next) ? 1.0f : 0.0f), h(next), in_goal(next) || outside(next)};
  }

  /// Constraint: positive inside a hazard.
  static float h(state const& s) {
    return static_cast<float>(static_cast<double>(hazard_radius) - std::min(distance(s, hazards[0]), distance(s, hazards[1])));
  }
  static bool in_goal(state const& s) { return distance(s, goal) <= static_cast<double>(goal_radius); }
  static bool outside(state const& s) { return std::abs(s.x) > arena || std::abs(s.y) > arena; }
  static double distance(state const& s, point const& p) {
    auto const dx = static_cast<double>(p.x - s.x), dy = static_cast<double>(p.y - s.y);
    return std::sqrt(dx * dx + dy * dy);
  }

  /// out (11) = x, y, v, cos theta, sin theta, then for each hazard its distance and the cosine and sine of its bearing
  /// from the heading. Throws shape_error.
  static void observe(state const& s, vector_view<float> out) {
    check_shape("point_robot: observation", out.shape(), extents{observation_dim});
    float const c = std::cos(s.theta), n = std::sin(s.theta);
    float const body[] = {s.x, s.y, s.v, c, n};
    for (index_t i = 0; i < 5; ++i) out[i] = body[i];
    for (index_t i = 0; i < 2; ++i) {
      float const dx = hazards[i].x - s.x, dy = hazards[i].y - s.y;
      float const d = std::sqrt(dx * dx + dy * dy);
      out[5 + 3 * i] = d;
      out[6 + 3 * i] = d > 0.0f ? (dx * c + dy * n) / d : 1.0f;
      out[7 + 3 * i] = d > 0.0f ? (dy * c - dx * n) / d : 0.0f;
    }
  }
};

static_assert(check_environment<point_robot>());

}  // namespace parapet::inline PARAPET_ABI::rl
