// expect: an environment must have the constants observation_dim, action_dim and max_steps
#include <parapet/rl/point_robot.hpp>

using namespace parapet;

#ifdef MISTAKE
struct environment : rl::point_robot {
private:
  using rl::point_robot::max_steps;
};
#else
using environment = rl::point_robot;
#endif

static_assert(rl::check_environment<environment>());
