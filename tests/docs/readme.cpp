#include <parapet/parapet.hpp>

#include <cstdio>

using namespace parapet;

int main() {
  backend::cpu be;  // all cores; results do not depend on how many
  rl::point_robot const robot;

  // Experience: a good driver, replaced by chance every other second.
  auto const behaviour = [random = philox_stream(0, 1)](auto const& state, index_t episode, index_t step, auto const& action) {
    if ((episode + step / 20) % 2 == 0) return rl::point_robot_expert{}(state, action);
    for (index_t i = 0; i < 2; ++i) action[i] = 2 * random.uniform(100 * episode + 2 * (step / 10) + i) - 1;
  };
  auto const data = rl::log_transitions(robot, 50000, philox_stream(0, 2), behaviour, [](index_t) {});

  // What is safe, from that log alone.
  auto config = rl::fisor_config::quickstart(6000);
  config.target_rate = 0.05;   // a short run: targets follow ten times faster,
  config.violation_scale = 8;  // and a violation is seen from further away
  rl::fisor<backend::cpu> learner(be, config, data);
  while (learner.step() < 6000) learner.update();

  // How fast may the robot drive at a hazard that is 0.6 m ahead?
  for (float speed : {0.5f, 0.8f, 1.4f, 2.0f}) {
    float seen[robot.observation_dim], v_h;
    robot.observe({-1.8f, 1.2f, speed, 0.0f}, {seen, extents{robot.observation_dim}});
    rl::evaluate_safety_value(be, learner.networks(), learner.parameters(), {seen, extents{1, robot.observation_dim}},
                              vector_view<float>(&v_h, extents{1}));
    std::printf("%.1f m/s: V_h = %+.2f, %s\n", speed, v_h, v_h <= 0 ? "it can still stay out" : "too fast to stay out");
  }
}
