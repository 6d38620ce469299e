// The point robot's safe set by the library's value iteration, with every corner of the actions, against the pass that knows its structure.
#include "../../examples/support/point_robot_safe_set.hpp"

#include <parapet/core/philox.hpp>
#include <parapet/reachability/systems/point_robot.hpp>
#include <parapet/reachability/value_iteration.hpp>
#include <parapet/reachability/verification.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;
using namespace parapet::reachability;

namespace {

constexpr double pi = 3.14159265358979;

auto solve(backend::cpu& be) {
  grid::grid<4> const nodes({{-3, 3, 37}, {-3, 3, 37}, {0, 2.4, 13}, {0, 2 * pi, 36, grid::periodic}});
  return value_iteration<float>(be, reachability::point_robot{}, nodes, avoid(reachability::point_robot::distance_to_hazards{}),
                                steps_of(0.2).trying(3, 1).beyond_grid(beyond::clamp{}), undiscounted{}, {.tolerance = 1e-3, .kind = sweep_kind::active_set});
}

}  // namespace

TEST_CASE("the point robot's set by value iteration is the one that the pass in order of speed finds") {
  backend::cpu be;
  auto const r = solve(be);
  support::point_robot_safe_set const known(be, 10);
  philox_stream const random(21, 0);
  int agree = 0, optimistic = 0, both_doomed = 0, either_doomed = 0;
  double mean = 0;
  int const n = 20000;
  for (index_t i = 0; i < n; ++i) {
    philox_block const b = random.block(i);
    rl::point_robot::state const s{5.4f * to_uniform(b.word[0]) - 2.7f, 5.4f * to_uniform(b.word[1]) - 2.7f, 2.0f * to_uniform(b.word[2]),
                                   6.28f * to_uniform(b.word[3])};
    float const here = -r.value.value({s.x, s.y, s.v, s.theta}), there = known.value(s);
    mean += std::abs(here - there) / n;
    agree += (here > 0) == (there > 0);
    optimistic += here <= 0 && there > 0;
    both_doomed += here > 0 && there > 0;
    either_doomed += here > 0 || there > 0;
  }
  MESSAGE(r.trace.size(), " sweeps; mean difference ", mean, ", ", agree, " of ", n, " on the same side, ", optimistic, " optimistic; IoU of the doomed ",
          static_cast<double>(both_doomed) / either_doomed);
  CHECK(mean <= 0.03);
  CHECK(agree >= 0.985 * n);
}
