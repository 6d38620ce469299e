// Acting with FISOR's networks: N candidates from the diffusion model, one chosen by the critics.
//
//     a_1 .. a_N ~ ddpm(z_theta(., s, .)),    a = argmin_n max_k Q_h,k(s, a_n)       (selection::min_safety)
//
// with the averaged actor and the target critics. Many states are handled at once, in fixed chunks that threads share;
// candidate n of a decision always sees the same noise, whatever else is in the batch. Everything is computed where the
// backend computes; where that is a device, an action is one recording.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/any_recording.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/diffusion/ddpm.hpp>
#include <parapet/nn/parameters.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>
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

/// V_h (n) of states (n, S), all in memory of the backend. Allocates its work memory. Throws shape_error.
template <class Backend, class T, class Space>
void evaluate_safety_value(Backend& be, fisor_networks const& networks, fisor_parameters<T, Space> const& parameters,
                           std::type_identity_t<matrix_view<T const, Space>> const& states, vector_view<T, Space> const& values) {
  check_shape("evaluate_safety_value: values", values.shape(), extents{states.extent(0)});
  arena<Space> memory;
  auto const work = plan(memory, [&](auto& m) {
    return networks.value.template make_workspace<T>(m, states.extent(0), nn::mode::inference);
  });
  auto const v = networks.value.forward(be, nn::as_stack(parameters.safety_value), repeated(states, 1), work);
  copy(be, vector_view<T const, Space>(v.data(), values.shape()), values);
  synchronize(be);
}

/// How `config` chooses a candidate by its critics' values q_safety, q_reward (N): the index of one. NaN loses against any
/// number.
template <class T>
struct candidate_rule {
  selection choose;
  T level, tolerance;
  index_t reward_candidates;

  explicit candidate_rule(fisor_config const& config)
      : choose(config.choose), level(static_cast<T>(config.feasible_level())), tolerance(static_cast<T>(config.safety_tolerance)),
        reward_candidates(config.reward_candidates) {}

  template <class Space>
  PARAPET_FN index_t operator()(vector_view<T const, Space> const& q_safety, vector_view<T const, Space> const& q_reward) const {
    if (choose == selection::first) return 0;
    index_t const n = q_safety.extent(0);
    index_t safest = 0;
    for (index_t i = 1; i < n; ++i)
      if (q_safety[i] < q_safety[safest] || q_safety[safest] != q_safety[safest]) safest = i;
    if (choose == selection::min_safety) return safest;

    bool const all = choose == selection::max_reward;
    bool const feasible = q_safety[safest] <= level;
    T const limit = feasible ? level : q_safety[safest] + tolerance;
    index_t best = -1, left = all || (feasible && reward_candidates == 0) ? n : feasible ? reward_candidates : 1;
    for (index_t i = 0; i < n && left > 0; ++i) {
      if (!all && !(q_safety[i] <= limit)) continue;
      --left;
      if (best < 0 || q_reward[i] > q_reward[best] || q_reward[best] != q_reward[best]) best = i;
    }
    return best < 0 ? safest : best;
  }
};
/// The same in one call, of values in host memory.
template <class T>
index_t choose_candidate(fisor_config const& config, vector_view<T const> const& q_safety, vector_view<T const> const& q_reward) {
  return candidate_rule<T>(config)(q_safety, q_reward);
}

namespace detail {

/// Noise of candidate row % N of decision row / N: its place in the stream is the decision's number. Rows beyond are 0.
template <class T, class Space>
struct decision_noise {
  vector_view<philox_stream const, Space> stream;  // (1)
  vector_view<index_t const, Space> number;        // (n)
  index_t candidates, draws, draw;
  matrix_view<T, Space> z;                         // (rows, A)
  PARAPET_FN void operator()(index_t row, index_t j) const {
    index_t const decision = row / candidates, per_draw = candidates * z.extent(1);
    z(row, j) = decision < number.extent(0)
                    ? static_cast<T>(stream[0].normal((number[decision] * draws + draw) * per_draw + row % candidates * z.extent(1) + j))
                    : T(0);
  }
};

/// Every state to the rows of its candidates.
template <class T, class Space>
struct place_states {
  matrix_view<T const, Space> from;                          // (n, S)
  index_t candidates;
  matrix_view<T, Space> denoiser_input, critic_input, state; // (rows, S), (rows, S), (n, S)
  PARAPET_FN void operator()(index_t row, index_t j) const {
    index_t const decision = row / candidates;
    T const x = from(decision, j);
    denoiser_input(row, j) = x;
    critic_input(row, j) = x;
    if (row % candidates == 0) state(decision, j) = x;
  }
};

struct clip_to_unit {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& x) const { y = math::min(math::max(x, X(-1.0f)), X(1.0f)); }
};
/// min Q_r and max Q_h; not a number where either critic of a pair is not finite, which min and max may hide.
struct judge_pairs {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& q, X& qh, X const& q0, X const& q1, X const& h0, X const& h1) const {
    q = math::min(q0, q1) + X(0.0f) * (q0 + q1);
    qh = math::max(h0, h1) + X(0.0f) * (h0 + h1);
  }
};

/// The chosen action of each decision, and what is to be told of it.
template <class T, class Space>
struct take_action {
  candidate_rule<T> rule;
  index_t candidates;
  matrix_view<T const, Space> x;               // (rows, A)
  vector_view<T const, Space> q, qh, vh;       // (rows), (rows), (n)
  matrix_view<T, Space> action;                // (n, A)
  vector_view<decision_info<T>, Space> info;   // (n), or none
  PARAPET_FN void operator()(index_t decision) const {
    index_t const first = decision * candidates;
    vector_view<T const, Space> const safety = qh.rows(first, first + candidates), reward = q.rows(first, first + candidates);
    index_t const best = rule(safety, reward);
    for (index_t j = 0; j < action.extent(1); ++j) action(decision, j) = x(first + best, j);
    if (info.empty()) return;
    index_t feasible = 0;
    for (index_t i = 0; i < candidates; ++i) feasible += safety[i] <= rule.level;
    info[decision] = {vh[decision], safety[best], reward[best], feasible};
  }
};

}  // namespace detail

/// A policy. Reserved once for a number of decisions at a time; then acting allocates nothing.
template <class Backend, class T = float>
class fisor_policy {
public:
  using space = typename Backend::space;

  /// `networks` must outlive the policy, as must the memory behind `parameters`, whose contents may change between calls.
  /// At most `decisions` states a call; on the host, threads share chunks of them. Throws argument_error for options outside their
  /// range or of other networks, shape_error for parameters of others.
  fisor_policy(Backend& be, fisor_config const& config, fisor_networks const& networks, fisor_parameters<T, space> const& parameters,
               index_t decisions = 1, index_t decisions_a_chunk = 8)
      : be_(be), config_(config), networks_(networks), parameters_(parameters), decisions_(decisions), chunk_(decisions_a_chunk),
        stream_(1), number_there_(on_host ? 0 : decisions), info_there_(on_host ? 0 : decisions),
        sampler_(diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max),
                 {diffusion::reverse_variance::beta, config.noise_temperature, config.clip_each_step}) {
    config.validate();
    if (decisions < 1) throw argument_error(parapet::detail::concat("fisor_policy: ", decisions, " decisions at a time, expected at least 1"));
    if (decisions_a_chunk < 1) throw argument_error(parapet::detail::concat("fisor_policy: chunks of ", decisions_a_chunk, " decisions, expected at least 1"));
    if (config.diffusion_steps != networks.actor.config().steps)
      throw argument_error(parapet::detail::concat("fisor_policy: diffusion_steps = ", config.diffusion_steps, ", but the actor was built for ",
                                                   networks.actor.config().steps));
    check_shape("fisor_policy: actor parameters", parameters.actor.shape(), extents{networks.actor_list.size()});
    check_shape("fisor_policy: critics' parameters", parameters.critics.shape(), extents{fisor_networks::critics, networks.critic_list.size()});
    check_shape("fisor_policy: safety value parameters", parameters.safety_value.shape(), extents{networks.value_list.size()});
    plan(memory_, [&](auto& memory) { lay_out(memory); return 0; });
    if constexpr (!on_host) {
      fill(be, states_there_, T(0));
      fill(be, number_there_.view(), index_t{0});
    }
    synchronize(be);
  }
  fisor_policy(fisor_policy const&) = delete;
  fisor_policy& operator=(fisor_policy const&) = delete;

  index_t decisions() const { return decisions_; }

  /// actions (n, A) of states (n, S), n <= decisions(), all in host memory; decision i takes its noise from place `number[i]` of
  /// `stream`, and tells about itself in info[i] unless info is empty. Throws shape_error, and argument_error for a negative
  /// number.
  void act(matrix_view<T const> const& states, vector_view<index_t const> const& number, philox_stream const& stream,
           matrix_view<T> const& actions, vector_view<decision_info<T>> const& info = {}) {
    index_t const n = states.extent(0);
    check(states, number, actions, info);
    for (index_t i = 0; i < n; ++i)
      if (number[i] < 0) throw argument_error(parapet::detail::concat("fisor_policy: number ", number[i], " of decision ", i, " is negative"));
    copy(be_, vector_view<philox_stream const>(&stream, extents{index_t{1}}), stream_.view());
    vector_view<philox_stream const, space> const stream_there = stream_.view();
    if constexpr (on_host) {
      decide(states, number, stream_there, actions, info);
    } else {
      copy(be_, states, states_there_.rows(0, n));
      copy(be_, number, number_there_.view().rows(0, n));
      act_there();
      copy(be_, matrix_view<T const, space>(actions_there_.rows(0, n)), actions);
      if (!info.empty()) copy(be_, vector_view<decision_info<T> const, space>(info_there_.view().rows(0, n)), info);
      synchronize(be_);
    }
  }

  /// The same with everything in memory of the backend, stream (1). Only asks for work: the backend may do it later, or record it.
  void decide(matrix_view<T const, space> const& states, vector_view<index_t const, space> const& number,
              vector_view<philox_stream const, space> const& stream, matrix_view<T, space> const& actions,
              vector_view<decision_info<T>, space> const& info = {}) {
    check(states, number, actions, info);
    index_t const n = states.extent(0);
    for_each_shard(be_, (n + per_chunk() - 1) / per_chunk(), [&](Backend& be, index_t i) {
      index_t const begin = i * per_chunk(), end = std::min(begin + per_chunk(), n);
      decide_chunk(be, chunks_[static_cast<std::size_t>(i)], states.rows(begin, end), number.rows(begin, end), stream,
                   actions.rows(begin, end), info.empty() ? info : info.rows(begin, end));
    });
  }

private:
  static constexpr bool on_host = std::is_same_v<space, host_space>;
  using mlp_workspace = fisor_networks::mlp::workspace<T, space>;
  /// States of one chunk. A chunk with fewer states computes on zeros and leftovers, and ignores the result.
  index_t per_chunk() const { return on_host ? chunk_ : decisions_; }
  /// Rows of a batch are padded to a multiple of this: a matrix product may round the rows of an incomplete block otherwise,
  /// and a decision would depend on how many others there are.
  static constexpr index_t row_block = 8;
  static constexpr index_t padded(index_t rows) { return (rows + row_block - 1) / row_block * row_block; }

  struct chunk {
    diffusion::residual_denoiser::workspace<T, space> denoiser;  // x lies in its input
    matrix_view<T, space> z, critic_input, state;      // (rows, A), (rows, S + A), (padded(count), S)    rows = padded(count N)
    matrix_view<index_t, space> step;                  // (T, rows)    row t is t
    mlp_workspace critics, value;
    vector_view<T, space> q, qh;                       // (rows)
  };
  /// `decide` on the arrays of the policy: at first as it is, which sets up what a backend needs; then recorded, and launched.
  void act_there() {
    auto const decide_all = [this] { decide(states_there_, number_there_.view(), stream_.view(), actions_there_, info_there_.view()); };
    if (recording_) return recording_.launch();
    decide_all();
    if (acted_) recording_ = backend::any_recording(capture(be_, decide_all));
    acted_ = true;
  }

  template <class Space>
  void check(matrix_view<T const, Space> const& states, vector_view<index_t const, Space> const& number, matrix_view<T, Space> const& actions,
             vector_view<decision_info<T>, Space> const& info) const {
    index_t const n = states.extent(0);
    check_shape("fisor_policy: states", states.shape(), extents{std::min(n, decisions_), networks_.actor.config().state_dim});
    check_shape("fisor_policy: actions", actions.shape(), extents{n, networks_.actor.config().action_dim});
    check_shape("fisor_policy: numbers", number.shape(), extents{n});
    if (!info.empty()) check_shape("fisor_policy: info", info.shape(), extents{n});
  }

  void lay_out(arena<space>& memory) {
    index_t const states = networks_.actor.config().state_dim, actions = networks_.actor.config().action_dim, steps = sampler_.steps();
    chunks_.clear();
    for (index_t begin = 0; begin < decisions_; begin += per_chunk()) {
      index_t const count = std::min(per_chunk(), decisions_ - begin), rows = padded(count * config_.candidates);
      chunk c;
      c.denoiser = networks_.actor.template make_workspace<Backend, T>(be_, memory, rows, nn::mode::inference);
      c.z = memory.template take<T>(extents{rows, actions});
      c.critic_input = memory.template take<T>(extents{rows, states + actions});
      c.state = memory.template take<T>(extents{padded(count), states});
      c.step = memory.template take<index_t>(extents{steps, rows});
      c.critics = networks_.critic.template make_workspace<T>(memory, rows, nn::mode::inference, fisor_networks::critics);
      c.value = networks_.value.template make_workspace<T>(memory, padded(count), nn::mode::inference);
      c.q = memory.template take<T>(extents{rows});
      c.qh = memory.template take<T>(extents{rows});
      if (!c.z.empty()) {
        fill(be_, c.critic_input, T(0));
        fill(be_, c.denoiser.input(0), T(0));
        fill(be_, c.state, T(0));
        for (index_t t = 0; t < steps; ++t) fill(be_, c.step(t), t);
      }
      chunks_.push_back(c);
    }
    if constexpr (!on_host) {
      states_there_ = memory.template take<T>(extents{decisions_, states});
      actions_there_ = memory.template take<T>(extents{decisions_, actions});
    }
  }

  void decide_chunk(Backend& be, chunk& c, matrix_view<T const, space> const& states, vector_view<index_t const, space> const& number,
                    vector_view<philox_stream const, space> const& stream, matrix_view<T, space> const& actions,
                    vector_view<decision_info<T>, space> const& info) {
    index_t const candidates = config_.candidates, dim = actions.extent(1), state_dim = states.extent(1), n = states.extent(0);
    auto const noise = [&](Backend& worker, index_t draw, matrix_view<T, space> const& z) {
      for_each_index(worker, z.shape(), detail::decision_noise<T, space>{stream, number, candidates, sampler_.steps() + 1, draw, z});
    };
    auto const denoise = [&](Backend& worker, matrix_view<T const, space> const&, index_t t) {  // of the x in its input
      return networks_.actor.forward(worker, nn::as_stack(parameters_.actor), vector_view<index_t const, space>(c.step(t)), c.denoiser)(0);
    };
    auto const x = networks_.actor.action(c.denoiser);
    for_each_index(be, extents{n * candidates, state_dim},
                   detail::place_states<T, space>{states, candidates, networks_.actor.state(c.denoiser), c.critic_input.columns(0, state_dim), c.state});
    networks_.actor.embed_steps(be, nn::as_stack(parameters_.actor), c.denoiser);  // few rows, and the parameters may be others by now
    sampler_.run(be, denoise, noise, x, c.z);
    auto const candidate = c.critic_input.columns(state_dim, state_dim + dim);
    map(be, detail::clip_to_unit{}, candidate, matrix_view<T const, space>(x));

    if (config_.choose != selection::first || !info.empty()) judge(be, c);
    for_each_index(be, extents{n},
                   detail::take_action<T, space>{candidate_rule<T>(config_), candidates, matrix_view<T const, space>(candidate), c.q, c.qh,
                                                 vector_view<T const, space>(c.value.output.data(), extents{n}), actions, info});
  }

  /// Critics' values of all candidates of a chunk, and V_h of its states.
  void judge(Backend& be, chunk& c) {
    auto const y = networks_.critic.forward(be, parameters_.critics, repeated(matrix_view<T const, space>(c.critic_input), 1), c.critics);
    auto const of = [&](index_t m) { return vector_view<T const, space>(y(m).data(), extents{y.extent(1)}); };
    map(be, detail::judge_pairs{}, c.q, c.qh, of(0), of(1), of(2), of(3));
    networks_.value.forward(be, nn::as_stack(parameters_.safety_value), repeated(matrix_view<T const, space>(c.state), 1), c.value);
  }

  Backend& be_;
  fisor_config config_;
  fisor_networks const& networks_;
  fisor_parameters<T, space> parameters_;
  index_t decisions_, chunk_;
  buffer<philox_stream, space> stream_;               // (1)
  buffer<index_t, space> number_there_;               // (decisions)    the arrays of `act`, on a device
  buffer<decision_info<T>, space> info_there_;        // (decisions)
  matrix_view<T, space> states_there_, actions_there_;  // (decisions, S), (decisions, A)
  diffusion::ddpm_sampler sampler_;
  arena<space> memory_;
  std::vector<chunk> chunks_;
  bool acted_ = false;
  backend::any_recording recording_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
