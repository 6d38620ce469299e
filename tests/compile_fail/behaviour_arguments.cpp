// expect: a behaviour must be callable as behaviour(state const&, index_t episode, index_t step, vector_view<float> const& action)
#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/rollout.hpp>

using namespace parapet;

void play(rl::point_robot const& robot) {
#ifdef MISTAKE
  auto const idle = [](auto const&, auto const& action) { action[0] = action[1] = 0; };
#else
  auto const idle = [](auto const&, index_t, index_t, auto const& action) { action[0] = action[1] = 0; };
#endif
  rl::log_transitions(robot, 10, philox_stream(0, 1), idle, [](index_t) {});
}
