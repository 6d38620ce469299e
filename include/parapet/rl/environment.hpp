// What a learner or an evaluator asks of an environment: pure functions on a state that the caller holds.
//
//     s0 = reset(random, episode),    s', r, h(s'), done = step(s, a),    o = observe(s)
//
// h is the constraint of safe reinforcement learning: a state violates it where h(s) > 0. `done` is a true end;
// stopping after max_steps steps is the caller's business. Nothing is hidden in the environment object, so any number
// of episodes run side by side, in any order, on any thread, and an episode is repeated from its number.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::rl {

/// What one step leads to.
template <class State>
struct outcome {
  State next;
  float reward;
  float h;    ///< constraint at `next`, violated where positive
  bool done;  ///< the episode ends at `next`
};

template <class E>
concept has_dimensions = requires {
  { E::observation_dim } -> std::convertible_to<index_t>;
  { E::action_dim } -> std::convertible_to<index_t>;
  { E::max_steps } -> std::convertible_to<index_t>;
};

template <class E>
concept has_state = std::is_trivially_copyable_v<typename E::state>;

template <class E>
concept has_reset = has_state<E> && requires(E const& env, philox_stream const& random, index_t episode) {
  { env.reset(random, episode) } -> std::same_as<typename E::state>;
};

template <class E>
concept has_step = has_state<E> && requires(E const& env, typename E::state const& s, vector_view<float const> action) {
  { env.step(s, action) } -> std::same_as<outcome<typename E::state>>;
};

template <class E>
concept has_observe = has_state<E> && requires(E const& env, typename E::state const& s, vector_view<float> out) {
  { env.observe(s, out) } -> std::same_as<void>;
  { env.h(s) } -> std::same_as<float>;
};

/// Everything an algorithm of this library asks of an environment.
template <class E>
concept environment = has_dimensions<E> && has_state<E> && has_reset<E> && has_step<E> && has_observe<E>;

/// Says in words what an environment lacks. Call it where an environment type enters.
template <class E>
consteval bool check_environment() {
  static_assert(has_dimensions<E>, "an environment must have the constants observation_dim, action_dim and max_steps - see docs/concepts.md");
  static_assert(has_state<E>, "an environment must name a trivially copyable type 'state' - see docs/concepts.md");
  static_assert(has_reset<E>, "an environment must provide 'state reset(philox_stream const&, index_t episode) const' - see docs/concepts.md");
  static_assert(has_step<E>, "an environment must provide 'outcome<state> step(state const&, vector_view<float const> action) const' - see docs/concepts.md");
  static_assert(has_observe<E>, "an environment must provide 'void observe(state const&, vector_view<float> out) const' "
                                "and 'float h(state const&) const' - see docs/concepts.md");
  return environment<E>;
}

}  // namespace parapet::inline PARAPET_ABI::rl
