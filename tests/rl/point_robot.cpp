#include <parapet/rl/point_robot.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"

#include <cmath>

using namespace parapet;
using rl::point_robot;

namespace {

rl::outcome<point_robot::state> step(point_robot::state const& s, float acceleration, float turn) {
  float const action[2] = {acceleration, turn};
  return point_robot::step(s, {action, extents{index_t{2}}});
}

void check_state(point_robot::state const& got, point_robot::state const& expected) {
  CHECK(std::abs(got.x - expected.x) <= 1e-6f);
  CHECK(std::abs(got.y - expected.y) <= 1e-6f);
  CHECK(std::abs(got.v - expected.v) <= 1e-6f);
  CHECK(std::abs(got.theta - expected.theta) <= 1e-6f);
}

void check_observation(point_robot::state const& s, float const (&expected)[11]) {
  float o[11];
  point_robot::observe(s, {o, extents{index_t{11}}});
  for (int i = 0; i < 11; ++i) {
    CAPTURE(i);
    CHECK(std::abs(o[i] - expected[i]) <= 1e-6f);
  }
}

}  // namespace

// Expected numbers come from the authors' env/point_robot.py, run with numpy 2.
TEST_CASE("point robot steps as the authors' environment does") {
  point_robot::state s = point_robot::paper_start;
  check_observation(s, {-1.8f, 0.0f, 2.0f, 0.70710677f, 0.70710677f, 2.5059927f, 0.2821663f, -0.9593655f, 1.8439088f,
                        0.99705446f, -0.076696485f});
  struct expected {
    float acceleration, turn;
    point_robot::state next;
    float reward, h;
  };
  // The third action lies outside the bounds.
  for (expected const& e : {expected{0.3f, -0.7f, {-1.7292893f, 0.07071068f, 2.015f, 0.75039816f}, 0.0959476379f, -0.94422028f},
                            expected{-1.0f, 1.0f, {-1.655599f, 0.13941513f, 1.9650002f, 0.8003982f}, 0.0974494709f, -0.84358423f},
                            expected{2.0f, -0.25f, {-1.5871756f, 0.20992261f, 2.015f, 0.7878982f}, 0.0934746610f, -0.74584577f},
                            expected{0.5f, 0.5f, {-1.5161129f, 0.2813415f, 2.04f, 0.81289816f}, 0.0960191834f, -0.64555924f}}) {
    auto const got = step(s, e.acceleration, e.turn);
    check_state(got.next, e.next);
    CHECK(std::abs(got.reward - e.reward) <= 1e-6f);
    CHECK(std::abs(got.h - e.h) <= 1e-6f);
    CHECK_FALSE(got.done);
    s = got.next;
  }
  check_observation(s, {-1.5161129f, 0.2813415f, 2.04f, 0.6873964f, 0.7262824f, 2.421954f, 0.09961249f, -0.9950263f, 1.4455593f,
                        0.99229246f, -0.123917885f});
}

TEST_CASE("point robot in reverse inside a hazard") {
  point_robot::state const s{-0.3f, 0.9f, -0.4f, 2.9f};
  CHECK(std::abs(point_robot::h(s) - 0.48377222f) <= 1e-6f);
  auto const got = step(s, -1.0f, -1.0f);
  check_state(got.next, {-0.28058085f, 0.895215f, -0.45f, 2.85f});
  CHECK(std::abs(got.reward - 0.01499033f) <= 1e-6f);
  CHECK(std::abs(got.h - 0.47265485f) <= 1e-6f);
  check_observation(got.next, {-0.28058085f, 0.895215f, -0.45f, -0.9577873f, 0.28747788f, 2.2029788f, -0.5693108f, 0.8221224f,
                               0.32734513f, 0.6170768f, -0.7869029f});
}

TEST_CASE("point robot episodes end in the goal and outside the arena") {
  auto const arrived = step({1.9f, 2.0f, 2.0f, 0.0f}, 0.0f, 0.0f);
  CHECK(arrived.done);
  CHECK(arrived.reward == doctest::Approx(1.0 + std::sqrt(0.3 * 0.3 + 0.2 * 0.2) - std::sqrt(0.2 * 0.2 + 0.2 * 0.2)));
  CHECK(step({2.95f, 0.0f, 2.0f, 0.0f}, 0.0f, 0.0f).done);
  CHECK(step({0.0f, -2.95f, -2.0f, 1.5707964f}, 0.0f, 0.0f).done);
  CHECK_FALSE(step({2.95f, 0.0f, 0.5f, 0.0f}, 0.0f, 0.0f).done);
}

TEST_CASE("point robot observes a hazard's centre as straight ahead") {
  float o[11];
  point_robot::observe({0.4f, -1.2f, 0.0f, 1.0f}, {o, extents{index_t{11}}});
  CHECK(o[5] == 0.0f);
  CHECK(o[6] == 1.0f);
  CHECK(o[7] == 0.0f);
}

TEST_CASE("point robot starts fill the authors' box, and an episode is repeated from its number") {
  philox_stream const random{7, 0};
  double mean[4] = {};
  index_t const n = 4096;
  for (index_t e = 0; e < n; ++e) {
    auto const s = point_robot::reset(random, e);
    CHECK(std::abs(s.x) < 3.0f);
    CHECK(std::abs(s.y) < 3.0f);
    CHECK((s.v > 0.5f && s.v < 2.0f));
    CHECK((s.theta > 0.785398f && s.theta < 2.356195f));
    float const value[] = {s.x, s.y, s.v, s.theta};
    for (int i = 0; i < 4; ++i) mean[i] += value[i] / static_cast<double>(n);
  }
  // Within five standard errors of the middle of the box.
  double const middle[] = {0.0, 0.0, 1.25, 1.5707963}, width[] = {6.0, 6.0, 1.5, 1.5707963};
  for (int i = 0; i < 4; ++i) CHECK(std::abs(mean[i] - middle[i]) < 5.0 * width[i] / std::sqrt(12.0 * static_cast<double>(n)));
  auto const a = point_robot::reset(random, 17), b = point_robot::reset(philox_stream{7, 0}, 17);
  CHECK((a.x == b.x && a.y == b.y && a.v == b.v && a.theta == b.theta));
  CHECK(a.x != point_robot::reset(random, 18).x);
}

TEST_CASE("point robot refuses wrong shapes and allocates nothing") {
  float values[11] = {};
  CHECK_THROWS_AS(point_robot::step(point_robot::paper_start, {values, extents{index_t{3}}}), shape_error);
  CHECK_THROWS_AS(point_robot::observe(point_robot::paper_start, {values, extents{index_t{10}}}), shape_error);
  auto const before = support::allocation_count();
  auto const s = step(point_robot::paper_start, 1.0f, 1.0f).next;
  point_robot::observe(s, {values, extents{index_t{11}}});
  CHECK(support::allocation_count() == before);
}
