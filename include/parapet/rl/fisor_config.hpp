// Every number and every quirk of FISOR, each a named option.
//
// `fisor_config::paper()` is the configuration published with Zheng et al., "Safe offline reinforcement learning with
// feasibility-guided diffusion model" (ICLR 2024) and its code; `paper_point_robot()` what that code changes for the point
// robot; `quickstart()` a small one for two cores.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::rl {

/// What Q_h and V_h estimate.
enum class safety_target {
  reachability,     ///< the worst h ahead (Hamilton-Jacobi)
  cumulative_cost,  ///< the discounted sum of costs, judged against cost_limit
};

/// What the diffusion policy imitates.
enum class actor_objective {
  feasibility,        ///< behaviour weighted by feasibility_weight
  behaviour_cloning,  ///< behaviour as it is
};

/// Which of the N candidates is played.
enum class selection {
  min_safety,        ///< smallest Q_h, as published: reward plays no part
  max_reward,        ///< largest Q_r
  feasible_reward,   ///< largest Q_r among the feasible; where there is none, the first that is nearly as safe as the safest
  first,             ///< the first: plain sampling
};

struct fisor_config {
  // Critics
  index_t critic_width = 256;          ///< of two hidden layers, in each of two Q_r, two Q_h, V_r and V_h
  double discount = 0.99;
  double safety_discount = 0.99;       ///< of the safety backup: a foresight horizon (docs/fisor.md)
  double reward_expectile = 0.9;
  double safety_expectile = 0.9;       ///< of the reversed expectile loss: towards the best (smallest) Q_h in the data
  double target_rate = 0.005;          ///< of the critics' targets
  index_t critic_batch = 256;
  double critic_learning_rate = 3e-4;
  double critic_cosine_horizon = 0;    ///< updates after which that rate is 0; 0: constant, as published
  safety_target safety = safety_target::reachability;
  double cost_limit = 10;              ///< of cumulative_cost, for a whole episode
  index_t episode_length = 1000;       ///< of cumulative_cost

  // Actor
  index_t diffusion_steps = 5;
  double beta_min = 0.1, beta_max = 10;
  index_t time_features = 64;          ///< cosines and sines of learned frequencies of the step's number
  index_t condition_width = 128;
  index_t actor_width = 256;
  index_t actor_blocks = 3;
  double dropout = 0.1;
  index_t actor_batch = 1024;          ///< rows of one actor step
  index_t actor_steps = 2;             ///< actor steps per update
  double actor_learning_rate = 3e-4;
  double cosine_horizon = 3e6;         ///< actor steps after which the learning rate is 0; 0: constant rate
  double actor_average_rate = 0.001;   ///< of the averaged actor that acts
  actor_objective objective = actor_objective::feasibility;
  double reward_temperature = 3, safety_temperature = 5;
  double reward_weight_cap = 100, safety_weight_cap = 150;

  // Acting
  index_t candidates = 16;
  selection choose = selection::min_safety;
  double feasible_margin = 0;          ///< feasible is what stays this far below the limit, in weights and in selection
  double safety_tolerance = 0;         ///< of feasible_reward: Q_h this far above the smallest is as safe
  index_t reward_candidates = 0;       ///< of feasible_reward: Q_r chooses among the first so many; 1: plain rejection; 0: all
  double noise_temperature = 1;
  double clip_each_step = 1;           ///< |x| after every reverse step; 0: only at the end

  // Data
  bool timeout_is_terminal = true;     ///< a cut episode counts as ended, as in the published code
  double action_limit = 1 - 1e-5;      ///< logged actions are clipped to this
  double violation_scale = 1;          ///< factor of h where h > 0: with a discount, how far ahead danger is seen

  // Run
  std::uint64_t seed = 0;
  index_t shards = 4;                  ///< parts of a batch that a CPU's threads share; results depend on it, not on the threads

  /// cost_limit per episode as a threshold on the discounted sum.
  double cost_threshold() const {
    auto const n = static_cast<double>(episode_length);
    return cost_limit * (1 - std::pow(safety_discount, n)) / (1 - safety_discount) / n;
  }

  /// What Q_h and V_h must not exceed to be called feasible.
  double feasible_level() const {
    return (safety == safety_target::cumulative_cost ? cost_threshold() : 0.0) - feasible_margin;
  }

  /// The published configuration for the DSRL tasks.
  static fisor_config paper() { return {}; }

  /// The published configuration for the point robot.
  static fisor_config paper_point_robot() {
    fisor_config c;
    c.actor_batch = 512;
    c.candidates = 8;
    c.reward_temperature = 5;
    c.safety_temperature = 2;
    return c;
  }

  /// A small one for the point robot, of `updates` updates (docs/quickstart.md has its time). Where it departs from the paper: a step
  /// of 0.05 s changes Q little, so temperatures are high and learning rates decay; reward takes part in the choice, since the
  /// candidate with the smallest Q_h hardly moves; and what is feasible keeps a margin, since both Q_h are estimates.
  static fisor_config quickstart(index_t updates = 85000) {
    fisor_config c;
    c.critic_width = 64;
    c.discount = 0.985;
    c.reward_expectile = 0.8;
    c.critic_batch = 128;
    c.critic_learning_rate = 2e-3;
    c.critic_cosine_horizon = 1.05 * static_cast<double>(updates);
    c.time_features = 16;
    c.condition_width = 32;
    c.actor_width = 64;
    c.actor_blocks = 1;
    c.dropout = 0;
    c.actor_batch = 128;
    c.actor_steps = 1;
    c.actor_learning_rate = 1e-3;
    c.cosine_horizon = static_cast<double>(updates);
    c.actor_average_rate = 0.005;
    c.reward_temperature = 60;
    c.safety_temperature = 400;
    c.reward_weight_cap = 20;
    c.safety_weight_cap = 30;
    c.candidates = 32;
    c.choose = selection::feasible_reward;
    c.reward_candidates = 3;
    c.feasible_margin = 0.2;
    c.safety_tolerance = 0.004;
    c.violation_scale = 3;
    c.timeout_is_terminal = false;
    c.shards = 2;
    return c;
  }

  /// This configuration for plain behaviour cloning: no weights, no critics, one candidate.
  fisor_config behaviour_cloning() const {
    fisor_config c = *this;
    c.objective = actor_objective::behaviour_cloning;
    c.choose = selection::first;
    c.candidates = 1;
    return c;
  }

  /// Calls f(name, field) for each option: the one list that printing, saving and parsing share.
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("critic_width", self.critic_width);
    f("discount", self.discount);
    f("safety_discount", self.safety_discount);
    f("reward_expectile", self.reward_expectile);
    f("safety_expectile", self.safety_expectile);
    f("target_rate", self.target_rate);
    f("critic_batch", self.critic_batch);
    f("critic_learning_rate", self.critic_learning_rate);
    f("critic_cosine_horizon", self.critic_cosine_horizon);
    f("safety", self.safety);
    f("cost_limit", self.cost_limit);
    f("episode_length", self.episode_length);
    f("diffusion_steps", self.diffusion_steps);
    f("beta_min", self.beta_min);
    f("beta_max", self.beta_max);
    f("time_features", self.time_features);
    f("condition_width", self.condition_width);
    f("actor_width", self.actor_width);
    f("actor_blocks", self.actor_blocks);
    f("dropout", self.dropout);
    f("actor_batch", self.actor_batch);
    f("actor_steps", self.actor_steps);
    f("actor_learning_rate", self.actor_learning_rate);
    f("cosine_horizon", self.cosine_horizon);
    f("actor_average_rate", self.actor_average_rate);
    f("objective", self.objective);
    f("reward_temperature", self.reward_temperature);
    f("safety_temperature", self.safety_temperature);
    f("reward_weight_cap", self.reward_weight_cap);
    f("safety_weight_cap", self.safety_weight_cap);
    f("candidates", self.candidates);
    f("choose", self.choose);
    f("feasible_margin", self.feasible_margin);
    f("safety_tolerance", self.safety_tolerance);
    f("reward_candidates", self.reward_candidates);
    f("noise_temperature", self.noise_temperature);
    f("clip_each_step", self.clip_each_step);
    f("timeout_is_terminal", self.timeout_is_terminal);
    f("action_limit", self.action_limit);
    f("violation_scale", self.violation_scale);
    f("seed", self.seed);
    f("shards", self.shards);
  }

  /// Options as text, numbers with all their digits.
  std::map<std::string, std::string> to_text() const {
    std::map<std::string, std::string> text;
    visit(*this, [&](char const* name, auto const& value) {
      using type = std::remove_cvref_t<decltype(value)>;
      if constexpr (std::is_floating_point_v<type>) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.17g", value);
        text[name] = digits;
      } else if constexpr (std::is_enum_v<type>) {
        text[name] = std::to_string(static_cast<int>(value));
      } else {
        text[name] = std::to_string(value);
      }
    });
    return text;
  }

  /// Throws argument_error naming the first option outside its range.
  void validate() const {
    auto const require = [](bool holds, char const* name, double value, char const* range) {
      if (!holds) throw argument_error(parapet::detail::concat("fisor_config: ", name, " = ", value, ", expected ", range));
    };
    auto const positive = [&](char const* name, index_t value) { require(value >= 1, name, static_cast<double>(value), "at least 1"); };
    auto const width = [&](char const* name, index_t value) {  // options may come from a file, and sizes of networks must not overflow
      positive(name, value);
      require(value <= 1 << 20, name, static_cast<double>(value), "at most 2^20");
    };
    auto const in_unit = [&](char const* name, double value) { require(value > 0 && value < 1, name, value, "a number in (0, 1)"); };
    auto const not_negative = [&](char const* name, double value) {
      require(value >= 0 && std::isfinite(value), name, value, "a finite number, at least 0");
    };
    auto const positive_finite = [&](char const* name, double value) {
      require(value > 0 && std::isfinite(value), name, value, "a positive number");
    };
    auto const one_of = [&](char const* name, auto value, int count) {
      require(static_cast<int>(value) >= 0 && static_cast<int>(value) < count, name, static_cast<double>(value), "one of its names");
    };
    one_of("safety", safety, 2);
    one_of("objective", objective, 2);
    one_of("choose", choose, 4);
    width("critic_width", critic_width);
    positive("critic_batch", critic_batch);
    width("actor_width", actor_width);
    width("condition_width", condition_width);
    positive("actor_batch", actor_batch);
    positive("actor_steps", actor_steps);
    positive("diffusion_steps", diffusion_steps);
    positive("candidates", candidates);
    positive("episode_length", episode_length);
    require(actor_blocks >= 0 && actor_blocks <= 30, "actor_blocks", static_cast<double>(actor_blocks), "0 to 30");
    width("time_features", time_features);
    require(time_features >= 2 && time_features % 2 == 0, "time_features", static_cast<double>(time_features), "a positive even number");
    require(dropout >= 0 && dropout < 1, "dropout", dropout, "a number in [0, 1)");
    require(dropout == 0 || actor_width % 4 == 0, "actor_width", static_cast<double>(actor_width), "a multiple of 4 where there is dropout");
    require(actor_batch <= (index_t{1} << 32) / actor_steps, "actor_batch", static_cast<double>(actor_batch), "at most 2^32 / actor_steps");
    require(critic_batch <= actor_batch * actor_steps, "critic_batch", static_cast<double>(critic_batch), "at most actor_batch * actor_steps");
    in_unit("discount", discount);
    in_unit("safety_discount", safety_discount);
    in_unit("reward_expectile", reward_expectile);
    in_unit("safety_expectile", safety_expectile);
    require(target_rate > 0 && target_rate <= 1, "target_rate", target_rate, "a number in (0, 1]");
    require(actor_average_rate > 0 && actor_average_rate <= 1, "actor_average_rate", actor_average_rate, "a number in (0, 1]");
    not_negative("critic_learning_rate", critic_learning_rate);
    not_negative("actor_learning_rate", actor_learning_rate);
    for (auto const& [name, value] : {std::pair{"critic_cosine_horizon", critic_cosine_horizon}, std::pair{"cosine_horizon", cosine_horizon}})
      require(value == 0 || (value >= 1 && value <= 1e15), name, value, "0 or a number of steps from 1 to 1e15");
    not_negative("reward_temperature", reward_temperature);
    not_negative("safety_temperature", safety_temperature);
    not_negative("safety_tolerance", safety_tolerance);
    require(reward_candidates >= 0, "reward_candidates", static_cast<double>(reward_candidates), "at least 0");
    not_negative("noise_temperature", noise_temperature);
    not_negative("clip_each_step", clip_each_step);
    require(std::isfinite(feasible_margin), "feasible_margin", feasible_margin, "a finite number");
    require(std::isfinite(cost_limit), "cost_limit", cost_limit, "a finite number");
    require(beta_min > 0 && std::isfinite(beta_min), "beta_min", beta_min, "a positive number");
    require(beta_max >= beta_min && std::isfinite(beta_max), "beta_max", beta_max, "a finite number, at least beta_min");
    positive_finite("reward_weight_cap", reward_weight_cap);
    positive_finite("safety_weight_cap", safety_weight_cap);
    positive_finite("violation_scale", violation_scale);
    require(action_limit > 0 && action_limit <= 1, "action_limit", action_limit, "a number in (0, 1]");
    require(shards == 1 || shards == 2 || shards == 4 || shards == 8, "shards", static_cast<double>(shards), "1, 2, 4 or 8");
    require(critic_batch >= shards, "critic_batch", static_cast<double>(critic_batch), "at least the number of shards");
    require(actor_batch >= shards, "actor_batch", static_cast<double>(actor_batch), "at least the number of shards");
  }
};

}  // namespace parapet::inline PARAPET_ABI::rl
