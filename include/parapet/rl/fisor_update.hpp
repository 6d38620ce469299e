// One update of FISOR (rl/fisor.hpp), for a group of seeds that share every operation.
//
// Order: rows of the whole update are drawn, gathered and weighed by the critics as they are; `actor_steps` actor steps, each on its
// own rows; beside them, since neither writes what the other reads, V_r and V_h, then Q_r and Q_h with the new values, on the first
// `critic_batch` rows. Each part works on shards of the rows, which threads share. A backend that lives on launches takes all seeds as
// one group and one shard: every operation is then one launch for all of them.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/rl/fisor_kernels.hpp>
#include <parapet/rl/fisor_networks.hpp>
#include <parapet/rl/fisor_state.hpp>
#include <parapet/rl/transitions.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Work memory of seeds [first, first + count), and an update of them. Everything that it refers to must outlive it.
template <class Backend, class T>
class fisor_update {
public:
  using space = typename Backend::space;

  /// seeds (all), losses (all, fisor_loss_numbers). `shards`, 1, 2, 4 or 8, divides each batch.
  fisor_update(Backend& be, fisor_config const& config, index_t shards, fisor_networks const& networks, transitions<T, space> const& data,
               fisor_state<T, space>& state, vector_view<std::uint64_t const, space> const& seeds, matrix_view<double, space> const& losses,
               index_t first, index_t count)
      : config_(config), shards_(shards), networks_(networks), data_(data), state_(state), seeds_(seeds.rows(first, first + count)),
        clock_(state.clock.view().rows(first, first + count)), losses_(losses.rows(first, first + count)), first_(first), count_(count) {
    plan(memory_, [&](auto& memory) { lay_out(be, memory); return 0; });
    auto const schedule = diffusion::noise_schedule::vp(config.diffusion_steps, config.beta_min, config.beta_max);
    buffer<T> table(2 * config.diffusion_steps);
    for (index_t i = 0; i < schedule.steps(); ++i) {
      table.data()[i] = static_cast<T>(schedule.signal(i));
      table.data()[schedule.steps() + i] = static_cast<T>(schedule.noise(i));
    }
    copy(be, vector_view<T const>(table.view()), flatten(schedule_));
    for (auto const& sums : {flatten(sums_.actor), flatten(sums_.weight), flatten(sums_.value), flatten(sums_.critic)}) fill(be, sums, T(0));
    synchronize(be);
  }

  /// One update. Allocates nothing, and waits for nothing that the backend defers.
  template <class Draw>
  void operator()(Backend& be, Draw const& draw) {
    index_t const shards = shards_, steps = config_.actor_steps;
    for_each_index(be, extents{steps + 1},
                   detail::schedule_steps<T, space>{clock_, cosine(config_.actor_learning_rate, config_.cosine_horizon),
                                                    cosine(config_.critic_learning_rate, config_.critic_cosine_horizon), steps, numbers_});
    for_each_shard(be, shards, [&](Backend& worker, index_t shard) { prepare(worker, shard, draw); });
    auto const train_actor = [&](Backend& actor_be) {
      for (index_t k = 0; k < steps; ++k) {
        for_each_shard(actor_be, shards, [&](Backend& worker, index_t shard) { differentiate_actor(worker, shard, k); });
        step(actor_be, state_.actor, k, config_.actor_average_rate);
      }
    };
    auto const train_critics = [&](Backend& critic_be) {
      for_each_shard(critic_be, shards, [&](Backend& worker, index_t shard) { differentiate_values(worker, shard); });
      step(critic_be, state_.values, steps, 0);
      for_each_shard(critic_be, shards, [&](Backend& worker, index_t shard) { differentiate_critics(worker, shard); });
      step(critic_be, state_.critics, steps, config_.target_rate);
    };
    using backend::concurrently;  // the generic one, for a backend of another namespace
    if (config_.objective == actor_objective::feasibility) concurrently(be, train_actor, train_critics);
    else train_actor(be);
    for_each_index(be, extents{count_}, detail::finish_update<T, space>{sums_, losses_, clock_});
  }

private:
  using const_stack = tensor_view<T const, 3, space>;
  using const_matrix = matrix_view<T const, space>;
  using mlp_workspace = fisor_networks::mlp::workspace<T, space>;

  /// A part of some number of rows.
  struct slice {
    index_t begin, end;
    index_t rows() const { return end - begin; }
    template <class U>
    matrix_view<U, space> operator()(matrix_view<U, space> const& x) const { return x.columns(begin, end); }  // (G, rows)
    template <class U>
    tensor_view<U, 3, space> operator()(tensor_view<U, 3, space> const& x) const { return x.slice(1, begin, end); }  // (G, rows, n)
  };
  slice part(index_t rows, index_t shard, index_t first = 0) const {
    return {first + shard * rows / shards_, first + (shard + 1) * rows / shards_};
  }

  /// Work memory of one shard, for each kind of work.
  struct weighing_work {
    mlp_workspace critics, values;
  };
  struct actor_work {
    vector_view<index_t, space> which;              // (G rows)
    diffusion::residual_denoiser::workspace<T, space> denoiser;
    tensor_view<T, 3, space> loss;                  // (G, rows, A)
  };
  struct critic_work {
    tensor_view<T, 3, space> next_state;            // (G, rows, S)
    tensor_view<T, 3, space> target;                // (G, 2, rows)    of Q_r and Q_h
    matrix_view<T, space> mask;                     // (G, rows)
    mlp_workspace critics, values, next_values;
    tensor_view<T, 3, space> critic_loss, critic_slope;  // (2 G, 2, rows)
    tensor_view<T, 3, space> value_loss, value_slope;    // (G, 2, rows)
  };

  static nn::learning_rate cosine(double rate, double horizon) { return nn::learning_rate::cosine(rate, static_cast<index_t>(horizon)); }

  void lay_out(Backend& be, arena<space>& memory) {
    index_t const states = data_.state_dim(), actions = data_.action_dim(), batch = config_.actor_batch * config_.actor_steps;
    index_t const g = count_;
    auto const take = [&](auto... n) { return memory.template take<T>(extents{index_t{n}...}); };
    schedule_ = take(2, config_.diffusion_steps);
    numbers_ = take(config_.actor_steps + 1, 3);
    sums_ = {take(shards_, g), take(shards_, 2, g), take(shards_, g, 2), take(shards_, g, 2)};
    row_ = memory.template take<index_t>(extents{g, batch});
    step_ = memory.template take<index_t>(extents{g, batch});
    input_ = take(g, batch, states + actions);
    noise_ = take(g, batch, actions);
    weight_ = take(2, g, batch);
    q_ = take(g, batch);
    qh_ = take(g, batch);
    bool const critics = config_.objective == actor_objective::feasibility;
    weighing_.clear();
    actor_.clear();
    critic_.clear();
    for (index_t shard = 0; shard < shards_; ++shard) {
      index_t const rows = part(config_.actor_batch, shard).rows();
      actor_work& w = actor_.emplace_back();
      w.which = memory.template take<index_t>(extents{g * rows});
      w.denoiser = networks_.actor.template make_workspace<Backend, T>(be, memory, rows, nn::mode::training, g);
      w.loss = take(g, rows, actions);
    }
    for (index_t shard = 0; critics && shard < shards_; ++shard) {
      index_t const rows = part(batch, shard).rows();
      weighing_.push_back({networks_.critic.template make_workspace<T>(memory, rows, nn::mode::inference, g * fisor_networks::critics),
                           networks_.value.template make_workspace<T>(memory, rows, nn::mode::inference, g * fisor_networks::values)});
    }
    for (index_t shard = 0; critics && shard < shards_; ++shard) {
      index_t const rows = part(config_.critic_batch, shard).rows();
      critic_work& w = critic_.emplace_back();
      w.next_state = take(g, rows, states);
      w.target = take(g, 2, rows);
      w.mask = take(g, rows);
      w.critics = networks_.critic.template make_workspace<T>(memory, rows, nn::mode::training, g * fisor_networks::critics);
      w.values = networks_.value.template make_workspace<T>(memory, rows, nn::mode::training, g * fisor_networks::values);
      w.next_values = networks_.value.template make_workspace<T>(memory, rows, nn::mode::inference, g * fisor_networks::values);
      w.critic_loss = take(2 * g, 2, rows);
      w.critic_slope = take(2 * g, 2, rows);
      w.value_loss = take(g, 2, rows);
      w.value_slope = take(g, 2, rows);
    }
  }

  /// Row m of every seed's stack of `networks` outputs (G networks, rows, 1): (G, rows).
  template <class U>
  static matrix_view<T const, space> output(tensor_view<U, 3, space> const& y, index_t networks, index_t m) {
    return {y.data() + m * y.stride(0), extents{y.extent(0) / networks, y.extent(1)}, extents{networks * y.stride(0), index_t{1}}};
  }
  /// Place m of (G, 2, rows): (G, rows).
  template <class U>
  static matrix_view<U, space> place(tensor_view<U, 3, space> const& x, index_t m) {
    return {x.data() + m * x.stride(1), extents{x.extent(0), x.extent(2)}, extents{x.stride(0), index_t{1}}};
  }
  const_stack states(slice const& s) const { return const_stack(s(input_).columns(0, data_.state_dim())); }

  // The batch ------------------------------------------------------------------------------------------------------

  template <class Draw>
  void prepare(Backend& be, index_t shard, Draw const& draw) {
    index_t const batch = config_.actor_batch * config_.actor_steps;
    slice const s = part(batch, shard);
    for_each_index(be, extents{count_, s.rows()},
                   detail::draw_rows<Draw, T, space>{draw, seeds_, clock_, s.begin, batch, data_.size(), config_.diffusion_steps, s(row_),
                                                     s(step_), s(noise_)});
    for_each_index(be, extents{count_, s.rows(), input_.extent(2)},
                   detail::gather_inputs<T, space>{data_.state(), data_.action(), matrix_view<index_t const, space>(s(row_)),
                                                   static_cast<T>(config_.action_limit), s(input_)});
    weigh(be, shard, s);
  }

  /// weight_ of the rows, from target critics and online values; keeps min Q_r' and max Q_h' for V_r and V_h to learn from.
  void weigh(Backend& be, index_t shard, slice const& s) {
    auto const weight = s(weight_(0)), square = s(weight_(1));
    if (config_.objective == actor_objective::behaviour_cloning) {
      fill(be, weight, T(1));
      fill(be, square, T(1));
      return;
    }
    weighing_work& w = weighing_[static_cast<std::size_t>(shard)];
    auto const q = networks_.critic.forward(be, state_.critics.followers(first_, count_), const_stack(s(input_)), w.critics);
    auto const v = networks_.value.forward(be, state_.values.parameters(first_, count_), states(s), w.values);
    diffusion::feasibility_weight const rule{config_.reward_temperature, config_.safety_temperature, std::log(config_.reward_weight_cap),
                                             std::log(config_.safety_weight_cap)};
    map(be, detail::weigh_rows{rule, config_.feasible_level()}, weight, square, s(q_), s(qh_), output(q, 4, 0), output(q, 4, 1), output(q, 4, 2),
        output(q, 4, 3), output(v, 2, 0), output(v, 2, 1));
  }

  // Actor ----------------------------------------------------------------------------------------------------------

  void differentiate_actor(Backend& be, index_t shard, index_t k) {
    actor_work& w = actor_[static_cast<std::size_t>(shard)];
    slice const s = part(config_.actor_batch, shard, k * config_.actor_batch);
    index_t const actions = data_.action_dim();
    auto const parameters = state_.actor.parameters(first_, count_);
    vector_view<index_t const, space> const which = w.which;
    for_each_index(be, extents{count_, s.rows(), input_.extent(2)},
                   detail::place_noisy<T, space>{vector_view<T const, space>(schedule_(0)), vector_view<T const, space>(schedule_(1)),
                                                 matrix_view<index_t const, space>(s(step_)), const_stack(s(input_)), const_stack(s(noise_)),
                                                 w.denoiser.input, w.which});
    networks_.actor.embed_steps(be, parameters, w.denoiser);
    auto const epsilon = networks_.actor.forward(be, parameters, which, w.denoiser,
                                                 detail::fisor_dropout<space>{seeds_, clock_, config_.actor_steps, k, s.begin - k * config_.actor_batch});
    auto const weight = s(weight_(0));
    const_stack const weights(weight.data(), w.loss.shape(), extents{weight.stride(0), index_t{1}, index_t{0}});
    nn::evaluate(be, nn::squared_error{}, 1.0 / static_cast<double>(config_.actor_batch), const_stack(epsilon), const_stack(s(noise_)), weights,
                 w.loss, epsilon);
    if (k + 1 == config_.actor_steps) {  // what the losses tell of
      reduce_rows(be, const_matrix(w.loss.data(), extents{count_, s.rows() * actions}), sums_.actor(shard));
      reduce_rows(be, s(const_matrix(weight_.data(), extents{2 * count_, weight_.extent(2)})), flatten(sums_.weight(shard)));
    }
    networks_.actor.backward(be, parameters, which, w.denoiser, const_stack(epsilon), state_.actor.gradient(shard, first_, count_));
  }

  // Values and critics ---------------------------------------------------------------------------------------------

  void differentiate_values(Backend& be, index_t shard) {
    critic_work& w = critic_[static_cast<std::size_t>(shard)];
    slice const s = part(config_.critic_batch, shard);
    double const scale = 1.0 / static_cast<double>(config_.critic_batch);
    auto const parameters = state_.values.parameters(first_, count_);
    auto const v = networks_.value.forward(be, parameters, states(s), w.values);
    map(be, detail::value_losses{{{config_.reward_expectile}, scale}, {{config_.safety_expectile}, scale}}, place(w.value_loss, 0),
        place(w.value_loss, 1), place(w.value_slope, 0), place(w.value_slope, 1), output(v, 2, 0), output(v, 2, 1), const_matrix(s(q_)),
        const_matrix(s(qh_)));
    reduce_rows(be, const_matrix(w.value_loss.data(), extents{2 * count_, s.rows()}), flatten(sums_.value(shard)));
    networks_.value.backward(be, parameters, states(s), w.values, const_stack(w.value_slope.data(), v.shape()),
                             state_.values.gradient(shard, first_, count_));
  }

  void differentiate_critics(Backend& be, index_t shard) {
    critic_work& w = critic_[static_cast<std::size_t>(shard)];
    slice const s = part(config_.critic_batch, shard);
    bool const reach = config_.safety == safety_target::reachability;
    for_each_index(be, extents{count_, s.rows(), data_.state_dim() + 1},
                   detail::gather_outcomes<T, space>{data_.next_state(), data_.reward(), reach ? data_.h() : data_.cost(), data_.done(),
                                                     data_.timeout(), matrix_view<index_t const, space>(s(row_)),
                                                     static_cast<T>(reach ? config_.violation_scale : 1), config_.timeout_is_terminal,
                                                     w.next_state, w.target, w.mask});
    auto const next = networks_.value.forward(be, state_.values.parameters(first_, count_), const_stack(w.next_state), w.next_values);
    map(be, detail::back_up{{config_.discount}, {config_.safety_discount}, reach}, place(w.target, 0), place(w.target, 1), const_matrix(w.mask),
        output(next, 2, 0), output(next, 2, 1));

    auto const parameters = state_.critics.parameters(first_, count_);
    const_stack const input(s(input_));
    auto const q = networks_.critic.forward(be, parameters, input, w.critics);
    extents<3> const pairs{{2 * count_, 2, s.rows()}};  // both critics of a pair have one target
    const_stack const target(w.target.data(), pairs, extents{s.rows(), index_t{0}, index_t{1}});
    nn::evaluate(be, nn::squared_error{}, 0.5 / static_cast<double>(config_.critic_batch), const_stack(q.data(), pairs), target, w.critic_loss,
                 w.critic_slope);
    reduce_rows(be, const_matrix(w.critic_loss.data(), extents{2 * count_, 2 * s.rows()}), flatten(sums_.critic(shard)));
    networks_.critic.backward(be, parameters, input, w.critics, const_stack(w.critic_slope.data(), q.shape()),
                              state_.critics.gradient(shard, first_, count_));
  }

  // ----------------------------------------------------------------------------------------------------------------

  /// An optimiser step, with row `k` of the numbers. Threads take slices of the parameters; a device takes all at once.
  void step(Backend& be, nn::trained<T, space>& networks, index_t k, double follow_rate) {
    index_t const all = networks.elements(count_), size = std::is_same_v<space, host_space> ? index_t{1} << 15 : all;
    vector_view<T const, space> const numbers = numbers_(k);
    for_each_shard(be, (all + size - 1) / size, [&](Backend& worker, index_t i) {
      networks.step(worker, nn::adam{}, numbers, follow_rate, first_, i * size, std::min((i + 1) * size, all));
    });
  }

  fisor_config const& config_;
  index_t shards_;
  fisor_networks const& networks_;
  transitions<T, space> const& data_;
  fisor_state<T, space>& state_;
  vector_view<std::uint64_t const, space> seeds_;  // (G)
  vector_view<index_t, space> clock_;              // (G)
  matrix_view<double, space> losses_;              // (G, fisor_loss_numbers)
  index_t first_, count_;

  arena<space> memory_;
  matrix_view<T, space> schedule_;                 // (2, T)    sqrt(alpha_bar), sqrt(1 - alpha_bar)
  matrix_view<T, space> numbers_;                  // (K + 1, 3)
  detail::fisor_sums<T, space> sums_;
  matrix_view<index_t, space> row_, step_;         // (G, B)    B = actor_batch actor_steps
  tensor_view<T, 3, space> input_, noise_;         // (G, B, S + A), (G, B, A)
  tensor_view<T, 3, space> weight_;                // (2, G, B)    w, w^2
  matrix_view<T, space> q_, qh_;                   // (G, B)    min Q_r', max Q_h'
  std::vector<weighing_work> weighing_;
  std::vector<actor_work> actor_;
  std::vector<critic_work> critic_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
