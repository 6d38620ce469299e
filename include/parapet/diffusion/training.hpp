// Training of a denoiser, whatever it predicts: noisy inputs, targets, and a weighted squared error.
//
//     x = alpha a + sigma z,    target = A a + B z,    loss = mean over rows of w omega(level) |r(x, level) - target|^2
//
// (A, B) is the parameterization (parameterization.hpp), w an energy weight of the row or 1, omega a weight of the level:
//
//     uniform_level_weight    1. For edm_preconditioning this is EDM's own weight
//     min_snr                 min(SNR, gamma) / |d prediction / d data|^2: Hang et al., "Efficient diffusion training via
//                             min-SNR weighting" (ICCV 2023), for every parameterization
//
// Rectified flow (Liu et al., 2023; Lipman et al., 2023) is flow_prediction at the levels of flow_levels. z may be given instead of
// drawn: pairs of a sampler's noise and what it made of it (distillation.hpp) give reflow.
//
// Levels are a table, so that a row's level is an index from fill_below on any backend; a distribution of levels is a table of its quantiles.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/nn/loss.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::diffusion {

struct uniform_level_weight {
  double operator()(noise_level const&, prediction const&) const { return 1; }
};
struct min_snr {
  double gamma = 5;
  double operator()(noise_level const& l, prediction const& p) const {
    double const to_data = convert(p, predicts_data, l).factor, snr = l.alpha * l.alpha / (l.sigma * l.sigma);
    return std::min(snr, gamma) * to_data * to_data;
  }
};

// Distributions of levels, as callables u in (0, 1) -> level ---------------------------------------------------------

namespace detail {
/// Quantile of the standard normal distribution, by Newton's method from the logistic one's.
inline double normal_quantile(double u) {
  double x = std::log(u / (1 - u)) / 1.702;
  for (int i = 0; i < 60; ++i) {
    double const error = 0.5 * std::erfc(-x * 0.70710678118654752) - u;
    double const step = error / (0.39894228040143268 * std::exp(-0.5 * x * x));
    x -= std::clamp(step, -0.5, 0.5);
    if (std::abs(step) < 1e-14) break;
  }
  return x;
}
}  // namespace detail

/// Times uniform between the ends of a schedule.
template <schedule S>
struct uniform_time {
  S schedule = {};
  noise_level operator()(double u) const { return level_at(schedule, schedule.t_min + u * (schedule.t_max - schedule.t_min)); }
};
template <schedule S>
uniform_time(S) -> uniform_time<S>;

/// log sigma normal, alpha 1: EDM's.
struct lognormal_sigma {
  double mean = -1.2, deviation = 1.2;
  noise_level operator()(double u) const {
    double const sigma = std::exp(mean + deviation * detail::normal_quantile(u));
    return {1, sigma, sigma};
  }
};
/// alpha = 1 - t, sigma = t with t uniform.
struct uniform_flow {
  noise_level operator()(double u) const { return {1 - u, u, u}; }
};
/// The same with logit t normal: Esser et al., "Scaling rectified flow transformers" (2024).
struct logit_normal_flow {
  double mean = 0, deviation = 1;
  noise_level operator()(double u) const { return uniform_flow{}(1 / (1 + std::exp(-mean - deviation * detail::normal_quantile(u)))); }
};

/// `count` levels in the middle of equally probable intervals of `distribution`. Throws argument_error for fewer than 1.
template <class Distribution>
level_list quantile_levels(Distribution const& distribution, index_t count) {
  if (count < 1) throw argument_error(parapet::detail::concat("quantile_levels: ", count, " levels, expected at least 1"));
  level_list levels;
  for (index_t i = 0; i < count; ++i) {
    levels.push_back(distribution((static_cast<double>(i) + 0.5) / static_cast<double>(count)));
    levels.back().step = i;
  }
  return levels;
}

// ------------------------------------------------------------------------------------------------------------------

/// What the kernels need of every level, in the backend's memory: alpha, sigma, A, B, omega, input scale and network time.
template <class T, class Space = host_space>
class training_levels {
public:
  static constexpr int columns = 7;

  /// The network is told time_network::time_of(level). Throws argument_error for no levels, for one without noise, or where a
  /// factor is not finite.
  template <class Backend, parameterization Parameterization, class Weight = uniform_level_weight>
  training_levels(Backend& be, level_list const& levels, Parameterization const& parameterization, Weight const& weight = {})
      : size_(static_cast<index_t>(levels.size())), memory_(size_ * columns) {
    if (levels.empty()) throw argument_error("training_levels: no levels");
    for (index_t i = 0; i < size_; ++i) {
      noise_level const& l = levels[static_cast<std::size_t>(i)];
      prediction const p = parameterization(l);
      double input_scale = 1;
      if constexpr (scales_input<Parameterization>) input_scale = parameterization.input_scale(l);
      double const values[columns] = {l.alpha, l.sigma, p.data, p.noise, l.sigma > 0 ? weight(l, p) : 1, input_scale, time_network::time_of(l)};
      for (index_t c = 0; c < columns; ++c) {
        if (!(l.sigma > 0) || !std::isfinite(values[c]))
          throw argument_error(parapet::detail::concat("training_levels: level ", i, " with alpha = ", l.alpha,
                                                       " and sigma = ", l.sigma, " cannot be trained on"));
        fill(be, memory_.view().rows(i * columns + c, i * columns + c + 1), static_cast<T>(values[c]));
      }
    }
  }

  index_t size() const { return size_; }
  matrix_view<T const, Space> table() const { return memory_.view(extents{size_, index_t{columns}}); }

private:
  index_t size_;
  buffer<T, Space> memory_;
};

/// Views of one batch: what is fed to the network and what it should answer. The caller owns the memory.
template <class T, class Space = host_space>
struct training_batch {
  matrix_view<T, Space> x;       // (rows, D)   input of the network, scaled where the parameterization says so
  vector_view<T, Space> time;    // (rows)      its time
  matrix_view<T, Space> target;  // (rows, D)
  vector_view<T, Space> weight;  // (rows)
};

namespace detail {

template <class T, class Space>
struct noise_element {
  matrix_view<T const, Space> table;
  vector_view<index_t const, Space> which;
  matrix_view<T const, Space> data, z;
  training_batch<T, Space> batch;
  PARAPET_FN void operator()(index_t row, index_t i) const {
    index_t const l = which[row];
    T const a = data(row, i), noise = z(row, i);
    batch.x(row, i) = table(l, 5) * (table(l, 0) * a + table(l, 1) * noise);
    batch.target(row, i) = table(l, 2) * a + table(l, 3) * noise;
    if (i != 0) return;
    batch.weight[row] = table(l, 4);
    batch.time[row] = table(l, 6);
  }
};

struct weigh_by {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& x) const { y = y * x; }
};

}  // namespace detail

/// Fills a batch from data a and noise z (rows, D), row r at level which[r] of the table. Rows are weighed by `weights` (rows) too,
/// unless that is empty. Throws shape_error.
template <class Backend, class T, class Space>
void noise_samples(Backend& be, training_levels<T, Space> const& levels, vector_view<index_t const, Space> const& which,
                   std::type_identity_t<matrix_view<T const, Space>> const& data, std::type_identity_t<matrix_view<T const, Space>> const& z,
                   training_batch<T, Space> const& batch, std::type_identity_t<vector_view<T const, Space>> const& weights = {}) {
  index_t const rows = data.extent(0);
  check_shape("noise_samples: noise", z.shape(), data.shape());
  check_shape("noise_samples: x", batch.x.shape(), data.shape());
  check_shape("noise_samples: target", batch.target.shape(), data.shape());
  check_shape("noise_samples: levels of rows", which.shape(), extents{rows});
  check_shape("noise_samples: time", batch.time.shape(), extents{rows});
  check_shape("noise_samples: weight", batch.weight.shape(), extents{rows});
  for_each_index(be, data.shape(), detail::noise_element<T, Space>{levels.table(), which, data, z, batch});
  if (weights.extent(0) != 0) map(be, detail::weigh_by{}, batch.weight, weights);
}

/// values = scale * weight |answer - target|^2, element by element, and its derivative by the answer in danswer; all (rows, D). A
/// shard scales by one over the rows of the whole batch. Throws shape_error.
template <class Backend, class T, class Space>
void denoising_loss(Backend& be, double scale, std::type_identity_t<matrix_view<T const, Space>> const& answer,
                    training_batch<T, Space> const& batch, matrix_view<T, Space> const& values, matrix_view<T, Space> const& danswer) {
  check_shape("denoising_loss: answer", answer.shape(), batch.target.shape());
  matrix_view<T const, Space> const weight(batch.weight.data(), batch.target.shape(), extents{batch.weight.stride(0), index_t{0}});
  nn::evaluate(be, nn::squared_error{}, scale, answer, matrix_view<T const, Space>(batch.target), weight, values, danswer);
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
