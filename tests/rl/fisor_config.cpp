#include <parapet/rl/fisor_config.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <type_traits>

using namespace parapet;
using rl::fisor_config;
using support::message_of;

namespace {

struct anything {
  template <class T>
  operator T() const;
};
/// Number of fields of an aggregate: the most initializers that it takes.
template <class T, class... Args>
constexpr int fields() {
  if constexpr (requires { T{Args{}..., anything{}}; }) return fields<T, Args..., anything>();
  else return sizeof...(Args);
}

/// What validate() says after a change.
template <class F>
std::string refusal(F change) {
  fisor_config c;
  change(c);
  return message_of<argument_error>([&] { c.validate(); });
}

}  // namespace

TEST_CASE("fisor_config: every option is listed, under a name of its own, and printed with all its digits") {
  fisor_config c;
  c.seed = 7;
  int options = 0;
  std::set<std::string> names;
  fisor_config::visit(c, [&](char const* name, auto&) {
    ++options;
    names.insert(name);
  });
  CHECK(options == fields<fisor_config>());
  CHECK(static_cast<int>(names.size()) == options);
  CHECK(c.to_text().size() == names.size());
  CHECK(std::stod(c.to_text().at("action_limit")) == 1 - 1e-5);
  CHECK(c.to_text().at("seed") == "7");

  for (std::string const& name : names) {  // each shows its own field
    CAPTURE(name);
    fisor_config changed;
    fisor_config::visit(changed, [&](char const* other, auto& value) {
      using type = std::remove_reference_t<decltype(value)>;
      if (name == other) value = static_cast<type>(value == type{});
    });
    int differences = 0;
    for (auto const& [option, text] : changed.to_text()) differences += text != c.to_text().at(option) && option == name;
    CHECK(differences == 1);
  }
}

TEST_CASE("fisor_config: presets are valid, and the published ones have the published numbers") {
  fisor_config const paper = fisor_config::paper(), robot = fisor_config::paper_point_robot();
  for (fisor_config const& c : {paper, robot, fisor_config::quickstart(), paper.behaviour_cloning()}) c.validate();
  CHECK(paper.actor_batch * paper.actor_steps == 2048);
  CHECK(robot.actor_batch * robot.actor_steps == 1024);
  CHECK(paper.candidates == 16);
  CHECK(robot.candidates == 8);
  CHECK(robot.reward_temperature == 5);
  CHECK(robot.safety_temperature == 2);
  CHECK(paper.choose == rl::selection::min_safety);
  CHECK(std::abs(paper.cost_threshold() - 10 * (1 - std::pow(0.99, 1000)) / (0.01 * 1000)) < 1e-12);
}

TEST_CASE("fisor_config: the feasible level is the limit less the margin") {
  fisor_config c;
  CHECK(c.feasible_level() == 0);
  c.feasible_margin = 0.25;
  CHECK(c.feasible_level() == -0.25);
  c.safety = rl::safety_target::cumulative_cost;
  CHECK(c.feasible_level() == c.cost_threshold() - 0.25);
}

TEST_CASE("fisor_config: an option out of range is named, with its value and its range") {
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK(refusal([](fisor_config&) {}) == "");
  CHECK(refusal([](auto& c) { c.critic_width = 0; }) == "fisor_config: critic_width = 0, expected at least 1");
  CHECK(refusal([](auto& c) { c.discount = 1; }) == "fisor_config: discount = 1, expected a number in (0, 1)");
  CHECK(refusal([&](auto& c) { c.safety_expectile = nan; }) == "fisor_config: safety_expectile = nan, expected a number in (0, 1)");
  CHECK(refusal([](auto& c) { c.target_rate = 0; }) == "fisor_config: target_rate = 0, expected a number in (0, 1]");
  CHECK(refusal([](auto& c) { c.dropout = 1; }) == "fisor_config: dropout = 1, expected a number in [0, 1)");
  CHECK(refusal([](auto& c) { c.actor_width = 30; }) == "fisor_config: actor_width = 30, expected a multiple of 4 where there is dropout");
  CHECK(refusal([](auto& c) { c.time_features = 7; }) == "fisor_config: time_features = 7, expected a positive even number");
  CHECK(refusal([](auto& c) { c.actor_blocks = -1; }) == "fisor_config: actor_blocks = -1, expected 0 to 30");
  CHECK(refusal([](auto& c) { c.critic_batch = 4096; }) == "fisor_config: critic_batch = 4096, expected at most actor_batch * actor_steps");
  CHECK(refusal([](auto& c) { c.critic_batch = 3; }) == "fisor_config: critic_batch = 3, expected at least the number of shards");
  CHECK(refusal([](auto& c) { c.safety = static_cast<rl::safety_target>(2); }) == "fisor_config: safety = 2, expected one of its names");
  CHECK(refusal([](auto& c) { c.actor_batch = index_t{1} << 40; }) == "fisor_config: actor_batch = 1.09951163e+12, expected at most 2^32 / actor_steps");
  CHECK(refusal([](auto& c) { c.shards = 3; }) == "fisor_config: shards = 3, expected 1, 2, 4 or 8");
  CHECK(refusal([](auto& c) { c.cosine_horizon = 0.5; }) == "fisor_config: cosine_horizon = 0.5, expected 0 or a number of steps from 1 to 1e15");
  CHECK(refusal([&](auto& c) { c.actor_learning_rate = infinity; }) == "fisor_config: actor_learning_rate = inf, expected a finite number, at least 0");
  CHECK(refusal([](auto& c) { c.beta_min = 0; }) == "fisor_config: beta_min = 0, expected a positive number");
  CHECK(refusal([](auto& c) { c.beta_max = 0.01; }) == "fisor_config: beta_max = 0.01, expected a finite number, at least beta_min");
  CHECK(refusal([&](auto& c) { c.reward_weight_cap = infinity; }) == "fisor_config: reward_weight_cap = inf, expected a positive number");
  CHECK(refusal([](auto& c) { c.action_limit = 1.5; }) == "fisor_config: action_limit = 1.5, expected a number in (0, 1]");
  CHECK(refusal([](auto& c) { c.violation_scale = 0; }) == "fisor_config: violation_scale = 0, expected a positive number");
  CHECK(refusal([&](auto& c) { c.feasible_margin = nan; }) == "fisor_config: feasible_margin = nan, expected a finite number");
}
