// An expert for the point robot: a deterministic controller that is safe wherever safety is possible by a margin, and
// reaches the goal wherever it can be reached. It drives the data that learners imitate and is the yardstick of return.
//
// Two layers. The guide steers along the shortest path that keeps a clearance from the hazards: straight to the goal, or
// at a tangent of the one hazard in the way, at a speed that turns allow. The guard simulates full braking after each action
// under a few constant turns (the authors' criterion, with walls), and mixes in as much of the best of them as it takes to
// keep an escape that stops short of hazards and walls. Smooth almost everywhere, so that it can be imitated.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/rl/point_robot.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace parapet::inline PARAPET_ABI::rl {

struct point_robot_expert {
  using robot = point_robot;
  using state = point_robot::state;

  float cruise = 1.0f;     ///< speed on a straight path
  float clearance = 0.3f;  ///< of the path from hazards
  float margin = 0.1f;     ///< of every escape from hazards and walls

  /// action (2) = acceleration, turning rate, in [-1, 1]. Throws shape_error.
  void operator()(state const& s, vector_view<float> const& action) const {
    check_shape("point_robot_expert: action", action.shape(), extents{robot::action_dim});
    control const wanted = guide(s);
    control chosen = wanted;
    float least = danger(robot::move(s, wanted.acceleration, wanted.turn)).value;
    control const safest = least > 0.0f ? control{brake(s.v), danger(s).turn} : wanted;
    // First brake harder, then turn away too; of equals, the nearest to what the guide wants.
    for (int quarter = 1; quarter <= 8 && least > 0.0f; ++quarter) {
      float const slower = 0.25f * static_cast<float>(std::min(quarter, 4)), away = 0.25f * static_cast<float>(std::max(quarter - 4, 0));
      control const mixed{std::lerp(wanted.acceleration, safest.acceleration, slower), std::lerp(wanted.turn, safest.turn, away)};
      float const value = danger(robot::move(s, mixed.acceleration, mixed.turn)).value;
      if (value < least) {
        chosen = mixed;
        least = value;
      }
    }
    action[0] = chosen.acceleration;
    action[1] = chosen.turn;
  }

private:
  struct control {
    float acceleration, turn;
  };
  struct escape {
    float value, turn;
  };
  static constexpr float pi = 3.14159265f;

  static float unit(float x) { return std::clamp(x, -1.0f, 1.0f); }
  static float wrap(float angle) { return std::remainder(angle, 2.0f * pi); }
  static float brake(float v) { return unit(-v / robot::dt); }

  control guide(state const& s) const {
    float const error = wrap(direction(s) - s.theta);
    float const facing = std::max(0.0f, std::cos(error));
    return {unit(4.0f * (cruise * facing * facing - s.v)), unit(3.0f * error)};
  }

  /// Heading of the shortest path to the goal. Seen from the goal the hazards do not overlap, so at most one is in the
  /// way; it is passed on the side where the way round it, and the turn to get there, are shorter.
  float direction(state const& s) const {
    float const radius = robot::hazard_radius + clearance;
    float const to_goal = std::atan2(robot::goal.y - s.y, robot::goal.x - s.x);
    float result = to_goal, nearest = static_cast<float>(robot::distance(s, robot::goal));
    for (robot::point const& hazard : robot::hazards) {
      auto const distance = static_cast<float>(robot::distance(s, hazard));
      float const to_hazard = std::atan2(hazard.y - s.y, hazard.x - s.x);
      // Where the tangent is; within the clearance, outwards.
      float const aside = distance > radius ? std::asin(radius / distance) : 0.5f * pi + (radius - distance) / clearance;
      if (distance > nearest || std::abs(wrap(to_goal - to_hazard)) > aside) continue;
      nearest = distance;
      float const hazard_to_goal = std::atan2(robot::goal.y - hazard.y, robot::goal.x - hazard.x);
      auto const cost = [&](float side) {
        float const round = pi + side * wrap(to_hazard - hazard_to_goal);  // angle about the hazard from here to the goal
        return radius * round + 0.5f * std::abs(wrap(to_hazard + side * aside - s.theta));
      };
      result = to_hazard + (cost(1.0f) < cost(-1.0f) ? aside : -aside);
    }
    return result;
  }

  /// The least dangerous way to brake until at rest: 0 where it keeps the margin from all. A hazard outweighs a wall.
  escape danger(state const& start) const {
    escape best{std::numeric_limits<float>::infinity(), 0.0f};
    for (float turn : {0.0f, 1.0f, -1.0f, 0.5f, -0.5f}) {
      state s = start;
      float hazard = robot::h(s), wall = beyond(s);
      while (std::abs(s.v) > 1e-3f && !robot::outside(s) && !robot::in_goal(s)) {
        s = robot::move(s, brake(s.v), turn);
        hazard = std::max(hazard, robot::h(s));
        wall = std::max(wall, beyond(s));
      }
      float const value = 10.0f * std::max(0.0f, hazard + margin) + std::max(0.0f, wall + margin);
      if (value < best.value) best = {value, turn};
      if (value <= 0.0f) break;
    }
    return best;
  }
  static float beyond(state const& s) { return std::max(std::abs(s.x), std::abs(s.y)) - robot::arena; }
};

}  // namespace parapet::inline PARAPET_ABI::rl
