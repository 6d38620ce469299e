// Discrete noise schedules: how fast a diffusion turns data into noise.
//
//     x_i = sqrt(alpha_bar_i) x_0 + sqrt(1 - alpha_bar_i) z,    alpha_bar_i = prod_{j <= i} (1 - beta_j),  i = 0 .. T - 1
//
// linear: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models" (2020). cosine: Nichol and Dhariwal, "Improved
// denoising diffusion probabilistic models" (2021), eq. 17. vp: the variance-preserving SDE of Song et al. (2021) cut
// into T steps as in Xiao et al. (2022), used by Diffusion-QL, IDQL and FISOR with T = 5. scaled_linear: Rombach et al.,
// "High-resolution image synthesis with latent diffusion models" (2022). zero_terminal_snr: Lin et al., "Common diffusion noise
// schedules and sample steps are flawed" (2024), algorithm 1.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

/// T values of beta, with their products in double: float32 products of 1 - beta lose digits as T grows.
class noise_schedule {
public:
  /// Takes any betas; throws argument_error unless there is one and each lies in (0, 1), the last in (0, 1].
  explicit noise_schedule(std::vector<double> betas) : beta_(std::move(betas)) {
    if (beta_.empty()) throw argument_error("noise_schedule: no steps");
    double product = 1;
    for (double const& beta : beta_) {
      if (!(beta > 0 && (beta < 1 || (beta == 1 && &beta == &beta_.back()))))
        throw argument_error(parapet::detail::concat("noise_schedule: beta ", beta, " outside (0, 1)"));
      alpha_bar_.push_back(product *= 1 - beta);
    }
  }

  /// beta_i = 1 - exp(-beta_min / T - (beta_max - beta_min) (2 i + 1) / (2 T^2))
  static noise_schedule vp(index_t steps, double beta_min = 0.1, double beta_max = 10) {
    auto const n = static_cast<double>(steps);
    return build(steps, [&](double i) {
      return -std::expm1(-beta_min / n - 0.5 * (beta_max - beta_min) * (2 * i + 1) / (n * n));
    });
  }
  /// beta from `first` to `last` in equal steps.
  static noise_schedule linear(index_t steps, double first = 1e-4, double last = 2e-2) {
    double const gap = steps > 1 ? (last - first) / static_cast<double>(steps - 1) : 0;
    return build(steps, [&](double i) { return first + gap * i; });
  }
  /// sqrt(beta) from sqrt(first) to sqrt(last) in equal steps.
  static noise_schedule scaled_linear(index_t steps, double first = 8.5e-4, double last = 1.2e-2) {
    double const gap = steps > 1 ? (std::sqrt(last) - std::sqrt(first)) / static_cast<double>(steps - 1) : 0;
    return build(steps, [&](double i) { return (std::sqrt(first) + gap * i) * (std::sqrt(first) + gap * i); });
  }
  /// beta from `first` to `last` along a logistic curve over [-range, range].
  static noise_schedule sigmoid(index_t steps, double first = 1e-4, double last = 2e-2, double range = 6) {
    double const gap = steps > 1 ? 2 * range / static_cast<double>(steps - 1) : 0;
    return build(steps, [&](double i) { return first + (last - first) / (1 + std::exp(range - gap * i)); });
  }
  /// alpha_bar(t) proportional to cos^2(pi / 2 (t + s) / (1 + s)), with beta at most `limit`; 1: not clipped, so that x_T is pure noise.
  static noise_schedule cosine(index_t steps, double s = 0.008, double limit = 0.999) {
    auto const alpha_bar = [&](double t) {
      double const c = std::cos((t + s) / (1 + s) * 1.57079632679489662);
      return c * c;
    };
    auto const n = static_cast<double>(steps);
    return build(steps, [&](double i) { return std::min(1 - alpha_bar((i + 1) / n) / alpha_bar(i / n), limit); });
  }

  /// The same schedule with sqrt(alpha_bar) shifted to end at 0 and scaled to begin as before: x_T is pure noise, so that
  /// training sees what sampling starts from. A model of epsilon cannot be asked at its last step; one of v or x_0 can.
  noise_schedule zero_terminal_snr() const {
    double const first = signal(0), last = signal(steps() - 1);
    if (steps() < 2) throw argument_error("noise_schedule: zero_terminal_snr of 1 step");
    std::vector<double> betas{beta(0)};
    auto const rescaled = [&](index_t i) { return (signal(i) - last) * first / (first - last); };
    for (index_t i = 1; i < steps(); ++i) betas.push_back(1 - std::pow(rescaled(i) / rescaled(i - 1), 2));
    return noise_schedule(std::move(betas));
  }

  index_t steps() const { return static_cast<index_t>(beta_.size()); }
  double beta(index_t i) const { return beta_[static_cast<std::size_t>(i)]; }
  double alpha_bar(index_t i) const { return i < 0 ? 1.0 : alpha_bar_[static_cast<std::size_t>(i)]; }

  /// Factors of data and of noise in x_i.
  double signal(index_t i) const { return std::sqrt(alpha_bar(i)); }
  double noise(index_t i) const { return std::sqrt(1 - alpha_bar(i)); }
  /// Step i as a level; -1 is data without noise.
  noise_level level(index_t i) const { return {signal(i), noise(i), static_cast<double>(i), i}; }
  /// All steps from T - 1 to 0, then data without noise.
  level_list levels() const {
    level_list all;
    for (index_t i = steps() - 1; i >= -1; --i) all.push_back(level(i));
    return all;
  }

private:
  template <class F>
  static noise_schedule build(index_t steps, F beta) {
    if (steps < 1) throw argument_error(parapet::detail::concat("noise_schedule: ", steps, " steps, expected at least 1"));
    std::vector<double> betas;
    for (index_t i = 0; i < steps; ++i) betas.push_back(beta(static_cast<double>(i)));
    return noise_schedule(std::move(betas));
  }

  std::vector<double> beta_, alpha_bar_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
