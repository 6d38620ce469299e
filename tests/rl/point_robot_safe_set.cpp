#include "../../examples/support/point_robot_safe_set.hpp"

#include <parapet/core/philox.hpp>

#include <doctest/doctest.h>

#include "support/point_robot_braking.hpp"

#include <algorithm>
#include <cmath>

using namespace parapet;
using rl::point_robot;
using state = point_robot::state;

namespace {

support::point_robot_safe_set const& true_set() {
  static support::point_robot_safe_set const set = [] {
    backend::cpu be;
    return support::point_robot_safe_set(be, 20);
  }();
  return set;
}

/// Anywhere in the arena, at any heading, at a speed in [0, 2].
state anywhere(philox_stream const& random, index_t i) {
  philox_block const b = random.block(i);
  return {6.0f * to_uniform(b.word[0]) - 3.0f, 6.0f * to_uniform(b.word[1]) - 3.0f, 2.0f * to_uniform(b.word[2]),
          6.2831853f * to_uniform(b.word[3])};
}

/// Least V after one step among n x n actions.
struct best_action {
  float value = 1e30f;
  state next{};
  best_action(state const& s, int n) {
    for (int i = 0; i < n * n; ++i) {
      auto const level = [&](int k) { return -1.0f + 2.0f * static_cast<float>(k) / static_cast<float>(n - 1); };
      state const candidate = point_robot::move(s, level(i / n), level(i % n));
      if (std::abs(candidate.v) > support::point_robot_safe_set::max_speed) continue;
      float const v = true_set().value(candidate);
      if (v < value) *this = {v, candidate};
    }
  }
  best_action(float v, state const& s) : value(v), next(s) {}
};

template <class F>
double slice_fraction(float v, float theta, F const& f) {
  int count = 0;
  for (int i = 0; i < 200; ++i)
    for (int j = 0; j < 200; ++j)
      count += f(state{-3.0f + 6.0f * static_cast<float>(i) / 199.0f, -3.0f + 6.0f * static_cast<float>(j) / 199.0f, v, theta});
  return count / 40000.0;
}

struct slice {
  float v, theta;
  double infeasible;  // by the authors' code
};
constexpr slice slices[] = {{0.5f, 0.78539816f, 0.1208}, {1.0f, 1.57079633f, 0.1407}, {1.5f, 0.78539816f, 0.1587}, {2.0f, 0.78539816f, 0.1734}};

}  // namespace

TEST_CASE("point robot's infeasible area is that of the authors' code, or a little less") {
  CHECK(slice_fraction(0.0f, 0.0f, [](state const& s) { return point_robot::h(s) >= 0.0f; }) == doctest::Approx(0.1106).epsilon(0.0005));
  for (slice const& at : slices) {
    CAPTURE(at.v);
    double const authors = slice_fraction(at.v, at.theta, [](state const& s) { return !support::avoidable_by_braking(s); });
    CHECK(std::abs(authors - at.infeasible) <= 0.00006);
    double const here = slice_fraction(at.v, at.theta, [](state const& s) { return true_set().value(s) > 0.0f; });
    CHECK(here <= authors);
    CHECK(here >= authors - 0.0005);
  }
}

TEST_CASE("point robot: what braking avoids is safe, and nearly nothing else is") {
  int braking = 0, safe = 0;
  index_t const n = 100000;
  for (index_t i = 0; i < n; ++i) {
    state const s = anywhere({11, 0}, i);
    bool const avoidable = support::avoidable_by_braking(s);
    float const value = true_set().value(s);
    if (avoidable) CHECK(value <= 0.01f);
    braking += avoidable;
    safe += value <= 0.0f;
  }
  MESSAGE("safe: ", safe, ", by braking: ", braking, " of ", n);
  CHECK(std::abs(safe - braking) <= n / 1000);
}

TEST_CASE("point robot's V satisfies its equation with any action") {
  double mean = 0.0;
  float worst = 0.0f;
  index_t const n = 3000;
  for (index_t i = 0; i < n; ++i) {
    state const s = anywhere({12, 0}, i);
    float const right = std::max(point_robot::h(s), best_action(s, 9).value);
    float const residual = std::abs(true_set().value(s) - right);
    worst = std::max(worst, residual);
    mean += residual / static_cast<double>(n);
  }
  MESSAGE("residual: mean ", mean, ", worst ", worst);
  CHECK(mean <= 5e-4);
  CHECK(worst <= 0.03f);  // where a hazard's centre, the tip of a cone, lies between nodes
}

TEST_CASE("point robot stays safe under the greedy policy of V") {
  int rollouts = 0, violations = 0;
  for (index_t i = 0; i < 8000; ++i) {
    state s = anywhere({13, 0}, i);
    if (true_set().value(s) > -0.05f) continue;
    ++rollouts;
    bool violated = false;
    for (index_t t = 0; t < 60 && !point_robot::outside(s); ++t) {
      s = best_action(s, 3).next;
      violated = violated || point_robot::h(s) > 0.0f;
    }
    violations += violated;
  }
  CHECK(rollouts > 5000);
  CHECK(violations == 0);
}

TEST_CASE("point robot: a search finds no way out where V says that there is none, and finds one where there is") {
  philox_stream const random{14, 1};
  index_t element = 0;
  // Tries 300 random sequences; two thirds brake throughout, the others change their minds about that too.
  auto const escapes = [&](state const& start) {
    for (int attempt = 0; attempt < 300; ++attempt) {
      state s = start;
      float acceleration = -1.0f, turn = 0.0f;
      bool violated = false;
      for (index_t t = 0; t < 80 && !violated && !point_robot::outside(s) && s.v > 0.0f; ++t) {
        if (random.below(element++, 8) == 0 || t == 0) {
          turn = static_cast<float>(random.below(element++, 3)) - 1.0f;
          if (attempt % 3 == 0) acceleration = static_cast<float>(random.below(element++, 3)) - 1.0f;
        }
        s = point_robot::move(s, acceleration, turn);
        violated = point_robot::h(s) > 0.0f;
      }
      if (!violated) return true;
    }
    return false;
  };
  int lost = 0, escaped = 0, safe = 0, found = 0;
  for (index_t i = 0; i < 60000; ++i) {
    state const start = anywhere({14, 0}, i);
    float const value = true_set().value(start);
    if (point_robot::h(start) > 0.0f) continue;
    if (value > 0.02f) {
      ++lost;
      escaped += escapes(start);
    } else if (value <= -0.02f && value > -0.1f) {
      ++safe;
      found += escapes(start);
    }
  }
  MESSAGE("escapes from ", escaped, " of ", lost, " unsafe states, ", found, " of ", safe, " barely safe ones");
  CHECK(lost > 500);
  CHECK(escaped == 0);
  CHECK(safe > 500);
  CHECK(found >= 0.95 * safe);
}

TEST_CASE("point robot's safe set converges in resolution") {
  backend::cpu be;
  support::point_robot_safe_set const coarse(be, 5), middle(be, 10);
  double coarse_to_middle = 0.0, middle_to_fine = 0.0;
  int differ = 0;
  index_t const n = 20000;
  for (index_t i = 0; i < n; ++i) {
    state const s = anywhere({15, 0}, i);
    float const fine = true_set().value(s), half = middle.value(s);
    differ += (fine <= 0.0f) != (half <= 0.0f);
    coarse_to_middle += std::abs(coarse.value(s) - half) / static_cast<double>(n);
    middle_to_fine += std::abs(half - fine) / static_cast<double>(n);
  }
  MESSAGE("mean differences ", coarse_to_middle, ", ", middle_to_fine, "; ", differ, " of ", n, " states change sides");
  CHECK(middle_to_fine <= 0.6 * coarse_to_middle);
  CHECK(middle_to_fine <= 0.004);
  CHECK(differ <= n / 500);
}

TEST_CASE("point robot's safe set knows its symmetries and its limits") {
  for (index_t i = 0; i < 1000; ++i) {
    state const s = anywhere({16, 0}, i);
    float const value = true_set().value(s);
    CHECK(std::abs(true_set().value({-s.x, -s.y, s.v, s.theta + 3.14159265f}) - value) <= 1e-4f);
    CHECK(std::abs(true_set().value({s.x, s.y, -s.v, s.theta - 3.14159265f}) - value) <= 1e-4f);
    CHECK(value >= point_robot::h(s) - 0.005f);
  }
  state const away{3.1f, 0.0f, 9.0f, 0.0f};
  CHECK(true_set().value(away) == point_robot::h(away));
  CHECK_THROWS_AS(true_set().value({0.0f, 0.0f, 2.6f, 0.0f}), argument_error);
  CHECK_THROWS_AS(true_set().value({0.0f, 0.0f, 1.0f, NAN}), argument_error);
}
