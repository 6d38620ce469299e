// First-order optimisers on flat buffers: Adam, AdamW, and SGD with momentum.
//
// Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019), step t = 1, 2, ...:
//
//     m = m + (1 - beta1) (g - m),   v = v + (1 - beta2) (g^2 - v)
//     p = p - rate (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + weight_decay p)
//
// as in optax.adamw. Every step is one elementwise pass, so that slices of a buffer may be updated apart, on any
// threads, with the same bits. `update_from_shards` also sums the gradients of a batch's shards and moves a target.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/nn/average.hpp>

#include <cmath>
#include <tuple>
#include <utility>

namespace parapet::inline PARAPET_ABI::nn {

/// Options of Adam; with weight_decay > 0, of AdamW.
struct adam {
  double learning_rate = 3e-4, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  ///< decoupled: scaled by the learning rate, not by the moments
};

/// Options of SGD. u = momentum u + g + weight_decay p; p = p - rate u, or with nesterov rate (g + momentum u).
struct sgd {
  double learning_rate = 1e-2, momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;  ///< added to the gradient
};

/// State of an optimiser, zero at the start: m and v of Adam; `first` alone for SGD's velocity. Each (n).
template <class T, class Space = host_space>
struct moments {
  vector_view<T, Space> first, second;

  /// The part of the state that belongs to parameters [begin, end).
  moments rows(index_t begin, index_t end) const {
    return {first.rows(begin, end), second.extent(0) == 0 ? second : second.rows(begin, end)};
  }
};

namespace detail {

// Sums are written with one product each, so that a compiler that fuses multiply and add has no choice.
struct adam_step {
  double one_minus_beta1, one_minus_beta2, rate, inverse_second_correction, epsilon, decay;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& p, X& m, X& v, X const& g) const {
    advance(p, m, v, g, X(rate), X(inverse_second_correction), X(decay));
  }
  /// The same with the numbers that depend on the step from elsewhere.
  template <class X>
  PARAPET_INLINE PARAPET_FN void advance(X& p, X& m, X& v, X const& g, X const& now_rate, X const& now_correction, X const& now_decay) const {
    m = m + X(one_minus_beta1) * (g - m);
    v = v + X(one_minus_beta2) * (g * g - v);
    p = p - (now_rate * m / (math::sqrt(v * now_correction) + X(epsilon)) + now_decay * p);
  }
};
PARAPET_FN inline adam_step make_step(adam const& o, double learning_rate, index_t step) {
  auto const t = static_cast<double>(step);
  return {1.0 - o.beta1, 1.0 - o.beta2, learning_rate / (1.0 - std::pow(o.beta1, t)),
          1.0 / (1.0 - std::pow(o.beta2, t)), o.epsilon, learning_rate * o.weight_decay};
}

struct sgd_step {
  double rate, momentum, decay;
  bool nesterov;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& p, X& u, X const& g) const {
    X const slope = g + X(decay) * p;
    u = slope + X(momentum) * u;
    p = p - X(rate) * (nesterov ? slope + X(momentum) * u : u);
  }
};
inline sgd_step make_step(sgd const& o, double learning_rate, index_t) {
  return {learning_rate, o.momentum, o.weight_decay, o.nesterov};
}

template <class T, class Space>
auto state_views(adam const&, moments<T, Space> const& state) {
  return std::tuple{state.first, state.second};
}
template <class T, class Space>
auto state_views(sgd const&, moments<T, Space> const& state) {
  return std::tuple{state.first};
}

struct scale_in_place {
  double factor;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x) const { x = X(factor) * x; }
};

/// g[0] + ... + g[N - 1] as a balanced tree.
template <int N, class X>
PARAPET_INLINE PARAPET_FN X tree_sum(X const* g) {
  if constexpr (N == 1) return g[0];
  else return tree_sum<N / 2>(g) + tree_sum<N - N / 2>(g + N / 2);
}

/// A step on the sum of several gradients: f(p, state..., g...).
template <class Step, int Shards>
struct summed_step {
  Step step;
  template <class X, class... Xs>
    requires(sizeof...(Xs) == Shards)
  PARAPET_INLINE PARAPET_FN void operator()(X& p, X& u, Xs const&... gradients) const {
    X const g[] = {gradients...};
    step(p, u, tree_sum<Shards>(g));
  }
  template <class X, class... Xs>
    requires(sizeof...(Xs) == Shards)
  PARAPET_INLINE PARAPET_FN void operator()(X& p, X& m, X& v, Xs const&... gradients) const {
    X const g[] = {gradients...};
    step(p, m, v, tree_sum<Shards>(g));
  }
};

/// A step of Adam on the sum of several gradients, with numbers of the step from memory: f(p, m, v, numbers..., g...).
template <int Shards>
struct scheduled_adam_step {
  adam_step rule;  ///< its own rate, correction and decay are not read
  template <class X, class... Xs>
    requires(sizeof...(Xs) == Shards)
  PARAPET_INLINE PARAPET_FN void operator()(X& p, X& m, X& v, X const& rate, X const& correction, X const& decay,
                                            Xs const&... gradients) const {
    X const g[] = {gradients...};
    rule.advance(p, m, v, tree_sum<Shards>(g), rate, correction, decay);
  }
};

/// f(std::index_sequence<0, .., shards - 1>). Throws argument_error unless there are 1, 2, 4 or 8 shards.
template <class F>
void with_shards(index_t shards, F const& f) {
  switch (shards) {
    case 1: return f(std::make_index_sequence<1>{});
    case 2: return f(std::make_index_sequence<2>{});
    case 4: return f(std::make_index_sequence<4>{});
    case 8: return f(std::make_index_sequence<8>{});
  }
  throw argument_error(parapet::detail::concat("update_from_shards: gradients of ", shards, " shards, expected 1, 2, 4 or 8"));
}

/// A step that then moves a target towards the new parameters: f(target, p, ...).
template <class Step>
struct averaged_step {
  Step step;
  average_step average;
  template <class X, class... Xs>
  PARAPET_INLINE PARAPET_FN void operator()(X& target, X& p, Xs&... rest) const {
    step(p, rest...);
    average(target, p);
  }
};

}  // namespace detail

/// One step of `rule` (adam or sgd) with the given learning rate; `step` counts from 1. All views (n), or the same
/// slice of each. Throws shape_error.
template <class Backend, class Rule, class T, class Space>
void update(Backend& be, Rule const& rule, double learning_rate, index_t step,
            vector_view<T, Space> const& parameters, moments<T, Space> const& state,
            vector_view<T const, Space> const& gradient) {
  std::apply([&](auto const&... s) { map(be, detail::make_step(rule, learning_rate, step), parameters, s..., gradient); },
             detail::state_views(rule, state));
}

/// A target that follows the parameters, or none: target (n) = target + rate (parameters - target).
template <class T, class Space = host_space>
struct follower {
  vector_view<T, Space> target = {};
  double rate = 0;
};

/// `update` with the sum of the rows of `gradients` (shards, n), taken as a balanced tree, and then update_average of
/// `follow.target` unless it is empty; one pass over memory. Throws shape_error, and argument_error unless there are
/// 1, 2, 4 or 8 shards.
template <class Backend, class Rule, class T, class Space>
void update_from_shards(Backend& be, Rule const& rule, double learning_rate, index_t step,
                        vector_view<T, Space> const& parameters, moments<T, Space> const& state,
                        matrix_view<T const, Space> const& gradients, follower<T, Space> const& follow = {}) {
  detail::with_shards(gradients.extent(0), [&]<std::size_t... Shard>(std::index_sequence<Shard...>) {
    auto const one = detail::make_step(rule, learning_rate, step);
    detail::summed_step<std::remove_const_t<decltype(one)>, sizeof...(Shard)> const f{one};
    std::apply(
        [&](auto const&... s) {
          if (follow.target.empty())
            map(be, f, parameters, s..., gradients(static_cast<index_t>(Shard))...);
          else
            map(be, detail::averaged_step<std::remove_const_t<decltype(f)>>{f, {follow.rate}}, follow.target, parameters, s...,
                gradients(static_cast<index_t>(Shard))...);
        },
        detail::state_views(rule, state));
  });
}

/// The numbers of Adam that depend on the step, for one that is recorded once and launched again and again: they lie in memory of
/// the backend. Writes the three of step number `step` (from 1) to numbers(0, 1, 2), on whatever the backend computes.
template <class T, class Space>
PARAPET_FN void write_adam_numbers(adam const& rule, double learning_rate, index_t step, vector_view<T, Space> const& numbers) {
  detail::adam_step const now = detail::make_step(rule, learning_rate, step);
  numbers[0] = static_cast<T>(now.rate);
  numbers[1] = static_cast<T>(now.inverse_second_correction);
  numbers[2] = static_cast<T>(now.decay);
}

/// update_from_shards of Adam with the numbers (3) of write_adam_numbers.
template <class Backend, class T, class Space>
void update_from_shards(Backend& be, adam const& rule, vector_view<T const, Space> const& numbers, vector_view<T, Space> const& parameters,
                        moments<T, Space> const& state, matrix_view<T const, Space> const& gradients,
                        follower<T, Space> const& follow = {}) {
  check_shape("update_from_shards: numbers of the step", numbers.shape(), extents{index_t{3}});
  auto const number = [&](index_t i) {
    return vector_view<T const, Space>(numbers.data() + i, parameters.shape(), extents{index_t{0}});
  };
  detail::with_shards(gradients.extent(0), [&]<std::size_t... Shard>(std::index_sequence<Shard...>) {
    detail::scheduled_adam_step<sizeof...(Shard)> const f{detail::make_step(rule, 0, 1)};
    if (follow.target.empty())
      map(be, f, parameters, state.first, state.second, number(0), number(1), number(2), gradients(static_cast<index_t>(Shard))...);
    else
      map(be, detail::averaged_step<std::remove_const_t<decltype(f)>>{f, {follow.rate}}, follow.target, parameters, state.first, state.second,
          number(0), number(1), number(2), gradients(static_cast<index_t>(Shard))...);
  });
}

/// Euclidean norm of a gradient (n).
template <class Backend, class T, class Space>
std::remove_const_t<T> global_norm(Backend& be, vector_view<T, Space> const& gradient) {
  return std::sqrt(sum(be, gradient, math::square{}));
}

/// Scales the gradient (n) down to norm `limit` where it is longer. Returns the norm that it had; a gradient whose norm
/// is NaN stays as it is.
template <class Backend, class T, class Space>
T clip_by_global_norm(Backend& be, vector_view<T, Space> const& gradient, double limit) {
  T const norm = global_norm(be, gradient);
  if (norm > static_cast<T>(limit)) map(be, detail::scale_in_place{limit / static_cast<double>(norm)}, gradient);
  return norm;
}

}  // namespace parapet::inline PARAPET_ABI::nn
