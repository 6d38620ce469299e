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
  T safety_value;     ///< V_h(s): the state is judged feasible where it is at most fisor_config::feasible_level()
  T safety_critic;    ///< max_k Q_h,k(s, a) of the chosen action
  T reward_critic;    ///< min_k Q_r,k(s, a) of the chosen action
  index_t feasible;   ///< candidates with Q_h <= fisor_config::feasible_level()
};

/// V_h (n) of states (n, S). Allocates its work memory. Throws shape_error.
template <class Backend, class T, class Space>
void evaluate_safety_value(Backend& be, fisor_networks const& networks, fisor_parameters<T, Space> const& parameters,
                           std::type_identity_t<matrix_view<T const, Space>> const& states, vector_view<T, Space> const& values) {
  check_shape("evaluate_safety_value: values", values.shape(), extents{states.extent(0)});
  arena<Space> memory;
  auto const work = plan(memory, [&](auto& m) {
    return networks.safety_value.template make_workspace<T>(m, states.extent(0), nn::mode::inference);
  });
  auto const v = networks.safety_value.forward(be, parameters.safety_value, repeated(states, 1), work);
  copy(be, vector_view<T const, Space>(v.data(), values.shape()), values);
}

/// The candidate that `config` chooses by its critics' values q_safety, q_reward (N) in host memory: its index. NaN loses
/// against any number.
template <class T>
index_t choose_candidate(fisor_config const& config, vector_view<T const> const& q_safety, vector_view<T const> const& q_reward) {
  if (config.choose == selection::first) return 0;
  index_t const n = q_safety.extent(0);
  index_t safest = 0;
  for (index_t i = 1; i < n; ++i)
    if (q_safety[i] < q_safety[safest] || q_safety[safest] != q_safety[safest]) safest = i;
  if (config.choose == selection::min_safety) return safest;

  bool const all = config.choose == selection::max_reward;
  T const level = static_cast<T>(config.feasible_level());
  bool const feasible = q_safety[safest] <= level;
  T const limit = feasible ? level : q_safety[safest] + static_cast<T>(config.safety_tolerance);
  index_t best = -1, left = all || (feasible && config.reward_candidates == 0) ? n : feasible ? config.reward_candidates : 1;
  for (index_t i = 0; i < n && left > 0; ++i) {
    if (!all && !(q_safety[i] <= limit)) continue;
    --left;
    if (best < 0 || q_reward[i] > q_reward[best] || q_reward[best] != q_reward[best]) best = i;
  }
  return best < 0 ? safest : best;
}

/// A policy on the CPU. Reserved once for a number of decisions at a time; then acting allocates nothing.
template <class Backend, class T = float>
class fisor_policy {
public:
  using space = typename Backend::space;

  /// `networks` must outlive the policy, as must the memory behind `parameters`, whose contents may change between calls.
  /// At most `decisions` states a call. Throws argument_error for options outside their range or of other networks,
  /// shape_error for parameters of others.
  fisor_policy(Backend& be, fisor_config const& config, fisor_networks const& networks, fisor_parameters<T, space> const& parameters,
               index_t decisions = 1)
      : be_(be), config_(config), networks_(networks), parameters_(parameters), decisions_(decisions),
        sampler_(diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max),
                 {diffusion::reverse_variance::beta, config.noise_temperature, config.clip_each_step}) {
    config.validate();
    if (decisions < 1) throw argument_error(parapet::detail::concat("fisor_policy: ", decisions, " decisions at a time, expected at least 1"));
    if (config.diffusion_steps != networks.actor.config().steps)
      throw argument_error(parapet::detail::concat("fisor_policy: diffusion_steps = ", config.diffusion_steps, ", but the actor was built for ",
                                                   networks.actor.config().steps));
    check_shape("fisor_policy: actor parameters", parameters.actor.shape(), extents{networks.actor_list.size()});
    check_shape("fisor_policy: reward critic parameters", parameters.reward_critic.shape(), extents{networks.reward_critic_list.size()});
    check_shape("fisor_policy: safety critic parameters", parameters.safety_critic.shape(), extents{networks.safety_critic_list.size()});
    check_shape("fisor_policy: safety value parameters", parameters.safety_value.shape(), extents{networks.safety_value_list.size()});
    plan(memory_, [&](auto& memory) { lay_out(memory); return 0; });
  }
  fisor_policy(fisor_policy const&) = delete;
  fisor_policy& operator=(fisor_policy const&) = delete;

  index_t decisions() const { return decisions_; }

  /// actions (n, A) of states (n, S), n <= decisions(); decision i takes its noise from place `number[i]` of `stream`, and
  /// tells about itself in info[i] unless info is empty. Throws shape_error, and argument_error for a negative number.
  void act(matrix_view<T const, space> const& states, vector_view<index_t const> const& number, philox_stream const& stream,
           matrix_view<T, space> const& actions, vector_view<decision_info<T>> const& info = {}) {
    index_t const n = states.extent(0);
    check_shape("fisor_policy: states", states.shape(), extents{std::min(n, decisions_), networks_.actor.config().state_dim});
    check_shape("fisor_policy: actions", actions.shape(), extents{n, networks_.actor.config().action_dim});
    check_shape("fisor_policy: numbers", number.shape(), extents{n});
    if (!info.empty()) check_shape("fisor_policy: info", info.shape(), extents{n});
    for (index_t i = 0; i < n; ++i)
      if (number[i] < 0) throw argument_error(parapet::detail::concat("fisor_policy: number ", number[i], " of decision ", i, " is negative"));
    for_each_shard(be_, (n + per_chunk - 1) / per_chunk, [&](Backend& be, index_t i) {
      index_t const begin = i * per_chunk, end = std::min(begin + per_chunk, n);
      act_chunk(be, chunks_[static_cast<std::size_t>(i)], states.rows(begin, end), number.rows(begin, end), stream,
                actions.rows(begin, end), info.empty() ? info : info.rows(begin, end));
    });
  }

private:
  using critic_workspace = fisor_networks::critic::workspace<T, space>;
  /// States of one chunk. A chunk with fewer states computes on zeros and leftovers, and ignores the result.
  static constexpr index_t per_chunk = 8;
  /// Rows of a batch are padded to a multiple of this: a matrix product may round the rows of an incomplete block otherwise,
  /// and a decision would depend on how many others there are.
  static constexpr index_t row_block = 8;
  static constexpr index_t padded(index_t rows) { return (rows + row_block - 1) / row_block * row_block; }

  struct chunk {
    diffusion::residual_denoiser::workspace<T, space> denoiser;
    matrix_view<T, space> x, z, critic_input, state;   // (rows, A), (rows, A), (rows, S + A), (padded(count), S)    rows = padded(count N)
    vector_view<index_t, space> step;                  // (rows)
    critic_workspace q_reward, q_safety, v_safety;
    vector_view<T, space> q, qh;                       // (rows)
  };

  void lay_out(arena<space>& memory) {
    index_t const states = networks_.actor.config().state_dim, actions = networks_.actor.config().action_dim;
    chunks_.clear();
    for (index_t begin = 0; begin < decisions_; begin += per_chunk) {
      index_t const count = std::min(per_chunk, decisions_ - begin), rows = padded(count * config_.candidates);
      chunk c;
      c.denoiser = networks_.actor.template make_workspace<Backend, T>(be_, memory, rows, nn::mode::inference);
      c.x = memory.template take<T>(extents{rows, actions});
      c.z = memory.template take<T>(extents{rows, actions});
      c.critic_input = memory.template take<T>(extents{rows, states + actions});
      c.step = memory.template take<index_t>(extents{rows});
      c.q_reward = networks_.reward_critic.template make_workspace<T>(memory, rows, nn::mode::inference);
      c.q_safety = networks_.safety_critic.template make_workspace<T>(memory, rows, nn::mode::inference);
      c.v_safety = networks_.safety_value.template make_workspace<T>(memory, padded(count), nn::mode::inference);
      c.state = memory.template take<T>(extents{padded(count), states});
      c.q = memory.template take<T>(extents{rows});
      c.qh = memory.template take<T>(extents{rows});
      if (!c.x.empty()) {
        fill(be_, c.critic_input, T(0));
        fill(be_, c.denoiser.input, T(0));
        fill(be_, c.state, T(0));
      }
      chunks_.push_back(c);
    }
  }

  void act_chunk(Backend& be, chunk& c, matrix_view<T const, space> const& states, vector_view<index_t const> const& number,
                 philox_stream const& stream, matrix_view<T, space> const& actions, vector_view<decision_info<T>> const& info) {
    index_t const candidates = config_.candidates, dim = actions.extent(1), state_dim = states.extent(1);
    index_t const per_decision = candidates * dim * (sampler_.steps() + 1);
    auto const noise = [&](Backend& worker, index_t draw, matrix_view<T, space> const& z) {
      fill(worker, z.rows(number.extent(0) * candidates, z.extent(0)), T(0));
      for (index_t d = 0; d < number.extent(0); ++d)
        fill_normal(worker, flatten(z.rows(d * candidates, (d + 1) * candidates)), stream,
                    number[d] * per_decision + draw * candidates * dim);
    };
    copy(be, states, c.state.rows(0, states.extent(0)));
    for (index_t row = 0; row < states.extent(0) * candidates; ++row) {
      copy(be, states(row / candidates), networks_.actor.state(c.denoiser)(row));
      copy(be, states(row / candidates), c.critic_input.columns(0, state_dim)(row));
    }
    auto const denoise = [&](Backend& worker, matrix_view<T const, space> const& x, index_t i) {
      fill(worker, c.step, i);
      copy(worker, x, networks_.actor.action(c.denoiser));
      return networks_.actor.forward(worker, parameters_.actor, vector_view<index_t const, space>(c.step), c.denoiser);
    };
    networks_.actor.embed_steps(be, parameters_.actor, c.denoiser);  // few rows, and the parameters may be others by now
    sampler_.run(be, denoise, noise, c.x, c.z);
    map(be, detail::clip{1.0}, c.x);
    copy(be, matrix_view<T const, space>(c.x), c.critic_input.columns(state_dim, state_dim + dim));

    bool const judged = config_.choose != selection::first || !info.empty();
    if (judged) judge(be, c);
    for (index_t d = 0; d < states.extent(0); ++d) {
      auto const rows = [&](auto const& x) { return x.rows(d * candidates, (d + 1) * candidates); };
      index_t const best = choose_candidate<T>(config_, rows(c.qh), rows(c.q));
      copy(be, matrix_view<T const, space>(c.x)(d * candidates + best), actions(d));
      if (info.empty()) continue;
      index_t feasible = 0;
      for (index_t i = 0; i < candidates; ++i) feasible += rows(c.qh)[i] <= static_cast<T>(config_.feasible_level());
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
    auto const q = networks_.reward_critic.forward(be, parameters_.reward_critic, both, c.q_reward);
    map(be, detail::smaller_of{}, c.q, pair(q, 0), pair(q, 1));
    networks_.safety_value.forward(be, parameters_.safety_value, repeated(matrix_view<T const, space>(c.state), 1), c.v_safety);
  }

  Backend& be_;
  fisor_config config_;
  fisor_networks const& networks_;
  fisor_parameters<T, space> parameters_;
  index_t decisions_;
  diffusion::ddpm_sampler sampler_;
  arena<space> memory_;
  std::vector<chunk> chunks_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
