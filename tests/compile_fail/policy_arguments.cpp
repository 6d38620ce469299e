// expect: a policy must be callable as policy(matrix_view<float const> seen, vector_view<index_t const> episodes, index_t step
#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/rollout.hpp>

using namespace parapet;

void play(rl::point_robot const& robot, std::vector<rl::point_robot::state> const& starts) {
#ifdef MISTAKE  // one state and one action
  rl::roll_out(robot, starts, [](vector_view<float const> const&, vector_view<float> const& action) { action[0] = 1; });
#else
  rl::roll_out(robot, starts, [](matrix_view<float const> const& seen, vector_view<index_t const> const&, index_t, matrix_view<float> const& actions) {
    for (index_t i = 0; i < seen.extent(0); ++i) actions(i, 0) = actions(i, 1) = 1;
  });
#endif
}
