#include <parapet/diffusion/selection.hpp>
#include <parapet/rl/controller.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

using namespace parapet;
using namespace std::chrono_literals;
using rl::fallback_reason;

namespace {

float const not_a_number = std::numeric_limits<float>::quiet_NaN();

/// A clock that stands until somebody moves it.
struct toy_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<toy_clock>;
  inline static time_point time{};
  static time_point now() { return time; }
};

/// Candidate k of any decision is the action {k, seen[0]} with the Q values of a table. A round takes a millisecond.
struct toy_agent {
  struct judgement {
    float reward, safety;
  };
  std::vector<judgement> table;
  float v_safety = -1, limit = 0;
  bool fails = false;
  float action_of_2 = 2;
  std::chrono::nanoseconds* round_time;
  std::vector<index_t>* numbers_seen;

  index_t state_dim() const { return 3; }
  index_t action_dim() const { return 2; }
  index_t candidates() const { return static_cast<index_t>(table.size()); }
  index_t rows() const { return 4; }
  double feasible_level() const { return limit; }
  void propose(matrix_view<float const> const& states, vector_view<index_t const> const& numbers, matrix_view<float> const& actions,
               vector_view<rl::decision_info<float>> const& info) const {
    if (fails) throw std::runtime_error("toy");
    toy_clock::time += *round_time;
    for (index_t i = 0; i < actions.extent(0); ++i) {
      index_t const k = numbers[i] % candidates();
      if (numbers_seen->size() < numbers_seen->capacity()) numbers_seen->push_back(numbers[i]);
      actions(i, 0) = k == 2 ? action_of_2 : static_cast<float>(k);
      actions(i, 1) = states(i, 0);
      info[i] = {v_safety, table[static_cast<std::size_t>(k)].safety, table[static_cast<std::size_t>(k)].reward, 0};
    }
  }
  index_t choose(vector_view<float const> const& q_reward, vector_view<float const> const& q_safety, double u) const {
    return diffusion::feasible_reward{limit}(q_reward, q_safety, u);
  }
};

struct setting {
  std::chrono::nanoseconds round_time = 1ms;
  std::vector<index_t> numbers;
  std::vector<toy_agent::judgement> table{{1, -1}, {5, 2}, {3, -1}, {2, -2}, {9, 1}, {4, -0.5f}};
  setting() { numbers.reserve(100); }
  toy_agent agent() { return {table, -1, 0, false, 2, &round_time, &numbers}; }
};

using controller = rl::controller<toy_agent, rl::constant_action, toy_clock>;
float const seen[] = {0.25f, 1, 2};
vector_view<float const> const observation(seen, extents<1>{{3}});

}  // namespace

TEST_CASE("controller: all candidates in rounds, the choice of the rule, and what is known of it") {
  setting s;
  controller c(s.agent());
  auto const out = c.act(observation);
  CHECK(out.action[0] == 5);  // the best reward among the feasible, in the second round
  CHECK(out.action[1] == 0.25f);
  CHECK(out.reward_critic == 4);
  CHECK(out.safety_critic == -0.5f);
  CHECK(out.safety_value == -1);
  CHECK(out.candidates == 6);
  CHECK(out.feasible == 4);
  CHECK_FALSE(out.fallback);
  CHECK(out.reason == fallback_reason::none);
  CHECK(out.elapsed == 2ms);
  CHECK_FALSE(out.late);
  s.numbers.clear();
  c.act(observation);
  CHECK(s.numbers == std::vector<index_t>{6, 7, 8, 9, 10, 11});  // the next decision has noise of its own
}

TEST_CASE("controller: stops before a round that would end too late, and plays the best of what it has") {
  setting s;
  controller c(s.agent());
  CHECK(c.expected_round() == 1ms);
  auto const two = c.act(observation, 2ms), one = c.act(observation, 1999us);
  CHECK(two.candidates == 6);
  CHECK_FALSE(two.late);
  CHECK(one.candidates == 4);
  CHECK(one.action[0] == 2);
  CHECK_FALSE(one.fallback);
  CHECK(one.elapsed == 1ms);
}

TEST_CASE("controller: where no round fits the fallback acts, at once; one slow round does not stop it for ever") {
  setting s;
  controller c(s.agent(), {.time_limit = 1500us}, {{7, 8}});
  s.round_time = 4ms;
  auto const slow = c.act(observation);
  CHECK(slow.candidates == 4);
  CHECK(slow.late);
  s.round_time = 1ms;
  auto const out = c.act(observation);
  CHECK(out.fallback);
  CHECK(out.reason == fallback_reason::deadline);
  CHECK(out.action[0] == 7);
  CHECK(out.action[1] == 8);
  CHECK(out.elapsed == 0ms);
  int calls = 0;
  while (c.act(observation).fallback && calls < 100) ++calls;
  CHECK(calls > 0);
  CHECK(calls < 20);
}

TEST_CASE("controller: candidates that are not finite do not count; the fallback acts where none is left") {
  setting s;
  s.table = {{1, -1}, {not_a_number, -1}, {8, -1}, {7, not_a_number}, {6, -1}, {std::numeric_limits<float>::infinity(), -1}};
  auto agent = s.agent();
  agent.action_of_2 = not_a_number;
  controller c(agent);
  auto const out = c.act(observation);
  CHECK(out.action[0] == 4);
  CHECK(out.candidates == 6);
  CHECK(out.feasible == 2);

  for (auto& row : agent.table) row.safety = not_a_number;
  controller spoilt(agent);
  auto const none = spoilt.act(observation);
  CHECK(none.fallback);
  CHECK(none.reason == fallback_reason::not_finite);
  CHECK(none.action[0] == 0);
  CHECK(none.reward_critic == 0);
  agent = s.agent();
  agent.v_safety = not_a_number;
  controller blind(agent);
  CHECK(blind.act(observation).reason == fallback_reason::not_finite);
}

TEST_CASE("controller: an observation that is none is refused before the agent sees it") {
  setting s;
  controller c(s.agent());
  s.numbers.clear();
  float const bad[] = {0, not_a_number, 1}, infinite[] = {0, 0, std::numeric_limits<float>::infinity()};
  for (vector_view<float const> const& o : {vector_view<float const>(bad, extents<1>{{3}}), vector_view<float const>(infinite, extents<1>{{3}}),
                                            vector_view<float const>(seen, extents<1>{{2}}), vector_view<float const>{}})
    CHECK(c.act(o).reason == fallback_reason::observation);
  CHECK(s.numbers.empty());
  CHECK_FALSE(c.act(observation).fallback);
}

TEST_CASE("controller: hands over where nothing is feasible if it is told to, else the rule decides") {
  setting s;
  s.table = {{1, 3}, {5, 2}};
  controller staying(s.agent());
  auto const stays = staying.act(observation);
  CHECK(stays.action[0] == 1);  // the safest
  CHECK(stays.feasible == 0);
  CHECK_FALSE(stays.fallback);
  controller handing(s.agent(), {.hand_over_infeasible = true});
  CHECK(handing.act(observation).reason == fallback_reason::infeasible);
}

TEST_CASE("controller: an agent that throws in a decision is a failure, in its making an exception") {
  setting s;
  auto agent = s.agent();
  agent.fails = true;
  CHECK_THROWS_AS((controller(agent)), std::runtime_error);
  struct failing : toy_agent {
    bool* now;
    void propose(matrix_view<float const> const& a, vector_view<index_t const> const& b, matrix_view<float> const& c,
                 vector_view<rl::decision_info<float>> const& d) const {
      if (*now) throw 1;
      toy_agent::propose(a, b, c, d);
    }
  };
  bool now = false;
  rl::controller<failing, rl::constant_action, toy_clock> c(failing{s.agent(), &now});
  now = true;
  CHECK(c.act(observation).reason == fallback_reason::failure);
  now = false;
  CHECK_FALSE(c.act(observation).fallback);
}

TEST_CASE("controller: a choice that is no candidate is a failure, never a read beyond them") {
  struct astray : toy_agent {
    index_t choice;
    index_t choose(vector_view<float const> const&, vector_view<float const> const&, double) const { return choice; }
  };
  setting s;
  for (index_t const choice : {-1, 6, 5}) {
    rl::controller<astray, rl::constant_action, toy_clock> c(astray{s.agent(), choice});
    CHECK(c.act(observation).reason == (choice == 5 ? fallback_reason::none : fallback_reason::failure));
  }
}

TEST_CASE("controller: a fallback policy sees the observation; a constant action has the size of an action") {
  setting s;
  auto const mirror = [](vector_view<float const> const& o, vector_view<float> const& action) noexcept { action[0] = action[1] = -o[1]; };
  rl::controller<toy_agent, decltype(mirror), toy_clock> c(s.agent(), {}, mirror);
  CHECK(c.act(observation, 0ms).action[1] == -1);
  CHECK(support::message_of<argument_error>([&] { controller(s.agent(), {}, {{1, 2, 3}}); }) == "controller: a fallback action of 3 numbers, expected 2");
}

TEST_CASE("controller: acting allocates nothing, with and without a fallback") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  setting s;
  controller c(s.agent());
  c.act(observation);
  auto const before = support::allocation_count();
  for (int i = 0; i < 10; ++i) c.act(observation, i % 2 == 0 ? 0ms : 1h);
  CHECK(support::allocation_count() == before);
  static_assert(noexcept(c.act(observation)));
}
