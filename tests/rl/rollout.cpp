#include <parapet/rl/rollout.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <tuple>
#include <vector>

using namespace parapet;
using support::message_of;

namespace {

/// A walk on a line: an action is a step, its length the reward. Beyond 2 it is unsafe, from 4 on it is over.
struct walk {
  struct state {
    float position;
    index_t origin;  ///< the episode that it started in

    explicit state(float at, index_t episode = -1) : position(at), origin(episode) {}  // not default-constructible
  };
  static constexpr index_t observation_dim = 2, action_dim = 1, max_steps = 6;

  state reset(philox_stream const& random, index_t episode) const { return state(random.uniform(episode), episode); }
  rl::outcome<state> step(state const& s, vector_view<float const> action) const {
    state const next(s.position + action[0], s.origin);
    return {next, action[0], h(next), next.position >= 4};
  }
  void observe(state const& s, vector_view<float> out) const {
    out[0] = s.position;
    out[1] = -s.position;
  }
  float h(state const& s) const { return s.position - 2; }
};

}  // namespace

TEST_CASE("roll_out: returns, steps, violations and ends are those of the environment") {
  std::vector<walk::state> const starts{walk::state(0), walk::state(3), walk::state(-9)};
  auto const results = rl::roll_out(walk{}, starts, [](auto const& seen, auto const&, index_t, auto const& action) {
    for (index_t i = 0; i < seen.extent(0); ++i) {
      CHECK(seen(i, 1) == -seen(i, 0));
      action(i, 0) = seen(i, 0) < 0 ? 0.5f : 1.0f;
    }
  });
  REQUIRE(results.size() == 3);
  CHECK(results[0].total_reward == 4);  // 1, 2, 3, 4
  CHECK(results[0].steps == 4);
  CHECK(results[0].violations == 2);  // at 3 and at 4
  CHECK(results[0].done);
  CHECK(results[0].last.position == 4);
  CHECK(results[1].steps == 1);
  CHECK(results[1].violations == 1);
  CHECK(results[2].total_reward == 3);
  CHECK(results[2].steps == walk::max_steps);
  CHECK_FALSE(results[2].done);  // cut for time
}

TEST_CASE("roll_out: the policy sees who still runs, the observer every step in order") {
  std::vector<walk::state> const starts{walk::state(2), walk::state(0), walk::state(1)};
  using seen = std::tuple<index_t, float, float, float>;  // episode, position, action, next
  std::vector<seen> steps;
  std::vector<std::vector<index_t>> running;
  rl::roll_out(
      walk{}, starts,
      [&](auto const&, auto const& numbers, index_t step, auto const& action) {
        CHECK(step == static_cast<index_t>(running.size()));
        running.emplace_back();
        for (index_t i = 0; i < numbers.extent(0); ++i) {
          running.back().push_back(numbers[i]);
          action(i, 0) = 2;
        }
      },
      [&](index_t episode, walk::state const& s, vector_view<float const> action, rl::outcome<walk::state> const& o) {
        steps.emplace_back(episode, s.position, action[0], o.next.position);
      });
  CHECK(running == std::vector<std::vector<index_t>>{{0, 1, 2}, {1, 2}});
  CHECK(steps == std::vector<seen>{{0, 2, 2, 4}, {1, 0, 2, 2}, {2, 1, 2, 3}, {1, 2, 2, 4}, {2, 3, 2, 5}});
}

TEST_CASE("roll_out: no episodes, no result") {
  auto const idle = [](auto const&...) {};
  CHECK(message_of<argument_error>([&] { rl::roll_out(walk{}, {}, idle); }) == "roll_out: no episodes to play");
}

TEST_CASE("sample_starts: the environment's own, one for each episode number") {
  philox_stream const random(1, 2);
  auto const starts = rl::sample_starts(walk{}, random, 3);
  REQUIRE(starts.size() == 3);
  for (index_t i = 0; i < 3; ++i) CHECK(starts[static_cast<std::size_t>(i)].position == random.uniform(i));
}

TEST_CASE("log_transitions: exactly the rows asked for, with ends, cuts and violations marked") {
  philox_stream const random(3, 4);
  index_t const size = 3 * 4 + 2 * 6 + 2;  // episodes of 4, 6, 4, 6, 4 steps and two of another
  std::vector<index_t> told;
  auto const behaviour = [&](walk::state const& s, index_t episode, index_t step, vector_view<float> const& action) {
    CHECK(s.origin == episode);  // nothing is left of the episode before
    if (step == 0) CHECK(s.position == random.uniform(episode));
    action[0] = episode % 2 == 0 ? 1.0f : 0.125f;
  };
  auto const data = rl::log_transitions(walk{}, size, random, behaviour, [&](index_t rows) { told.push_back(rows); });
  CHECK(told == std::vector<index_t>{4, 10, 14, 20, 24, 26});
  REQUIRE(data.size() == size);
  for (index_t i = 0; i < size; ++i) {
    CAPTURE(i);
    bool const arrived = i == 3 || i == 13 || i == 23, cut = i == 9 || i == 19 || i == 25;
    CHECK(data.done()[i] == (arrived || cut));
    CHECK(data.timeout()[i] == cut);
    CHECK(data.reward()[i] == data.action()(i, 0));
    CHECK(data.next_state()(i, 0) == data.state()(i, 0) + data.action()(i, 0));
    CHECK(data.h()[i] == data.state()(i, 0) - 2);
    CHECK(data.cost()[i] == (data.state()(i, 0) > 2));
    if (i + 1 < size && data.done()[i] == 0) CHECK(data.state()(i + 1, 0) == data.next_state()(i, 0));
  }
  CHECK(message_of<argument_error>([&] { rl::log_transitions(walk{}, 0, random, behaviour, [](index_t) {}); }).starts_with("transitions: 0 rows"));
}
