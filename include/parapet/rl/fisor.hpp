// FISOR: the largest feasible region from logged data, then reward inside it and the least risk outside it.
//
// Zheng et al., "Safe offline reinforcement learning with feasibility-guided diffusion model" (ICLR 2024). Three decoupled
// processes on a batch (s, a, r, s', h, m), means over its rows:
//
//     V_h:  reversed expectile of  max Q_h'(s, a) - V_h(s)        Q_h:  (Q_h - safety_backup(h, m, V_h(s')))^2
//     V_r:  expectile of           min Q_r'(s, a) - V_r(s)        Q_r:  (Q_r - reward_backup(r, m, V_r(s')))^2
//     z:    w(s, a) ||z - z_theta(sqrt(alpha_bar_t) a + sqrt(1 - alpha_bar_t) z, s, t)||^2,    w of diffusion/energy_weight.hpp
//
// Primes are targets; rl/fisor_update.hpp has the order. Everything random is an element of a Philox stream addressed by the number
// of the update, so a learner's state is its tensors and that number. A learner may train several seeds side by side: they share
// the data and every option, and nothing else. Each ends with the bits that it would have alone.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/any_recording.hpp>
#include <parapet/backend/argument.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>
#include <parapet/rl/fisor_state.hpp>
#include <parapet/rl/fisor_update.hpp>
#include <parapet/rl/transitions.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
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

/// The learner. Borrows the data, which must outlive it and keep its place; owns every parameter.
template <class Backend, class T = float>
class fisor {
  static_assert(backend::check_backend_argument<Backend>());

public:
  using space = typename Backend::space;

  /// Trains `seeds` seeds: config.seed and those that follow it. Throws argument_error for options outside their range, and for data
  /// that is empty or has values that check_values refuses.
  fisor(Backend& be, fisor_config const& config, transitions<T, space> const& data, index_t seeds = 1)
      : be_(be), config_(checked(config)), data_(checked(be, data)),
        networks_(std::make_shared<fisor_networks const>(config, data.state_dim(), data.action_dim())), seeds_(checked(config.seed, seeds)),
        state_{buffer<index_t, space>(seeds),
               {be, networks_->actor_list, fisor_networks::actor_rows(), seeds_, shards(), true},
               {be, networks_->critic_list, fisor_networks::critic_rows(), seeds_, shards(), true},
               {be, networks_->value_list, fisor_networks::value_rows(), seeds_, shards(), false}},
        seeds_there_(seeds), losses_(seeds * numbers), losses_here_(seeds * numbers),
        schedule_(diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max)) {
    copy(be, vector_view<std::uint64_t const>(seeds_.data(), extents{seeds}), seeds_there_.view());
    fill(be, state_.clock.view(), index_t{0});
    fill(be, losses_.view(), 0.0);
    std::fill_n(losses_here_.data(), losses_here_.size(), 0.0);
    index_t const together = on_host ? 1 : seeds;
    groups_.reserve(static_cast<std::size_t>(seeds / together));
    for (index_t first = 0; first < seeds; first += together)
      groups_.emplace_back(be, config_, shards(), *networks_, data_, state_, seeds_there_.view(), losses_.view(extents{seeds, numbers}), first, together);
  }
  fisor(Backend&, fisor_config const&, transitions<T, space>&&, index_t = 1) = delete;  // the data must live on
  fisor(fisor const&) = delete;
  fisor& operator=(fisor const&) = delete;

  fisor_config const& config() const { return config_; }
  fisor_networks const& networks() const { return *networks_; }
  diffusion::noise_schedule const& schedule() const { return schedule_; }
  index_t seeds() const { return static_cast<index_t>(seeds_.size()); }
  /// Updates done so far.
  index_t step() const {
    if constexpr (on_host) return state_.clock.data()[0];
    else return step_;
  }
  /// Every parameter, moment and target.
  fisor_state<T, space> const& state() const { return state_; }
  /// What acts, of seed number `seed` (from 0): the averaged actor, the target critics and V_h. Follows the training. Here and below
  /// argument_error for a seed that there is not.
  fisor_parameters<T, space> parameters(index_t seed = 0) const { return state_.parameters(checked(seed)); }

  /// One update of everything, of every seed. Returns the losses of the first. Allocates nothing. Throws error where a loss is not
  /// finite: parameters are spoilt then, and training can only go on from a checkpoint.
  fisor_losses update() { return update(philox_draw{}); }

  /// The same with randomness from elsewhere: a type with the members of philox_draw.
  template <class Draw>
  fisor_losses update(Draw const& draw) {
    check_step();
    enqueue(1, draw);
    step_ += 1;
    return read_losses(1);
  }

  /// `count` updates; returns the losses of the last. A backend that can record does so once and launches the recording: the host
  /// gives one order for `recorded` updates. Seeds take turns on a CPU's threads, as far as `count` goes.
  fisor_losses train(index_t count) {
    if (count < 1) return losses();
    check_step();
    if constexpr (on_host) {
      enqueue(count, philox_draw{});
    } else {
      index_t left = count;
      if (left > recorded && !recording_) {
        enqueue(1, philox_draw{});  // what a first run sets up is not part of a recording
        --left;
        synchronize(be_);
        recording_ = backend::any_recording(capture(be_, [this] { enqueue(recorded, philox_draw{}); }));
      }
      for (; recording_ && left >= recorded; left -= recorded) recording_.launch();
      enqueue(left, philox_draw{});
      step_ += count;
    }
    return read_losses(count);
  }

  /// Losses of the last update, of a seed; 0 before the first.
  fisor_losses losses(index_t seed = 0) const {
    double const* x = losses_here_.data() + numbers * checked(seed);
    double const rows = static_cast<double>(config_.actor_batch);
    return {x[0], x[1], x[2], x[3], x[4], x[5] / rows, diffusion::effective_sample_size(x[5], x[6]) / rows};
  }

  /// Everything that training goes on from, for io/checkpoint.hpp, where that is host memory; else there is snapshot(). Names of
  /// several seeds begin with "seed<number>.".
  std::vector<tensor_ref> tensors() { return all_tensors<tensor_ref>(state_); }
  std::vector<const_tensor_ref> tensors() const { return all_tensors<const_tensor_ref>(state_); }

  /// A copy of one seed in host memory: the same file, whatever the backend and the number of seeds.
  fisor_snapshot<T> snapshot(index_t seed = 0) const {
    checked(seed);
    fisor_state<T> host{buffer<index_t>(1), state_.actor.to_host(be_, seed), state_.critics.to_host(be_, seed), state_.values.to_host(be_, seed)};
    host.clock.data()[0] = step();
    auto text = metadata();
    text["seed"] = std::to_string(seeds_[static_cast<std::size_t>(seed)]);
    text.erase("seeds");
    return {networks_, std::move(host), std::move(text)};
  }
  /// Goes on from a snapshot, whose options and data are taken to be this learner's. All seeds must stand at the same update before
  /// training goes on.
  void restore(fisor_snapshot<T> const& snapshot, index_t seed = 0) {
    checked(seed);
    state_.actor.from_host(be_, snapshot.state().actor, seed);
    state_.critics.from_host(be_, snapshot.state().critics, seed);
    state_.values.from_host(be_, snapshot.state().values, seed);
    copy(be_, snapshot.state().clock.view(), state_.clock.view().rows(seed, seed + 1));
    synchronize(be_);
    step_ = snapshot.step();
  }

  /// Options and a hash of the data: what a checkpoint must agree on.
  std::map<std::string, std::string> metadata() const {
    auto text = config_.to_text();
    text["algorithm"] = "fisor";
    text["data_hash"] = std::to_string(hash(be_, data_));
    if (seeds() > 1) text["seeds"] = std::to_string(seeds());
    return text;
  }

private:
  static constexpr bool on_host = std::is_same_v<space, host_space>;
  static constexpr index_t recorded = 8;  ///< updates in a recording
  static constexpr index_t numbers = detail::fisor_loss_numbers;
  /// fisor_config::shards, which are for threads: a device has none, and takes a batch whole.
  index_t shards() const { return on_host ? config_.shards : 1; }

  static fisor_config const& checked(fisor_config const& config) {
    config.validate();
    return config;
  }
  static transitions<T, space> const& checked(Backend& be, transitions<T, space> const& data) {
    if (data.size() == 0) throw argument_error("fisor: no transitions to learn from");
    if (data.size() > index_t{1} << 32) throw argument_error(parapet::detail::concat("fisor: ", data.size(), " transitions, at most 2^32 can be drawn from"));
    check_values(be, data);
    return data;
  }
  static std::vector<std::uint64_t> checked(std::uint64_t first, index_t count) {
    if (count < 1) throw argument_error(parapet::detail::concat("fisor: ", count, " seeds, expected at least 1"));
    std::vector<std::uint64_t> seeds;
    for (index_t i = 0; i < count; ++i) seeds.push_back(first + static_cast<std::uint64_t>(i));
    return seeds;
  }
  index_t checked(index_t seed) const {
    if (seed < 0 || seed >= seeds()) throw argument_error(parapet::detail::concat("fisor: seed number ", seed, " of ", seeds()));
    return seed;
  }

  void check_step() const {
    auto const refuse = [](index_t step) {  // from a file
      throw error(parapet::detail::concat("fisor: ", step, " updates done so far is not a state of training"));
    };
    if (step() < 0 || step() >= index_t{1} << 40) refuse(step());
    if constexpr (on_host)
      for (index_t i = 0; i < seeds(); ++i)
        if (state_.clock.data()[i] != step()) refuse(state_.clock.data()[i]);
  }

  /// Asks the backend for updates. Several groups are one to a thread, for all of them in turn.
  template <class Draw>
  void enqueue(index_t count, Draw const& draw) {
    auto const run = [&](Backend& be, auto& group) {
      for (index_t i = 0; i < count; ++i) group(be, draw);
    };
    if (groups_.size() == 1) return run(be_, groups_[0]);
    for_each_shard(be_, static_cast<index_t>(groups_.size()), [&](Backend& worker, index_t i) { run(worker, groups_[static_cast<std::size_t>(i)]); });
  }

  fisor_losses read_losses(index_t count) {
    copy(be_, vector_view<double const, space>(losses_.view()), losses_here_.view());
    synchronize(be_);
    for (index_t seed = 0; seed < seeds(); ++seed)
      if (fisor_losses const l = losses(seed); !l.finite()) {
        index_t const last = step() - 1;
        std::string const when = count == 1 ? parapet::detail::concat("update ", last) : parapet::detail::concat("one of the updates up to ", last);
        std::string const who = seeds() == 1 ? "" : parapet::detail::concat(" of seed ", seeds_[static_cast<std::size_t>(seed)]);
        throw error(parapet::detail::concat("fisor: a loss is not finite in ", when, who, ": actor ", l.actor, ", V_r ", l.reward_value, ", Q_r ",
                                            l.reward_critic, ", V_h ", l.safety_value, ", Q_h ", l.safety_critic));
      }
    return losses();
  }

  template <class Ref, class State>
  std::vector<Ref> all_tensors(State& state) const {
    std::vector<Ref> all;
    for (index_t seed = 0; seed < seeds(); ++seed)
      fisor_state<T, space>::append_tensors(state, all, seed,
                                            seeds() == 1 ? "" : parapet::detail::concat("seed", seeds_[static_cast<std::size_t>(seed)], "."));
    return all;
  }

  Backend& be_;
  fisor_config config_;
  transitions<T, space> const& data_;
  std::shared_ptr<fisor_networks const> networks_;
  std::vector<std::uint64_t> seeds_;
  fisor_state<T, space> state_;
  buffer<std::uint64_t, space> seeds_there_;
  buffer<double, space> losses_;       // (seeds, numbers)
  buffer<double> losses_here_;         // (seeds, numbers)
  diffusion::noise_schedule schedule_;
  std::vector<fisor_update<Backend, T>> groups_;
  index_t step_ = 0;                   // on a device: what its clocks say
  backend::any_recording recording_;   // of `recorded` updates
};

}  // namespace parapet::inline PARAPET_ABI::rl
