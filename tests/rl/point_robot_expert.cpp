#include <parapet/rl/point_robot_expert.hpp>

#include <parapet/core/philox.hpp>

#include <doctest/doctest.h>

#include "../../examples/support/point_robot_safe_set.hpp"
#include "support/allocation_counter.hpp"

#include <cmath>

using namespace parapet;
using rl::point_robot;
using state = point_robot::state;

namespace {

struct drive {
  bool violated = false, arrived = false;
  int steps = 0, jumps = 0;
  double reward = 0.0;
  float closest = 9.0f;
};

/// One episode under the expert. A jump is a change by more than half the range of steering in one step.
drive drive_from(state s) {
  rl::point_robot_expert const expert;
  float action[2], before[2];
  vector_view<float> const view{action, extents{index_t{2}}};
  drive result;
  for (bool done = false; !done && result.steps < point_robot::max_steps; ++result.steps) {
    expert(s, view);
    for (int i = 0; i < 2; ++i) {
      REQUIRE(std::abs(action[i]) <= 1.0f);
      result.jumps += result.steps > 0 && std::abs(action[i] - before[i]) > 0.5f;
      before[i] = action[i];
    }
    auto const o = point_robot::step(s, view);
    s = o.next;
    done = o.done;
    result.reward += o.reward;
    result.violated = result.violated || o.h > 0.0f;
    result.closest = std::min(result.closest, -o.h);
  }
  result.arrived = point_robot::in_goal(s);
  return result;
}

/// V with the hazards alone, and with the walls as well.
struct both_sets {
  backend::cpu be;
  support::point_robot_safe_set hazards{be, 10}, walls{be, 10, support::point_robot_safe_set::h_and_walls};
};
both_sets const& sets() {
  static both_sets const s;
  return s;
}

}  // namespace

TEST_CASE("point robot's expert from random starts: safe where it can be, in the goal where it can be") {
  philox_stream const random{2024, 0};
  int safe = 0, arrived = 0, lost = 0, jumps = 0, steps = 0;
  double reward = 0.0;
  for (index_t e = 0; e < 2000; ++e) {
    state const s = point_robot::reset(random, e);
    if (sets().hazards.value(s) > -0.1f) continue;
    drive const d = drive_from(s);
    CAPTURE(e);
    CHECK_FALSE(d.violated);
    // Starts that cannot stop before a wall are lost, but for those whose way leads through the goal.
    if (sets().walls.value(s) <= -0.05f) CHECK(d.arrived);
    ++safe;
    lost += sets().walls.value(s) > 0.0f;
    arrived += d.arrived;
    jumps += d.jumps;
    steps += d.steps;
    reward += d.reward;
  }
  MESSAGE("of ", safe, " safe starts ", arrived, " arrive, ", lost, " cannot stop before a wall; mean return ", reward / safe,
          ", mean steps ", static_cast<double>(steps) / safe, ", jumps ", static_cast<double>(jumps) / steps);
  CHECK(safe > 1500);
  CHECK(arrived + lost >= safe - 10);
  CHECK(jumps <= steps / 100);
}

TEST_CASE("point robot's expert from anywhere, at any heading, forwards or in reverse") {
  philox_stream const random{2025, 0};
  int safe = 0;
  for (index_t i = 0; i < 4000; ++i) {
    philox_block const b = random.block(i);
    state const s{6.0f * to_uniform(b.word[0]) - 3.0f, 6.0f * to_uniform(b.word[1]) - 3.0f, 4.0f * to_uniform(b.word[2]) - 2.0f,
                  12.0f * to_uniform(b.word[3]) - 6.0f};
    if (sets().hazards.value(s) > -0.1f) continue;
    drive const d = drive_from(s);
    CAPTURE(i);
    CHECK_FALSE(d.violated);
    if (sets().walls.value(s) <= -0.1f) CHECK(d.arrived);
    ++safe;
  }
  CHECK(safe > 3000);
}

TEST_CASE("point robot's expert from the paper's start") {
  drive const d = drive_from(point_robot::paper_start);
  CHECK_FALSE(d.violated);
  CHECK(d.arrived);
  CHECK(d.steps <= 130);
  // The start leaves 0.057 at best; the expert uses nearly all of it.
  CHECK(d.closest >= 0.05f);
}

TEST_CASE("point robot's expert answers a state that is no number, refuses a wrong shape, and allocates nothing") {
  rl::point_robot_expert const expert;
  float action[3] = {};
  expert({NAN, 0.0f, 1.0f, 0.0f}, {action, extents{index_t{2}}});
  expert({0.0f, 0.0f, NAN, 0.0f}, {action, extents{index_t{2}}});
  expert({0.0f, 0.0f, 1.0f, INFINITY}, {action, extents{index_t{2}}});
  CHECK_THROWS_AS(expert(point_robot::paper_start, {action, extents{index_t{3}}}), shape_error);
  auto const before = support::allocation_count();
  expert(point_robot::paper_start, {action, extents{index_t{2}}});
  CHECK(support::allocation_count() == before);
}
