// A policy in a control loop: one decision a call, in bounded time, whatever happens.
//
//     rl::controller robot(rl::fisor_agent(be, io::read_safetensors("seed0.safetensors")), {.time_limit = 2ms});
//     rl::control const out = robot.act(observation);        // out.action, out.safety_value, out.fallback, ..
//
// An agent proposes candidates and judges them, some at a time (a round). Between rounds the controller looks at the clock: it
// stops when another round might end too late, and plays the best of what it has. Candidates that are not finite do not count. Where
// nothing is left to play (no round fits, a NaN in the observation, an exception) the fallback acts. act() is noexcept and allocates
// nothing.
//
// An agent has state_dim(), action_dim(), candidates(), rows() of a round, feasible_level();
// propose(states, numbers, actions, info) as fisor_policy::act; and choose(q_reward, q_safety, u), a rule of diffusion/selection.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Why the fallback acted.
enum class fallback_reason {
  none,
  observation,  ///< of the wrong size, or not finite
  deadline,     ///< not even one round of candidates would have been in time
  not_finite,   ///< no candidate, or its judgement, was finite
  infeasible,   ///< no candidate was feasible, and the options say to hand over then
  failure,      ///< the agent threw, or chose what it had not proposed
};

/// What a controller did.
struct control {
  vector_view<float const> action;  ///< in the controller's memory, until the next call
  float safety_value = 0;           ///< V_h: the state is judged feasible where it is at most the agent's feasible_level()
  float safety_critic = 0, reward_critic = 0;  ///< of the action
  index_t candidates = 0;           ///< judged, of which
  index_t feasible = 0;             ///< so many have Q_h <= feasible_level()
  bool fallback = false;            ///< the fallback acted: critics' values are 0 then
  fallback_reason reason = fallback_reason::none;
  std::chrono::nanoseconds elapsed{0};
  bool late = false;                ///< it took longer than the limit after all
};

struct controller_options {
  std::chrono::nanoseconds time_limit = std::chrono::hours(1);  ///< of one decision
  bool hand_over_infeasible = false;  ///< the fallback acts where no candidate is feasible; else the agent's rule decides
  std::uint64_t seed = 0;             ///< of the draws of choose()
};

/// The fallback that plays one action.
struct constant_action {
  std::vector<float> action;  ///< empty: zeros
  void operator()(vector_view<float const> const&, vector_view<float> const& out) const noexcept {
    for (index_t i = 0; i < out.extent(0); ++i) out[i] = static_cast<std::size_t>(i) < action.size() ? action[static_cast<std::size_t>(i)] : 0.0f;
  }
};

/// What a controller asks of an agent (the head of this file).
template <class A>
concept has_agent_sizes = requires(A const& a) {
  { a.state_dim() } -> std::convertible_to<index_t>;
  { a.action_dim() } -> std::convertible_to<index_t>;
  { a.candidates() } -> std::convertible_to<index_t>;
  { a.rows() } -> std::convertible_to<index_t>;
  { a.feasible_level() } -> std::convertible_to<double>;
};
template <class A>
concept proposes = requires(A& a, matrix_view<float const> states, vector_view<index_t const> numbers, matrix_view<float> actions,
                            vector_view<decision_info<float>> info) { a.propose(states, numbers, actions, info); };
template <class A>
concept chooses = requires(A& a, vector_view<float const> q) {
  { a.choose(q, q, 0.5) } -> std::convertible_to<index_t>;
};
template <class A>
concept agent = has_agent_sizes<A> && proposes<A> && chooses<A>;

/// Says in words what an agent lacks.
template <class A>
consteval bool check_agent() {
  static_assert(has_agent_sizes<A>, "an agent must have state_dim(), action_dim(), candidates(), rows() and feasible_level() - see docs/guidance.md");
  static_assert(proposes<A>, "an agent must have propose(matrix_view<float const> states, vector_view<index_t const> numbers, "
                             "matrix_view<float> actions, vector_view<decision_info<float>> info) - see docs/guidance.md");
  static_assert(chooses<A>, "an agent must have choose(vector_view<float const> q_reward, vector_view<float const> q_safety, double u), "
                            "an index - see docs/guidance.md");
  return agent<A>;
}

/// One decision at a time, from one thread. Clock is another one in tests.
template <class Agent, class Fallback = constant_action, class Clock = std::chrono::steady_clock>
class controller {
  static_assert(check_agent<Agent>());
  static_assert(std::is_nothrow_invocable_v<Fallback&, vector_view<float const>, vector_view<float>>,
                "a fallback must be callable as fallback(observation, action) noexcept, writing the action - see docs/guidance.md");

public:
  /// Runs two rounds, to know how long one takes. Throws what the agent throws, argument_error for a constant action of another size.
  explicit controller(Agent agent, controller_options const& options = {}, Fallback fallback = {})
      : agent_(std::move(agent)), options_(options), fallback_(std::move(fallback)), states_(agent_.rows() * agent_.state_dim()),
        proposed_(agent_.rows() * agent_.action_dim()), kept_(agent_.candidates() * agent_.action_dim()), q_reward_(agent_.candidates()),
        q_safety_(agent_.candidates()), action_(agent_.action_dim()), number_(agent_.rows()), info_(agent_.rows()) {
    if constexpr (std::is_same_v<Fallback, constant_action>)
      if (!fallback_.action.empty() && static_cast<index_t>(fallback_.action.size()) != agent_.action_dim())
        throw argument_error(parapet::detail::concat("controller: a fallback action of ", fallback_.action.size(), " numbers, expected ", agent_.action_dim()));
    std::fill(states_.data(), states_.data() + states_.size(), 0.0f);
    for (int i = 0; i < 2; ++i) round(agent_.rows(), 0);
    decision_ = 0;
  }

  Agent const& agent() const { return agent_; }
  /// The longest that a round took lately.
  std::chrono::nanoseconds expected_round() const { return expected_; }

  /// The action for one observation (S).
  control act(vector_view<float const> const& observation) & noexcept { return act(observation, options_.time_limit); }

  /// The same with a limit of its own.
  control act(vector_view<float const> const& observation, std::chrono::nanoseconds limit) & noexcept {
    auto const begin = Clock::now();
    control out;
    try {
      out.reason = decide(observation, begin, limit, out);
    } catch (...) {
      out.reason = fallback_reason::failure;
    }
    ++decision_;
    if (out.reason != fallback_reason::none) {
      out.fallback = true;
      out.safety_critic = out.reward_critic = 0;
      fallback_(observation, action_.view());
    }
    out.action = action_.view();
    out.elapsed = Clock::now() - begin;
    out.late = out.elapsed > limit;
    return out;
  }

private:
  fallback_reason decide(vector_view<float const> const& observation, typename Clock::time_point begin, std::chrono::nanoseconds limit, control& out) {
    if (observation.extent(0) != agent_.state_dim()) return fallback_reason::observation;
    for (index_t i = 0; i < observation.extent(0); ++i)
      if (!std::isfinite(observation[i])) return fallback_reason::observation;
    for (index_t row = 0; row < agent_.rows(); ++row)
      for (index_t i = 0; i < observation.extent(0); ++i) states_.data()[row * observation.extent(0) + i] = observation[i];

    index_t kept = 0;
    while (out.candidates < agent_.candidates() && Clock::now() - begin + expected_ <= limit) {
      index_t const count = std::min(agent_.rows(), agent_.candidates() - out.candidates);
      round(count, out.candidates);
      for (index_t i = 0; i < count; ++i) kept += keep(i, kept, out);
      out.candidates += count;
    }
    if (out.candidates == 0) {
      expected_ = expected_ * 9 / 10;  // one slow round must not stop all that follow
      return fallback_reason::deadline;
    }
    if (kept == 0) return fallback_reason::not_finite;
    if (out.feasible == 0 && options_.hand_over_infeasible) return fallback_reason::infeasible;
    vector_view<float const> const reward = q_reward_.view().rows(0, kept), safety = q_safety_.view().rows(0, kept);
    index_t const best = agent_.choose(reward, safety, static_cast<double>(philox_stream(options_.seed, 0).uniform(decision_)));
    if (best < 0 || best >= kept) return fallback_reason::failure;
    out.safety_critic = safety[best];
    out.reward_critic = reward[best];
    for (index_t i = 0; i < action_.size(); ++i) action_.data()[i] = kept_.data()[best * action_.size() + i];
    return fallback_reason::none;
  }

  /// Candidates [first, first + count) of this decision.
  void round(index_t count, index_t first) {
    auto const begin = Clock::now();
    for (index_t i = 0; i < count; ++i) number_.data()[i] = decision_ * agent_.candidates() + first + i;
    agent_.propose(matrix_view<float const>(states_.data(), extents{count, agent_.state_dim()}), number_.view().rows(0, count),
                   matrix_view<float>(proposed_.data(), extents{count, agent_.action_dim()}), info_.view().rows(0, count));
    std::chrono::nanoseconds const took = Clock::now() - begin;
    expected_ = std::max(took, expected_ * 9 / 10);
  }

  /// Takes candidate i of a round in place `to` if all about it is finite.
  index_t keep(index_t i, index_t to, control& out) {
    index_t const n = action_.size();
    decision_info<float> const& info = info_.data()[i];
    bool finite = std::isfinite(info.safety_value) && std::isfinite(info.safety_critic) && std::isfinite(info.reward_critic);
    for (index_t k = 0; k < n; ++k) finite = finite && std::isfinite(kept_.data()[to * n + k] = proposed_.data()[i * n + k]);
    if (!finite) return 0;
    out.safety_value = info.safety_value;
    q_safety_.data()[to] = info.safety_critic;
    q_reward_.data()[to] = info.reward_critic;
    out.feasible += static_cast<double>(info.safety_critic) <= agent_.feasible_level();
    return 1;
  }

  Agent agent_;
  controller_options options_;
  Fallback fallback_;
  buffer<float> states_, proposed_, kept_, q_reward_, q_safety_, action_;
  buffer<index_t> number_;
  buffer<decision_info<float>> info_;
  std::chrono::nanoseconds expected_{0};
  index_t decision_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::rl
