// The elementwise steps of a FISOR update, as functors that run where the memory is.
//
// Nothing here takes a number of the host's that changes from one update to the next: the number of the update is read from
// `clock` in memory of the backend, so a recorded update can be launched again. G seeds are worked on at once; view extents
// in comments are for a shard of `rows` rows.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/rl/bellman.hpp>

#include <cstdint>

namespace parapet::inline PARAPET_ABI::rl {

/// Where the randomness of an update comes from. Batch rows are counted on from one update to the next; row i has a row of the
/// data, a step of the diffusion, and numbers i A .. i A + A - 1 of the noise. Called where the backend computes.
struct philox_draw {
  static constexpr std::uint64_t base = std::uint64_t{1} << 62;  ///< streams below are for parameters and dropout

  /// The data row, below `rows`, of batch row i.
  PARAPET_FN index_t row(std::uint64_t seed, index_t i, index_t rows) const { return philox_stream(seed, base).below(i, rows); }
  /// The diffusion step, below `steps`, of batch row i.
  PARAPET_FN index_t step(std::uint64_t seed, index_t i, index_t steps) const { return philox_stream(seed, base + 1).below(i, steps); }
  /// Number i of the noise, standard normal.
  PARAPET_FN float noise(std::uint64_t seed, index_t i) const { return philox_stream(seed, base + 2).normal(i); }
};

namespace detail {

/// Numbers of Adam for this update: rows 0 .. K - 1 of the actor's steps, row K of the critics'.
template <class T, class Space>
struct schedule_steps {
  vector_view<index_t const, Space> clock;   // (G), all the same
  nn::learning_rate actor, critic;
  index_t actor_steps;
  matrix_view<T, Space> numbers;             // (K + 1, 3)
  PARAPET_FN void operator()(index_t k) const {
    bool const of_actor = k < actor_steps;
    index_t const done = of_actor ? clock[0] * actor_steps + k : clock[0];
    nn::write_adam_numbers(nn::adam{}, of_actor ? actor(done) : critic(done), done + 1, numbers(k));
  }
};

/// Data row, diffusion step and noise of batch row (g, i).
template <class Draw, class T, class Space>
struct draw_rows {
  Draw draw;
  vector_view<std::uint64_t const, Space> seed;  // (G)
  vector_view<index_t const, Space> clock;       // (G)
  index_t first, batch, data_rows, diffusion_steps;
  matrix_view<index_t, Space> row, step;         // (G, rows)
  tensor_view<T, 3, Space> noise;                // (G, rows, A)
  PARAPET_FN void operator()(index_t g, index_t i) const {
    index_t const n = clock[g] * batch + first + i, actions = noise.extent(2);
    row(g, i) = draw.row(seed[g], n, data_rows);
    step(g, i) = draw.step(seed[g], n, diffusion_steps);
    for (index_t j = 0; j < actions; ++j) noise(g, i, j) = static_cast<T>(draw.noise(seed[g], n * actions + j));
  }
};

/// [s, a] of the drawn data rows, a clipped.
template <class T, class Space>
struct gather_inputs {
  matrix_view<T const, Space> state, action;  // (N, S), (N, A)
  matrix_view<index_t const, Space> row;      // (G, rows)
  T limit;
  tensor_view<T, 3, Space> input;             // (G, rows, S + A)
  PARAPET_FN void operator()(index_t g, index_t i, index_t j) const {
    index_t const states = state.extent(1), from = row(g, i);
    input(g, i, j) = j < states ? state(from, j) : math::min(math::max(action(from, j - states), -limit), limit);
  }
};

/// s' of the drawn data rows, with r, h (or the cost) and the mask, which is 0 where the episode ends.
template <class T, class Space>
struct gather_outcomes {
  matrix_view<T const, Space> next_state;                          // (N, S)
  vector_view<T const, Space> reward, h, done, timeout;            // (N)
  matrix_view<index_t const, Space> row;                           // (G, rows)
  T violation_scale;
  bool timeout_is_terminal;
  tensor_view<T, 3, Space> next;                                   // (G, rows, S)
  tensor_view<T, 3, Space> target;                                 // (G, 2, rows)    r and h, which become the critics' targets
  matrix_view<T, Space> mask;                                      // (G, rows)
  PARAPET_FN void operator()(index_t g, index_t i, index_t j) const {
    index_t const from = row(g, i);
    if (j < next.extent(2)) {
      next(g, i, j) = next_state(from, j);
      return;
    }
    target(g, 0, i) = reward[from];
    target(g, 1, i) = h[from] > T(0) ? violation_scale * h[from] : h[from];
    T const ended = timeout_is_terminal ? math::max(done[from], timeout[from]) : done[from] * (T(1) - timeout[from]);
    mask(g, i) = T(1) - ended;
  }
};

/// The denoiser's input [sqrt(alpha_bar_t) a + sqrt(1 - alpha_bar_t) z, s], and the row of the table of embeddings.
template <class T, class Space>
struct place_noisy {
  vector_view<T const, Space> signal, noise;   // (T)
  matrix_view<index_t const, Space> step;      // (G, rows)
  tensor_view<T const, 3, Space> input, z;     // (G, rows, S + A), (G, rows, A)
  tensor_view<T, 3, Space> out;                // (G, rows, A + S + ...)
  vector_view<index_t, Space> which;           // (G rows)
  PARAPET_FN void operator()(index_t g, index_t i, index_t j) const {
    index_t const actions = z.extent(2), states = input.extent(2) - actions, t = step(g, i);
    out(g, i, j) = j < actions ? signal[t] * input(g, i, states + j) + noise[t] * z(g, i, j) : input(g, i, j - actions);
    if (j == 0) which[g * z.extent(1) + i] = g * signal.extent(0) + t;
  }
};

/// w and w^2 of a row, with min Q_r' and max Q_h'.
struct weigh_rows {
  diffusion::feasibility_weight rule;
  double level;  ///< what Q_h and V_h must not exceed
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& w, X& square, X& q, X& qh, X const& q0, X const& q1, X const& h0, X const& h1, X const& v,
                                            X const& vh) const {
    q = math::min(q0, q1);
    qh = math::max(h0, h1);
    rule(w, q, v, qh - X(level), vh - X(level));
    square = w * w;
  }
};

/// Losses of V_r and V_h, with slopes.
struct value_losses {
  nn::detail::loss_step<nn::expectile> reward;
  nn::detail::loss_step<nn::reversed_expectile> safety;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& loss_r, X& loss_h, X& slope_r, X& slope_h, X const& v, X const& vh, X const& q,
                                            X const& qh) const {
    reward(loss_r, slope_r, v, q);
    safety(loss_h, slope_h, vh, qh);
  }
};

/// r and h become the targets of Q_r and Q_h.
struct back_up {
  reward_backup reward;
  safety_backup safety;
  bool reach;  ///< or Q_h sums costs
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& r, X& h, X const& mask, X const& next_v, X const& next_vh) const {
    r = reward(r, mask, next_v);
    h = reach ? safety(h, mask, next_vh) : reward_backup{safety.discount}(h, mask, next_vh);
  }
};

/// Where the dropout masks of an actor step come from: 100 streams for each.
template <class Space>
struct fisor_dropout {
  vector_view<std::uint64_t const, Space> seed;  // (G)
  vector_view<index_t const, Space> clock;       // (G)
  index_t actor_steps, step;
  index_t first_row;
  PARAPET_FN philox_stream stream(index_t g, index_t mask) const {
    return philox_stream(seed[g], 1000 + 100 * static_cast<std::uint64_t>(clock[g] * actor_steps + step) + static_cast<std::uint64_t>(mask));
  }
};

/// What is told of an update of a seed: losses of the actor, V_r, Q_r, V_h and Q_h, and the sums of w and w^2.
inline constexpr index_t fisor_loss_numbers = 7;

/// Sums over rows, of each shard.
template <class T, class Space>
struct fisor_sums {
  matrix_view<T, Space> actor;             // (shards, G)
  tensor_view<T, 3, Space> weight;         // (shards, 2, G)    w, w^2
  tensor_view<T, 3, Space> value, critic;  // (shards, G, 2)    of reward, of safety
};

/// Ends an update: adds up the shards, and the clock goes on.
template <class T, class Space>
struct finish_update {
  fisor_sums<T, Space> sums;
  matrix_view<double, Space> losses;  // (G, fisor_loss_numbers)
  vector_view<index_t, Space> clock;
  PARAPET_FN void operator()(index_t g) const {
    for (index_t i = 0; i < fisor_loss_numbers; ++i) losses(g, i) = 0;
    for (index_t shard = 0; shard < sums.actor.extent(0); ++shard) {
      losses(g, 0) += static_cast<double>(sums.actor(shard, g));
      losses(g, 1) += static_cast<double>(sums.value(shard, g, 0));
      losses(g, 2) += static_cast<double>(sums.critic(shard, g, 0));
      losses(g, 3) += static_cast<double>(sums.value(shard, g, 1));
      losses(g, 4) += static_cast<double>(sums.critic(shard, g, 1));
      losses(g, 5) += static_cast<double>(sums.weight(shard, 0, g));
      losses(g, 6) += static_cast<double>(sums.weight(shard, 1, g));
    }
    ++clock[g];
  }
};

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::rl
