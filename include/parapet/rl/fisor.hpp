// FISOR: the largest feasible region from logged data, then reward inside it and the least risk outside it.
//
// Zheng et al., "Safe offline reinforcement learning with feasibility-guided diffusion model" (ICLR 2024). Three decoupled
// processes on a batch (s, a, r, s', h, m), means over its rows:
//
//     V_h:  reversed expectile of  max Q_h'(s, a) - V_h(s)        Q_h:  (Q_h - safety_backup(h, m, V_h(s')))^2
//     V_r:  expectile of           min Q_r'(s, a) - V_r(s)        Q_r:  (Q_r - reward_backup(r, m, V_r(s')))^2
//     z:    w(s, a) ||z - z_theta(sqrt(alpha_bar_t) a + sqrt(1 - alpha_bar_t) z, s, t)||^2,    w of diffusion/energy_weight.hpp
//
// Primes are targets. One update takes, in this order: `actor_steps` actor steps, each on its own rows; V_r and V_h; Q_r and
// Q_h with the new values, on the first `critic_batch` rows. Everything random is an element of a Philox stream addressed by
// the number of the update, so a learner's state is its tensors and that number.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/trained.hpp>
#include <parapet/rl/bellman.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>
#include <parapet/rl/functors.hpp>
#include <parapet/rl/transitions.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Losses of one update, each as its equation above, and what the weights were worth. The actor's are of its last step.
struct fisor_losses {
  double actor = 0, reward_value = 0, reward_critic = 0, safety_value = 0, safety_critic = 0;
  double mean_weight = 0;
  double effective_sample_size = 0;  ///< of the weights, as a fraction of the actor's rows

  bool finite() const {
    return std::isfinite(actor) && std::isfinite(reward_value) && std::isfinite(reward_critic) && std::isfinite(safety_value) &&
           std::isfinite(safety_critic);
  }
};

/// Where the randomness of an update comes from: rows of the data, diffusion steps and noise of the actor's rows, which count
/// on from one update to the next.
struct philox_draw {
  std::uint64_t seed;
  static constexpr std::uint64_t base = std::uint64_t{1} << 62;  ///< streams below are for parameters and dropout

  /// out[i] = the data row of batch row first + i.
  template <class Backend, class Space>
  void rows(Backend& be, vector_view<index_t, Space> const& out, index_t data_rows, index_t first) const {
    fill_below(be, out, data_rows, philox_stream(seed, base), first);
  }
  /// out[i] = the diffusion step of batch row first + i.
  template <class Backend, class Space>
  void steps(Backend& be, vector_view<index_t, Space> const& out, index_t diffusion_steps, index_t first) const {
    fill_below(be, out, diffusion_steps, philox_stream(seed, base + 1), first);
  }
  /// z(i, :) = the noise of batch row first + i.
  template <class Backend, class T, class Space>
  void noise(Backend& be, matrix_view<T, Space> const& z, index_t first) const {
    fill_normal(be, flatten(z), philox_stream(seed, base + 2), first * z.extent(1));
  }
};

namespace detail {

/// x = sqrt(alpha_bar_t) a + sqrt(1 - alpha_bar_t) z, row by row.
template <class T, class Space>
struct add_noise {
  vector_view<T const, Space> signal, noise;  // (T)
  vector_view<index_t const, Space> step;     // (rows)
  matrix_view<T const, Space> action, z;      // (rows, A)
  matrix_view<T, Space> x;                    // (rows, A)
  PARAPET_FN void operator()(index_t row, index_t i) const {
    x(row, i) = signal[step[row]] * action(row, i) + noise[step[row]] * z(row, i);
  }
};

}  // namespace detail

/// The learner. Borrows the data, which must outlive it and keep its place; owns every parameter.
template <class Backend, class T = float>
class fisor {
public:
  using space = typename Backend::space;

  /// Throws argument_error for options outside their range, and for data that is empty or has values that check_values
  /// refuses.
  fisor(Backend& be, fisor_config const& config, transitions<T, space> const& data)
      : be_(be), config_(checked(config)), data_(checked(be, data)),
        networks_(config, data.state_dim(), data.action_dim()),
        actor_(be, networks_.actor_list, config_.shards, true, config.seed, 0),
        reward_critic_(be, networks_.reward_critic_list, config_.shards, true, config.seed, 200),
        safety_critic_(be, networks_.safety_critic_list, config_.shards, true, config.seed, 300),
        reward_value_(be, networks_.reward_value_list, config_.shards, false, config.seed, 400),
        safety_value_(be, networks_.safety_value_list, config_.shards, false, config.seed, 500),
        schedule_(diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max)) {
    plan(memory_, [&](auto& memory) { lay_out(memory); return 0; });
    for (index_t i = 0; i < schedule_.steps(); ++i) {
      fill(be, signal_.rows(i, i + 1), static_cast<T>(schedule_.signal(i)));
      fill(be, noise_.rows(i, i + 1), static_cast<T>(schedule_.noise(i)));
    }
  }
  fisor(Backend&, fisor_config const&, transitions<T, space>&&) = delete;  // the data must live on
  fisor(fisor const&) = delete;
  fisor& operator=(fisor const&) = delete;

  fisor_config const& config() const { return config_; }
  fisor_networks const& networks() const { return networks_; }
  diffusion::noise_schedule const& schedule() const { return schedule_; }
  /// Updates done so far.
  index_t step() const { return step_; }

  nn::trained<T, space> const& actor() const { return actor_; }
  nn::trained<T, space> const& reward_critic() const { return reward_critic_; }
  nn::trained<T, space> const& safety_critic() const { return safety_critic_; }
  nn::trained<T, space> const& reward_value() const { return reward_value_; }
  nn::trained<T, space> const& safety_value() const { return safety_value_; }

  /// What acts: the averaged actor, the target critics and V_h. Follows the training.
  fisor_parameters<T, space> parameters() const {
    return {actor_.followers(), reward_critic_.followers(), safety_critic_.followers(), safety_value_.parameters()};
  }

  /// One update of everything. Allocates nothing. Throws error where a loss is not finite: parameters are spoilt then, and
  /// training can only go on from a checkpoint.
  fisor_losses update() { return update(philox_draw{config_.seed}); }

  /// The same with randomness from elsewhere.
  template <class Draw>
  fisor_losses update(Draw const& draw) {
    if (step_ < 0 || step_ >= index_t{1} << 40)  // from a file
      throw error(parapet::detail::concat("fisor: ", step_, " updates done so far is not a state of training"));
    fisor_losses losses;
    for (index_t k = 0; k < config_.actor_steps; ++k) {
      for_each_shard(be_, config_.shards, [&](Backend& be, index_t shard) { differentiate_actor(be, shard, k, draw); });
      index_t const actor_step = step_ * config_.actor_steps + k;
      step_all(decayed(config_.actor_learning_rate, config_.cosine_horizon, actor_step), actor_step + 1, config_.actor_average_rate,
               actor_);
    }
    double weights = 0, squares = 0;
    for (auto const& w : actor_work_) {  // of the last actor step
      losses.actor += static_cast<double>(w.loss);
      weights += static_cast<double>(w.weight_sum);
      squares += static_cast<double>(w.weight_squares);
    }
    losses.mean_weight = weights / static_cast<double>(config_.actor_batch);
    losses.effective_sample_size = diffusion::effective_sample_size(weights, squares) / static_cast<double>(config_.actor_batch);

    if (config_.objective == actor_objective::feasibility) {
      double const rate = decayed(config_.critic_learning_rate, config_.critic_cosine_horizon, step_);
      for_each_shard(be_, config_.shards, [&](Backend& be, index_t shard) { differentiate_values(be, shard, draw); });
      step_all(rate, step_ + 1, 0, reward_value_, safety_value_);
      for_each_shard(be_, config_.shards, [&](Backend& be, index_t shard) { differentiate_critics(be, shard); });
      step_all(rate, step_ + 1, config_.target_rate, reward_critic_, safety_critic_);
      for (auto const& w : critic_work_) {
        losses.reward_value += static_cast<double>(w.reward_value_loss);
        losses.reward_critic += static_cast<double>(w.reward_critic_loss);
        losses.safety_value += static_cast<double>(w.safety_value_loss);
        losses.safety_critic += static_cast<double>(w.safety_critic_loss);
      }
    }
    if (!losses.finite())
      throw error(parapet::detail::concat("fisor: a loss is not finite in update ", step_, ": actor ", losses.actor, ", V_r ",
                                          losses.reward_value, ", Q_r ", losses.reward_critic, ", V_h ", losses.safety_value,
                                          ", Q_h ", losses.safety_critic));
    ++step_;
    return losses;
  }

  /// Everything that training goes on from (host memory), for io/checkpoint.hpp.
  std::vector<tensor_ref> tensors() {
    std::vector<tensor_ref> all{named("step", vector_view<index_t>(&step_, extents{index_t{1}}))};
    for (auto* network : {&actor_, &reward_critic_, &safety_critic_, &reward_value_, &safety_value_}) network->append_tensors(all);
    return all;
  }
  std::vector<const_tensor_ref> tensors() const {
    std::vector<const_tensor_ref> all{named("step", vector_view<index_t const>(&step_, extents{index_t{1}}))};
    for (auto const* network : {&actor_, &reward_critic_, &safety_critic_, &reward_value_, &safety_value_}) network->append_tensors(all);
    return all;
  }
  /// Options and a hash of the data: what a checkpoint must agree on.
  std::map<std::string, std::string> metadata() const {
    auto text = config_.to_text();
    text["algorithm"] = "fisor";
    text["data_hash"] = std::to_string(data_.hash());
    return text;
  }

private:
  using critic_workspace = fisor_networks::critic::workspace<T, space>;

  /// Work memory of one shard of an actor step.
  struct actor_work {
    index_t first, rows;
    vector_view<index_t, space> row, step;                    // (rows)
    matrix_view<T, space> critic_input, z;                    // (rows, S + A), (rows, A)
    critic_workspace q_reward, q_safety, v_reward, v_safety;
    vector_view<T, space> q, qh, weight;                      // (rows)
    diffusion::residual_denoiser::workspace<T, space> denoiser;
    T loss, weight_sum, weight_squares;
  };
  /// Work memory of one shard of a critic step.
  struct critic_work {
    index_t first, rows;
    vector_view<index_t, space> row;                          // (rows)
    matrix_view<T, space> input, next_state;                  // (rows, S + A), (rows, S)
    vector_view<T, space> reward, h, mask, timeout, target;   // (rows)    h: or cost, for cumulative_cost
    critic_workspace critic, value, next_value;
    tensor_view<T, 3, space> critic_values, critic_slopes;    // (2, rows, 1)
    tensor_view<T, 3, space> value_values, value_slopes;      // (1, rows, 1)
    T reward_value_loss, reward_critic_loss, safety_value_loss, safety_critic_loss;
  };

  static fisor_config const& checked(fisor_config const& config) {
    config.validate();
    return config;
  }
  static transitions<T, space> const& checked(Backend& be, transitions<T, space> const& data) {
    if (data.size() == 0) throw argument_error("fisor: no transitions to learn from");
    check_values(be, data);
    return data;
  }

  void lay_out(arena<space>& memory) {
    index_t const states = data_.state_dim(), actions = data_.action_dim();
    auto const vector = [&](index_t n) { return memory.template take<T>(extents{n}); };
    auto const matrix = [&](index_t n, index_t m) { return memory.template take<T>(extents{n, m}); };
    signal_ = vector(config_.diffusion_steps);
    noise_ = vector(config_.diffusion_steps);
    actor_work_.clear();
    critic_work_.clear();
    for (index_t shard = 0; shard < config_.shards; ++shard) {
      actor_work w{};
      w.first = shard * config_.actor_batch / config_.shards;
      w.rows = (shard + 1) * config_.actor_batch / config_.shards - w.first;
      w.row = memory.template take<index_t>(extents{w.rows});
      w.step = memory.template take<index_t>(extents{w.rows});
      w.critic_input = matrix(w.rows, states + actions);
      w.z = matrix(w.rows, actions);
      w.q_reward = networks_.reward_critic.template make_workspace<T>(memory, w.rows, nn::mode::inference);
      w.q_safety = networks_.safety_critic.template make_workspace<T>(memory, w.rows, nn::mode::inference);
      w.v_reward = networks_.reward_value.template make_workspace<T>(memory, w.rows, nn::mode::inference);
      w.v_safety = networks_.safety_value.template make_workspace<T>(memory, w.rows, nn::mode::inference);
      w.q = vector(w.rows);
      w.qh = vector(w.rows);
      w.weight = vector(w.rows);
      w.denoiser = networks_.actor.template make_workspace<Backend, T>(be_, memory, w.rows, nn::mode::training);
      actor_work_.push_back(w);
    }
    for (index_t shard = 0; shard < config_.shards; ++shard) {
      critic_work w{};
      w.first = shard * config_.critic_batch / config_.shards;
      w.rows = (shard + 1) * config_.critic_batch / config_.shards - w.first;
      w.row = memory.template take<index_t>(extents{w.rows});
      w.input = matrix(w.rows, states + actions);
      w.next_state = matrix(w.rows, states);
      w.reward = vector(w.rows);
      w.h = vector(w.rows);
      w.mask = vector(w.rows);
      w.timeout = vector(w.rows);
      w.target = vector(w.rows);
      w.critic = networks_.reward_critic.template make_workspace<T>(memory, w.rows, nn::mode::training);
      w.value = networks_.reward_value.template make_workspace<T>(memory, w.rows, nn::mode::training);
      w.next_value = networks_.reward_value.template make_workspace<T>(memory, w.rows, nn::mode::inference);
      w.critic_values = memory.template take<T>(extents{index_t{2}, w.rows, index_t{1}});
      w.critic_slopes = memory.template take<T>(extents{index_t{2}, w.rows, index_t{1}});
      w.value_values = memory.template take<T>(extents{index_t{1}, w.rows, index_t{1}});
      w.value_slopes = memory.template take<T>(extents{index_t{1}, w.rows, index_t{1}});
      critic_work_.push_back(w);
    }
  }

  // Actor ---------------------------------------------------------------------------------------------------------

  template <class Draw>
  void differentiate_actor(Backend& be, index_t shard, index_t k, Draw const& draw) {
    actor_work& w = actor_work_[static_cast<std::size_t>(shard)];
    index_t const states = data_.state_dim(), batch_row = k * config_.actor_batch + w.first;
    index_t const row = step_ * config_.actor_batch * config_.actor_steps + batch_row;
    vector_view<index_t const, space> const rows = w.row, steps = w.step;
    auto const state = w.critic_input.columns(0, states), action = w.critic_input.columns(states, w.critic_input.extent(1));
    draw.rows(be, w.row, data_.size(), row);
    draw.steps(be, w.step, config_.diffusion_steps, row);
    draw.noise(be, w.z, row);
    gather(be, data_.state(), rows, state);
    gather(be, data_.action(), rows, action);
    map(be, detail::clip{config_.action_limit}, action);
    weigh(be, w);

    copy(be, matrix_view<T const, space>(state), networks_.actor.state(w.denoiser));
    for_each_index(be, w.z.shape(), detail::add_noise<T, space>{signal_, noise_, steps, action, w.z, networks_.actor.action(w.denoiser)});
    networks_.actor.embed_steps(be, actor_.parameters(), w.denoiser);
    std::uint64_t const stream = 1000 + 100 * static_cast<std::uint64_t>(step_ * config_.actor_steps + k);
    auto const epsilon = networks_.actor.forward(be, actor_.parameters(), steps, w.denoiser,
                                                 nn::dropout_source{config_.seed, stream, w.first});
    matrix_view<T const, space> const weight(w.weight.data(), w.z.shape(), extents{index_t{1}, index_t{0}});
    nn::evaluate(be, nn::squared_error{}, 1.0 / static_cast<double>(config_.actor_batch), matrix_view<T const, space>(epsilon),
                 matrix_view<T const, space>(w.z), weight, w.z, epsilon);
    w.loss = sum(be, flatten(w.z));
    networks_.actor.backward(be, actor_.parameters(), steps, w.denoiser, matrix_view<T const, space>(epsilon), actor_.gradient(shard));
  }

  /// w.weight (rows) of the states and actions in w.critic_input, from target critics and online values.
  void weigh(Backend& be, actor_work& w) {
    if (config_.objective == actor_objective::behaviour_cloning) {
      fill(be, w.weight, T(1));
    } else {
      tensor_view<T const, 3, space> const both = repeated(matrix_view<T const, space>(w.critic_input), 2);
      tensor_view<T const, 3, space> const state = repeated(matrix_view<T const, space>(w.critic_input.columns(0, data_.state_dim())), 1);
      auto const q = networks_.reward_critic.forward(be, reward_critic_.followers(), both, w.q_reward);
      auto const qh = networks_.safety_critic.forward(be, safety_critic_.followers(), both, w.q_safety);
      vector_view<T, space> const v = column(networks_.reward_value.forward(be, reward_value_.parameters(), state, w.v_reward), 0);
      vector_view<T, space> const vh = column(networks_.safety_value.forward(be, safety_value_.parameters(), state, w.v_safety), 0);
      map(be, detail::smaller_of{}, w.q, constant(column(q, 0)), constant(column(q, 1)));
      map(be, detail::larger_of{}, w.qh, constant(column(qh, 0)), constant(column(qh, 1)));
      if (double const level = config_.feasible_level(); level != 0) {
        map(be, detail::subtract{level}, w.qh);
        map(be, detail::subtract{level}, vh);
      }
      diffusion::feasibility_weight const weight{config_.reward_temperature, config_.safety_temperature,
                                                 std::log(config_.reward_weight_cap), std::log(config_.safety_weight_cap)};
      map(be, weight, w.weight, constant(w.q), constant(v), constant(w.qh), constant(vh));
    }
    w.weight_sum = sum(be, w.weight);
    w.weight_squares = sum(be, w.weight, math::square{});
  }

  // Critics -------------------------------------------------------------------------------------------------------

  template <class Draw>
  void differentiate_values(Backend& be, index_t shard, Draw const& draw) {
    critic_work& w = critic_work_[static_cast<std::size_t>(shard)];
    index_t const states = data_.state_dim();
    vector_view<index_t const, space> const rows = w.row;
    auto const state = w.input.columns(0, states), action = w.input.columns(states, w.input.extent(1));
    draw.rows(be, w.row, data_.size(), step_ * config_.actor_batch * config_.actor_steps + w.first);
    gather(be, data_.state(), rows, state);
    gather(be, data_.action(), rows, action);
    gather(be, data_.next_state(), rows, w.next_state);
    gather(be, data_.reward(), rows, w.reward);
    bool const reach = config_.safety == safety_target::reachability;
    gather(be, reach ? data_.h() : data_.cost(), rows, w.h);
    gather(be, data_.done(), rows, w.mask);
    gather(be, data_.timeout(), rows, w.timeout);
    map(be, detail::clip{config_.action_limit}, action);
    map(be, detail::to_mask{config_.timeout_is_terminal}, w.mask, constant(w.timeout));
    if (reach && config_.violation_scale != 1) map(be, detail::scale_violation{config_.violation_scale}, w.h);

    tensor_view<T const, 3, space> const both = repeated(matrix_view<T const, space>(w.input), 2);
    auto const q = networks_.reward_critic.forward(be, reward_critic_.followers(), both, w.critic);
    map(be, detail::smaller_of{}, w.target, constant(column(q, 0)), constant(column(q, 1)));
    w.reward_value_loss = differentiate_value(be, networks_.reward_value, reward_value_, shard, w, nn::expectile{config_.reward_expectile});
    auto const qh = networks_.safety_critic.forward(be, safety_critic_.followers(), both, w.critic);
    map(be, detail::larger_of{}, w.target, constant(column(qh, 0)), constant(column(qh, 1)));
    w.safety_value_loss = differentiate_value(be, networks_.safety_value, safety_value_, shard, w, nn::reversed_expectile{config_.safety_expectile});
  }

  template <class Loss>
  T differentiate_value(Backend& be, fisor_networks::critic const& network, nn::trained<T, space>& value, index_t shard, critic_work& w,
                        Loss const& loss) {
    tensor_view<T const, 3, space> const state = repeated(matrix_view<T const, space>(w.input.columns(0, data_.state_dim())), 1);
    tensor_view<T const, 3, space> const v = network.forward(be, value.parameters(), state, w.value);
    tensor_view<T const, 3, space> const target(w.target.data(), v.shape());
    nn::evaluate(be, loss, 1.0 / static_cast<double>(config_.critic_batch), v, target, w.value_values, w.value_slopes);
    network.backward(be, value.parameters(), state, w.value, tensor_view<T const, 3, space>(w.value_slopes), value.gradient(shard));
    return sum(be, flatten(w.value_values));
  }

  void differentiate_critics(Backend& be, index_t shard) {
    critic_work& w = critic_work_[static_cast<std::size_t>(shard)];
    tensor_view<T const, 3, space> const next = repeated(matrix_view<T const, space>(w.next_state), 1);
    auto const backup = [&](auto const& rule, fisor_networks::critic const& value, nn::trained<T, space> const& parameters,
                            vector_view<T, space> const& reward_or_h) {
      auto const v = value.forward(be, parameters.parameters(), next, w.next_value);
      map(be, detail::backup_in_place<std::remove_cvref_t<decltype(rule)>>{rule}, reward_or_h, constant(w.mask), constant(column(v, 0)));
    };
    backup(reward_backup{config_.discount}, networks_.reward_value, reward_value_, w.reward);
    if (config_.safety == safety_target::reachability)
      backup(safety_backup{config_.safety_discount}, networks_.safety_value, safety_value_, w.h);
    else
      backup(reward_backup{config_.safety_discount}, networks_.safety_value, safety_value_, w.h);
    w.reward_critic_loss = differentiate_critic(be, networks_.reward_critic, reward_critic_, shard, w, w.reward);
    w.safety_critic_loss = differentiate_critic(be, networks_.safety_critic, safety_critic_, shard, w, w.h);
  }

  T differentiate_critic(Backend& be, fisor_networks::critic const& network, nn::trained<T, space>& critic, index_t shard, critic_work& w,
                         vector_view<T const, space> const& target) {
    tensor_view<T const, 3, space> const both = repeated(matrix_view<T const, space>(w.input), 2);
    tensor_view<T const, 3, space> const q = network.forward(be, critic.parameters(), both, w.critic);
    tensor_view<T const, 3, space> const targets(target.data(), q.shape(), extents{index_t{0}, index_t{1}, index_t{1}});
    nn::evaluate(be, nn::squared_error{}, 0.5 / static_cast<double>(config_.critic_batch), q, targets, w.critic_values, w.critic_slopes);
    network.backward(be, critic.parameters(), both, w.critic, tensor_view<T const, 3, space>(w.critic_slopes), critic.gradient(shard));
    return sum(be, flatten(w.critic_values));
  }

  // -----------------------------------------------------------------------------------------------------------------

  static double decayed(double rate, double horizon, index_t step) {
    return nn::learning_rate::cosine(rate, static_cast<index_t>(horizon))(step);
  }

  /// Optimiser steps of some networks, cut into slices that threads take.
  template <class... Trained>
  void step_all(double learning_rate, index_t number, double follow_rate, Trained&... networks) {
    constexpr index_t slice = 1 << 15;
    (for_each_shard(be_, (networks.size() + slice - 1) / slice,
                    [&](Backend& be, index_t i) {
                      networks.step(be, nn::adam{}, learning_rate, number, follow_rate, i * slice,
                                    std::min((i + 1) * slice, networks.size()));
                    }),
     ...);
  }

  /// Column (rows) of member m of a critic's output (members, rows, 1).
  static vector_view<T, space> column(tensor_view<T, 3, space> const& output, index_t m) {
    return {output(m).data(), extents{output.extent(1)}};
  }
  static vector_view<T const, space> constant(vector_view<T, space> const& x) { return x; }

  Backend& be_;
  fisor_config config_;
  transitions<T, space> const& data_;
  fisor_networks networks_;
  nn::trained<T, space> actor_, reward_critic_, safety_critic_, reward_value_, safety_value_;
  diffusion::noise_schedule schedule_;
  arena<space> memory_;
  vector_view<T, space> signal_, noise_;  // (T)
  std::vector<actor_work> actor_work_;
  std::vector<critic_work> critic_work_;
  index_t step_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::rl
