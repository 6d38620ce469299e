// Running a policy in an environment: many episodes side by side, each repeatable from its number.
//
//     policy(observations (n, S), episode numbers (n), step, actions (n, A))
//
// is called once a step with the episodes that are still running, so that a policy of networks works on a batch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/rl/environment.hpp>
#include <parapet/rl/transitions.hpp>

#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// What came of one episode.
template <class State>
struct episode_result {
  State last;                ///< the state that it has come to
  double total_reward = 0;
  index_t steps = 0;
  index_t violations = 0;    ///< steps that led to h > 0
  bool done = false;         ///< ended by itself, not for time
};

/// Default observer of roll_out.
struct ignore_steps {
  template <class State>
  void operator()(index_t, State const&, vector_view<float const>, outcome<State> const&) const {}
};

/// Plays one episode from each state of `starts`, at most max_steps steps each; episode i is that from starts[i].
/// `observe(episode, state, action, outcome)` sees every step, in order of episodes within a step. Throws argument_error where there are no episodes.
template <class Environment, class Policy, class Observer = ignore_steps>
std::vector<episode_result<typename Environment::state>> roll_out(Environment const& env,
                                                                  std::vector<typename Environment::state> const& starts,
                                                                  Policy&& policy, Observer&& observe = {}) {
  static_assert(check_environment<Environment>());
  static_assert(std::is_invocable_v<Policy&, matrix_view<float const> const&, vector_view<index_t const> const&, index_t&, matrix_view<float> const&>,
                "a policy must be callable as policy(matrix_view<float const> seen, vector_view<index_t const> episodes, index_t step, "
                "matrix_view<float> const& actions) - see docs/concepts.md");
  if (starts.empty()) throw argument_error("roll_out: no episodes to play");
  auto const count = static_cast<index_t>(starts.size());
  buffer<float> observations(count * Environment::observation_dim), actions(count * Environment::action_dim);
  buffer<index_t> numbers(count);
  std::vector<episode_result<typename Environment::state>> results;
  std::vector<index_t> running;
  for (index_t i = 0; i < count; ++i) {
    results.push_back({.last = starts[static_cast<std::size_t>(i)]});
    running.push_back(i);
  }
  for (index_t step = 0; step < Environment::max_steps && !running.empty(); ++step) {
    auto const n = static_cast<index_t>(running.size());
    auto const seen = observations.view(extents{n, index_t{Environment::observation_dim}});
    auto const chosen = actions.view(extents{n, index_t{Environment::action_dim}});
    for (index_t row = 0; row < n; ++row) {
      index_t const i = running[static_cast<std::size_t>(row)];
      numbers.view()[row] = i;
      env.observe(results[static_cast<std::size_t>(i)].last, seen(row));
    }
    policy(matrix_view<float const>(seen), vector_view<index_t const>(numbers.view().rows(0, n)), step, chosen);
    std::vector<index_t> left;
    for (index_t row = 0; row < n; ++row) {
      index_t const i = running[static_cast<std::size_t>(row)];
      auto& result = results[static_cast<std::size_t>(i)];
      vector_view<float const> const action = chosen(row);
      auto const o = env.step(result.last, action);
      observe(i, result.last, action, o);
      result.last = o.next;
      result.total_reward += static_cast<double>(o.reward);
      ++result.steps;
      result.violations += o.h > 0;
      result.done = o.done;
      if (!o.done) left.push_back(i);
    }
    running.swap(left);
  }
  return results;
}

/// `count` starts of the environment's own distribution, from `random`.
template <class Environment>
std::vector<typename Environment::state> sample_starts(Environment const& env, philox_stream const& random, index_t count) {
  std::vector<typename Environment::state> starts;
  for (index_t i = 0; i < count; ++i) starts.push_back(env.reset(random, i));
  return starts;
}

/// Logs exactly `size` transitions of `behaviour(state, episode, step, action)`, episode after episode from the environment's
/// own starts; the last one is cut. `progress(rows)` is told after every episode how many there are. Throws argument_error for size < 1.
template <class Environment, class Behaviour, class Progress>
transitions<float> log_transitions(Environment const& env, index_t size, philox_stream const& random, Behaviour&& behaviour,
                                   Progress&& progress) {
  static_assert(check_environment<Environment>());
  static_assert(std::is_invocable_v<Behaviour&, typename Environment::state&, index_t&, index_t&, vector_view<float> const&>,
                "a behaviour must be callable as behaviour(state const&, index_t episode, index_t step, vector_view<float> const& action) "
                "- see docs/concepts.md");
  transitions<float> data(size, Environment::observation_dim, Environment::action_dim);
  index_t row = 0;
  for (index_t episode = 0; row < size; ++episode) {
    auto state = env.reset(random, episode);
    for (index_t step = 0, over = 0; !over && row < size; ++step, ++row) {
      auto const action = data.action()(row);
      behaviour(state, episode, step, action);
      auto const o = env.step(state, vector_view<float const>(action));
      bool const cut = !o.done && (step + 1 == Environment::max_steps || row + 1 == size);
      env.observe(state, data.state()(row));
      env.observe(o.next, data.next_state()(row));
      data.reward()[row] = o.reward;
      float const h = env.h(state);
      data.h()[row] = h;
      data.cost()[row] = h > 0 ? 1.0f : 0.0f;
      data.done()[row] = o.done || cut ? 1.0f : 0.0f;
      data.timeout()[row] = cut ? 1.0f : 0.0f;
      over = o.done || cut;
      state = o.next;
    }
    progress(row);
  }
  return data;
}

}  // namespace parapet::inline PARAPET_ABI::rl
