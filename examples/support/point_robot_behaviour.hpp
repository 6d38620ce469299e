// How the point robot's data are logged: where episodes start, and who drives.
//
// Starts cover the arena, more speeds and more headings than the evaluation's, and an episode is cut after three seconds: a log
// of many short drives shows more states than one of few long ones. Half of the episodes are the expert's, a fifth are
// random; in the others the two take turns, so that the data show how an expert gets out of what chance got into.
#pragma once

#include <parapet/core/philox.hpp>
#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/point_robot_expert.hpp>

#include <algorithm>
#include <cmath>

namespace support {

/// The point robot with the starts and the time limit of the log.
struct logged_point_robot : parapet::rl::point_robot {
  static constexpr parapet::index_t max_steps = 60;

  /// Uniform on x, y in [-3, 3] and theta in [0, pi]; v in [-0.5, 2.4], more of it fast.
  static state reset(parapet::philox_stream const& random, parapet::index_t episode) {
    parapet::philox_block const bits = random.block(episode);
    auto const between = [&](int i, float low, float high) { return low + (high - low) * parapet::to_uniform(bits.word[i]); };
    return {between(0, -3.0f, 3.0f), between(1, -3.0f, 3.0f), -0.5f + 2.9f * std::pow(parapet::to_uniform(bits.word[2]), 0.75f),
            between(3, 0.0f, 3.14159265f)};
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
