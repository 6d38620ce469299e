// The criterion by which FISOR's authors draw the feasible region of the point robot: brake fully while turning fully
// away from each hazard on its own. What they call avoidable is nearly all of what is; they do not try both sides.
#pragma once

#include <parapet/rl/point_robot.hpp>

#include <cmath>

namespace support {

inline bool avoidable_by_braking(parapet::rl::point_robot::state const& start) {
  using robot = parapet::rl::point_robot;
  for (robot::point const& hazard : robot::hazards) {
    auto const to_hazard = [&](robot::state const& s) { return std::hypot(hazard.x - s.x, hazard.y - s.y); };
    float const distance = to_hazard(start);
    if (distance <= robot::hazard_radius) return false;
    float const dx = hazard.x - start.x, dy = hazard.y - start.y;
    float const ahead = dx * std::cos(start.theta) + dy * std::sin(start.theta);
    float const aside = dy * std::cos(start.theta) - dx * std::sin(start.theta);  // positive: the hazard is to the left
    if (ahead <= 0.0f || std::abs(aside) > robot::hazard_radius) continue;
    robot::state s = start;
    while (s.v > 0.0f) {
      s = robot::move(s, -1.0f, aside >= 0.0f ? -1.0f : 1.0f);
      if (to_hazard(s) <= robot::hazard_radius) return false;
    }
  }
  return true;
}

}  // namespace support
