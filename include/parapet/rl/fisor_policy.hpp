// Acting with FISOR's networks: N candidates from the diffusion model, one chosen by the critics.
//
//     a_1 .. a_N ~ ddpm(z_theta(., s, .)),    a = argmin_n max_k Q_h,k(s, a_n)       (selection::min_safety)
//
// with the averaged actor and the target critics. Many states are handled at once, in fixed chunks that threads share;
// candidate n of a decision always sees the same noise, whatever else is in the batch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/diffusion/ddpm.hpp>
#include <parapet/nn/parameters.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>
#include <parapet/rl/functors.hpp>

#include <algorithm>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// What the critics say of a chosen action.
template <class T>
struct decision_info {
  T safety_value;     ///< V_h(s): the state is judged feasible where it is at most 0
  T safety_critic;    ///< max_k Q_h,k(s, a) of the chosen action
  T reward_critic;    ///< min_k Q_r,k(s, a) of the chosen action
  index_t feasible;   ///< candidates with Q_h <= -feasible_margin
};

/// Parameters to act with; views stay the learner's, or a file's.
template <class T, class Space = host_space>
struct fisor_parameters {
  vector_view<T const, Space> actor, reward_critic, safety_critic, safety_value;
};

namespace detail {

/// The candidate of `selection`, by its critics' values; candidates whose Q_h is NaN are never taken before others.
template <class T>
index_t choose_candidate(selection rule, vector_view<T const> const& q_safety, vector_view<T const> const& q_reward, T margin) {
  index_t const n = q_safety.extent(0);
  if (rule == selection::first) return 0;
  index_t best = -1;
  if (rule != selection::min_safety) {
    for (index_t i = 0; i < n; ++i) {
      bool const allowed = rule == selection::max_reward || q_safety[i] <= -margin;
      if (allowed && (best < 0 || q_reward[i] > q_reward[best])) best = i;
    }
    if (best >= 0) return best;
  }
  best = 0;
  for (index_t i = 1; i < n; ++i)
    if (q_safety[i] < q_safety[best] || q_safety[best] != q_safety[best]) best = i;
  return best;
}

}  // namespace detail

/// A policy on the CPU. Reserved once for a number of decisions at a time; then acting allocates nothing.
template <class Backend, class T = float>
class fisor_policy {
public:
  using space = typename Backend::space;

  /// `networks` must outlive the policy, as must the memory behind `parameters`, whose contents may change between calls
  /// (call refresh then). At most `decisions` states a call.
  fisor_policy(Backend& be, fisor_config const& config, fisor_networks const& networks, fisor_parameters<T, space> const& parameters,
               index_t decisions = 1)
      : be_(be), config_(config), networks_(networks), parameters_(parameters), decisions_(decisions),
        sampler_(diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max),
                 {diffusion::reverse_variance::beta, config.noise_temperature, config.clip_each_step}) {
    config.validate();
    if (decisions < 1) throw argument_error(parapet::detail::concat("fisor_policy: ", decisions, " decisions at a time, expected at least 1"));
    plan(memory_, [&](auto& memory) { lay_out(memory); return 0; });
    refresh();
  }
  fisor_policy(fisor_policy const&) = delete;
  fisor_policy& operator=(fisor_policy const&) = delete;

  index_t decisions() const { return decisions_; }

  /// Recomputes what is cached of the parameters. Call it after they have changed.
  void refresh() {
    for (chunk& c : chunks_) networks_.actor.embed_steps(be_, parameters_.actor, c.denoiser);
  }

  /// actions (n, A) of states (n, S), n <= decisions(); decision i takes its noise from place `number[i]` of `stream`, and
  /// tells about itself in info[i] unless info is empty. Throws shape_error.
  void act(matrix_view<T const, space> const& states, vector_view<index_t const> const& number, philox_stream const& stream,
           matrix_view<T, space> const& actions, vector_view<decision_info<T>> const& info = {}) {
    index_t const n = states.extent(0);
    check_shape("fisor_policy: states", states.shape(), extents{std::min(n, decisions_), networks_.actor.config().state_dim});
    check_shape("fisor_policy: actions", actions.shape(), extents{n, networks_.actor.config().action_dim});
    check_shape("fisor_policy: numbers", number.shape(), extents{n});
    if (!info.empty()) check_shape("fisor_policy: info", info.shape(), extents{n});
    for_each_shard(be_, (n + per_chunk - 1) / per_chunk, [&](Backend& be, index_t i) {
      index_t const begin = i * per_chunk, end = std::min(begin + per_chunk, n);
      act_chunk(be, chunks_[static_cast<std::size_t>(i)], states.rows(begin, end), number.rows(begin, end), stream,
                actions.rows(begin, end), info.empty() ? info : info.rows(begin, end));
    });
  }

private:
  using critic_workspace = fisor_networks::critic::workspace<T, space>;
  /// States of one chunk. A chunk with fewer states computes on leftovers and ignores the result.
  static constexpr index_t per_chunk = 8;

  struct chunk {
    diffusion::residual_denoiser::workspace<T, space> denoiser;
    matrix_view<T, space> x, z, critic_input;          // (rows, A), (rows, A), (rows, S + A)    rows = per_chunk N
    vector_view<index_t, space> step;                  // (rows)
    critic_workspace q_reward, q_safety, v_safety;
    vector_view<T, space> q, qh;                       // (rows)
  };

  void lay_out(arena<space>& memory) {
    index_t const states = networks_.actor.config().state_dim, actions = networks_.actor.config().action_dim;
    chunks_.clear();
    for (index_t begin = 0; begin < decisions_; begin += per_chunk) {
      index_t const count = std::min(per_chunk, decisions_ - begin), rows = count * config_.candidates;
      chunk c;
      c.denoiser = networks_.actor.template make_workspace<Backend, T>(be_, memory, rows, nn::mode::inference);
      c.x = memory.template take<T>(extents{rows, actions});
      c.z = memory.template take<T>(extents{rows, actions});
      c.critic_input = memory.template take<T>(extents{rows, states + actions});
      c.step = memory.template take<index_t>(extents{rows});
      c.q_reward = networks_.reward_critic.template make_workspace<T>(memory, rows, nn::mode::inference);
      c.q_safety = networks_.safety_critic.template make_workspace<T>(memory, rows, nn::mode::inference);
      c.v_safety = networks_.safety_value.template make_workspace<T>(memory, count, nn::mode::inference);
      c.q = memory.template take<T>(extents{rows});
      c.qh = memory.template take<T>(extents{rows});
      if (!c.x.empty()) fill(be_, c.critic_input, T(0));
      chunks_.push_back(c);
    }
  }

  void act_chunk(Backend& be, chunk& c, matrix_view<T const, space> const& states, vector_view<index_t const> const& number,
                 philox_stream const& stream, matrix_view<T, space> const& actions, vector_view<decision_info<T>> const& info) {
    index_t const candidates = config_.candidates, dim = actions.extent(1), state_dim = states.extent(1);
    index_t const per_decision = candidates * dim * (sampler_.steps() + 1);
    auto const noise = [&](Backend& worker, index_t draw, matrix_view<T, space> const& z) {
      for (index_t d = 0; d < number.extent(0); ++d)
        fill_normal(worker, flatten(z.rows(d * candidates, (d + 1) * candidates)), stream,
                    number[d] * per_decision + draw * candidates * dim);
    };
    for (index_t row = 0; row < states.extent(0) * candidates; ++row) {
      copy(be, states(row / candidates), networks_.actor.state(c.denoiser)(row));
      copy(be, states(row / candidates), c.critic_input.columns(0, state_dim)(row));
    }
    auto const denoise = [&](Backend& worker, matrix_view<T const, space> const& x, index_t i) {
      fill(worker, c.step, i);
      copy(worker, x, networks_.actor.action(c.denoiser));
      return networks_.actor.forward(worker, parameters_.actor, vector_view<index_t const, space>(c.step), c.denoiser);
    };
    sampler_.run(be, denoise, noise, c.x, c.z);
    map(be, detail::clip{1.0}, c.x);
    copy(be, matrix_view<T const, space>(c.x), c.critic_input.columns(state_dim, state_dim + dim));

    bool const judged = config_.choose != selection::first || !info.empty();
    if (judged) judge(be, c);
    for (index_t d = 0; d < states.extent(0); ++d) {
      auto const rows = [&](auto const& x) { return x.rows(d * candidates, (d + 1) * candidates); };
      index_t const best = detail::choose_candidate<T>(config_.choose, rows(c.qh), rows(c.q), static_cast<T>(config_.feasible_margin));
      copy(be, matrix_view<T const, space>(c.x)(d * candidates + best), actions(d));
      if (info.empty()) continue;
      index_t feasible = 0;
      for (index_t i = 0; i < candidates; ++i) feasible += rows(c.qh)[i] <= -static_cast<T>(config_.feasible_margin);
      info[d] = {c.v_safety.output.data()[d], rows(c.qh)[best], rows(c.q)[best], feasible};
    }
  }

  /// Critics' values of all candidates of a chunk, and V_h of its states.
  void judge(Backend& be, chunk& c) {
    tensor_view<T const, 3, space> const both = repeated(matrix_view<T const, space>(c.critic_input), 2);
    auto const pair = [&](auto const& output, index_t m) {
      return vector_view<T const, space>(output(m).data(), extents{output.extent(1)});
    };
    auto const qh = networks_.safety_critic.forward(be, parameters_.safety_critic, both, c.q_safety);
    map(be, detail::larger_of{}, c.qh, pair(qh, 0), pair(qh, 1));
    if (config_.safety == safety_target::cumulative_cost) map(be, detail::subtract{config_.cost_threshold()}, c.qh);
    auto const q = networks_.reward_critic.forward(be, parameters_.reward_critic, both, c.q_reward);
    map(be, detail::smaller_of{}, c.q, pair(q, 0), pair(q, 1));
    index_t const count = c.v_safety.output.extent(1);
    // one row per decision: every N-th row of the candidates'
    matrix_view<T const, space> const states(c.critic_input.data(), extents{count, networks_.actor.config().state_dim},
                                             extents{c.critic_input.stride(0) * config_.candidates, index_t{1}});
    networks_.safety_value.forward(be, parameters_.safety_value, repeated(states, 1), c.v_safety);
  }

  Backend& be_;
  fisor_config config_;
  fisor_networks const& networks_;
  fisor_parameters<T, space> parameters_;
  index_t decisions_;
  diffusion::ddpm sampler_;
  arena<space> memory_;
  std::vector<chunk> chunks_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
