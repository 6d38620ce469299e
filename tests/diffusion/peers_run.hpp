// How the cases of peers.hpp are run, on the CPU and in one scalar: what costs compile time.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/dynamic_threshold.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>

#include "diffusion/peers.hpp"
#include "support/tensor.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace peers {

using support::tensor;

inline constexpr index_t rows = 2, dimension = 3;

/// Draw k is elements 6 k .. 6 k + 5 of the stream, in double.
template <class T>
struct fill_draw {
  matrix_view<T> z;
  index_t draw;
  double factor;
  void operator()(index_t row, index_t column) const {
    index_t const i = rows * dimension * draw + dimension * row + column;
    philox_block const b = philox_stream(4, 0).block(i / 4);
    int const pair = static_cast<int>(i % 4) & 2;
    double const radius = std::sqrt(-2 * std::log(static_cast<double>(to_uniform(b.word[pair]))));
    double const angle = 6.283185307179586477 * static_cast<double>(to_uniform(b.word[pair + 1]));
    z(row, column) = static_cast<T>(factor * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle)));
  }
};
struct golden_noise {
  template <class T>
  void operator()(backend::cpu& be, index_t draw, matrix_view<T> const& z) const { for_each_index(be, z.shape(), fill_draw<T>{z, draw, 1}); }
};

/// data * E[x_0 | x] + noise * E[z | x] + own * x of the mixture, for x = alpha x_0 + sigma z; x may come scaled.
template <class T>
struct predict_row {
  matrix_view<T const> x;
  matrix_view<T> out;
  double alpha, sigma, data, noise, own, scale;
  void operator()(index_t row) const {
    constexpr double weight[] = {0.5, 0.3, 0.2}, deviation[] = {0.3, 0.5, 0.2};
    constexpr double mean[3][3] = {{-1.5, 0.5, 1.0}, {1.25, -0.75, 0.25}, {0.5, 1.5, -1.25}};
    double variance[3], log_weight[3], top = -1e300, total = 0, gap[3][3];
    for (int k = 0; k < 3; ++k) {
      variance[k] = alpha * alpha * deviation[k] * deviation[k] + sigma * sigma;
      double square = 0;
      for (int d = 0; d < 3; ++d) {
        gap[k][d] = static_cast<double>(x(row, d)) / scale - alpha * mean[k][d];
        square += gap[k][d] * gap[k][d];
      }
      log_weight[k] = std::log(weight[k]) - 0.5 * square / variance[k] - 1.5 * std::log(variance[k]);
      top = log_weight[k] > top ? log_weight[k] : top;
    }
    for (int k = 0; k < 3; ++k) total += log_weight[k] = std::exp(log_weight[k] - top);
    for (int d = 0; d < 3; ++d) {
      double x0 = 0, epsilon = 0;
      for (int k = 0; k < 3; ++k) {
        double const share = log_weight[k] / total / variance[k];
        x0 += share * (variance[k] * mean[k][d] + alpha * deviation[k] * deviation[k] * gap[k][d]);
        epsilon += share * sigma * gap[k][d];
      }
      out(row, d) = static_cast<T>(data * x0 + noise * epsilon + own * static_cast<double>(x(row, d)) / scale);
    }
  }
};

/// A parameterization chosen at run time, so that one instantiation serves all cases that do not scale their input.
struct any_prediction {
  model kind;
  prediction operator()(noise_level const& l) const {
    switch (kind) {
      case model::data: return data_prediction{}(l);
      case model::v: return v_prediction{}(l);
      case model::flow: return flow_prediction{}(l);
      default: return epsilon_prediction{}(l);
    }
  }
};
/// The same of networks that want scaled input. diffusers' v_prediction of EDM schedulers has the other sign of c_out.
struct any_preconditioned {
  model kind;
  double sigma_data;
  prediction operator()(noise_level const& l) const {
    if (kind == model::consistency) return consistency_preconditioning{sigma_data, 0.002}(l);
    double const sign = kind == model::negative_edm ? -1 : 1;
    prediction const p = edm_preconditioning{sigma_data}(l);
    return {sign * p.data, sign * p.noise};
  }
  double input_scale(noise_level const& l) const {
    return kind == model::consistency ? consistency_preconditioning{sigma_data, 0.002}.input_scale(l) : edm_preconditioning{sigma_data}.input_scale(l);
  }
};

/// The exact denoiser as a network of this kind.
template <class T>
struct network {
  model kind;
  double sigma_data;
  matrix_view<T> out;
  matrix_view<T const> operator()(backend::cpu& be, matrix_view<T const> const& x, noise_level const& l) const {
    predict_row<T> f{x, out, l.alpha, l.sigma, 0, 1, 0, 1};
    double const length = std::hypot(l.alpha, l.sigma), s = l.sigma / l.alpha;
    if (kind == model::data) f.data = 1, f.noise = 0;
    if (kind == model::v) f.data = -l.sigma / length, f.noise = l.alpha / length;
    if (kind == model::flow) f.data = -1;
    if (kind == model::edm || kind == model::negative_edm) {  // (x_0 - c_skip x) / c_out, on levels of alpha = 1
      double const root = std::hypot(s, sigma_data), c_out = (kind == model::edm ? 1 : -1) * s * sigma_data / root;
      f.scale = 1 / root, f.noise = 0, f.data = 1 / c_out, f.own = -sigma_data * sigma_data / (root * root) / c_out;
    }
    if (kind == model::consistency) f.scale = 1 / std::hypot(s, sigma_data);
    for_each_index(be, extents<1>{{rows}}, f);
    return out;
  }
};

/// x after every step of the plan, in the peer's scale.
template <class T, class Parameterization, class... Hooks>
std::vector<tensor<double, 2>> run(peer_case const& c, sampling_plan const& plan, double start, Parameterization const& p, Hooks const&... hooks) {
  backend::cpu be(1);
  std::vector<tensor<double, 2>> path;
  tensor<T, 2> x(extents{rows, dimension}), out(x.shape());
  auto const record = [&](backend::cpu&, matrix_view<T> const& now, sampling_progress const& progress) {
    double const unit = c.over_alpha ? progress.level.alpha : 1;
    path.push_back(support::generate<double>(now.shape(), [&](index_t i) { return static_cast<double>(now.data()[i]) / unit; }));
  };
  sampler const s(plan, p, hooks..., on_step{record});
  arena<> memory;
  auto const work = parapet::plan(memory, [&](auto& m) { return s.template make_workspace<T>(m, rows, dimension); });
  for_each_index(be, x.shape(), fill_draw<T>{x.view(), 0, start * (c.over_alpha ? plan.start.alpha : 1)});
  s.run_from(be, network<T>{c.kind, c.sigma_data, out.view()}, golden_noise{}, x.view(), work);
  return path;
}

template <class T>
std::vector<tensor<double, 2>> path_of(peer_case const& c, sampling_plan const& plan, double start) {
  if (c.threshold) return run<T>(c, plan, start, any_prediction{c.kind}, dynamic_threshold{.quantile = 0.8, .limit = 1, .most = 1.25});
  if (c.sigma_data != 0) return run<T>(c, plan, start, any_preconditioned{c.kind, c.sigma_data}, clip_data{c.clip > 0 ? c.clip : HUGE_VAL});
  if (c.clip != 0) return run<T>(c, plan, start, any_prediction{c.kind}, clip_data{c.clip});
  return run<T>(c, plan, start, any_prediction{c.kind});
}

}  // namespace peers
