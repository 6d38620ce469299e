// How the point robot's data are logged: where episodes start, and who drives.
//
// Two fifths of the episodes start as close calls, fast towards a hazard, and the others anywhere, at more speeds and headings
// than the evaluation's. An episode is cut after three seconds: many short drives show more states than few long ones. Half
// of them are the expert's, a fifth are random; in the others the two take turns, so that the data show how an expert gets
// out of what chance got into.
#pragma once

#include <parapet/core/philox.hpp>
#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/point_robot_expert.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace support {

/// The point robot with the starts and the time limit of the log.
struct logged_point_robot : parapet::rl::point_robot {
  static constexpr parapet::index_t max_steps = 60;

  static state reset(parapet::philox_stream const& random, parapet::index_t episode) {
    parapet::philox_block const bits = random.block(2 * episode), more = random.block(2 * episode + 1);
    auto const between = [](std::uint32_t word, float low, float high) { return low + (high - low) * parapet::to_uniform(word); };
    if (parapet::to_uniform(more.word[0]) < 0.4f) {
      point const& hazard = hazards[more.word[1] % 2];
      float const distance = between(bits.word[0], 0.9f, 2.5f), direction = between(bits.word[1], 0.2f, 2.9f);
      state const s{hazard.x - distance * std::cos(direction), hazard.y - distance * std::sin(direction),
                    between(bits.word[2], 0.8f, 2.4f), direction + between(bits.word[3], -0.7f, 0.7f)};
      if (!outside(s)) return s;
    }
    return {between(bits.word[0], -arena, arena), between(bits.word[1], -arena, arena),
            -0.5f + 2.9f * std::pow(parapet::to_uniform(bits.word[2]), 0.75f), between(bits.word[3], 0.0f, 3.14159265f)};
  }
};

struct point_robot_behaviour {
  using index_t = parapet::index_t;
  parapet::philox_stream random;
  parapet::rl::point_robot_expert expert = {};

  static constexpr index_t hold = 10;   ///< steps that a random action is held
  static constexpr index_t turn = 20;   ///< steps until another may take over
  static constexpr float reach = 1.6f;  ///< random actions are uniform in [-reach, reach], then clipped to [-1, 1]

  void operator()(parapet::rl::point_robot::state const& s, index_t episode, index_t step, parapet::vector_view<float> const& action) const {
    index_t const begin = 4 * episode * logged_point_robot::max_steps;  // four random numbers a step
    float const kind = random.uniform(begin + 2), driver = random.uniform(begin + 4 * (step / turn * turn) + 3);
    if (kind < 0.5f || (kind > 0.7f && driver < 0.5f)) return expert(s, action);
    for (index_t i = 0; i < 2; ++i) {
      float const drawn = random.uniform(begin + 4 * (step / hold * hold) + i);
      action[i] = std::clamp(reach * (2.0f * drawn - 1.0f), -1.0f, 1.0f);
    }
  }
};

}  // namespace support
