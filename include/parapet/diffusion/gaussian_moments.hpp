// What a plan makes of Gaussian data, exactly and without sampling.
//
// For x_0 ~ N(m, S^2) the best prediction is affine in x,
//
//     E[x_0 | x] = m + alpha S^2 (x - alpha m) / V,    V = alpha^2 S^2 + sigma^2
//
// so every slot of a plan stays an affine function of the draws. Following its constant and its weight of each draw gives mean
// and variance of the result: the bias of a sampler, as numbers.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

struct gaussian_moments {
  double mean, variance;
};

/// Data x_0 ~ N(mean, deviation^2), in each dimension.
struct gaussian_data {
  double mean = 0, deviation = 1;

  /// E[x_0 | x] = slope x + offset.
  double slope(noise_level const& l) const { return l.alpha * deviation * deviation / variance(l); }
  double offset(noise_level const& l) const { return mean * l.sigma * l.sigma / variance(l); }
  /// Of x at a level.
  double variance(noise_level const& l) const { return l.alpha * l.alpha * deviation * deviation + l.sigma * l.sigma; }
  /// Where the probability-flow ODE takes x from one level to another.
  double flow(double x, noise_level const& from, noise_level const& to) const {
    return to.alpha * mean + std::sqrt(variance(to) / variance(from)) * (x - from.alpha * mean);
  }
};

/// Mean and variance of the result of `plan` from N(0, plan.initial_deviation^2), with the best denoiser for `data`. Takes
/// time and memory of (steps of the plan) x (draws of the plan).
inline gaussian_moments moments_of(sampling_plan const& plan, gaussian_data const& data) {
  auto const draws = static_cast<std::size_t>(plan.draws());
  using affine = std::vector<double>;  // constant, weight of the initial noise, weights of the draws
  std::vector<affine> slot(static_cast<std::size_t>(plan.slots), affine(draws + 2));
  slot[0][1] = plan.initial_deviation;
  affine m(draws + 2), epsilon(draws + 2), result(draws + 2);
  std::size_t draw = 0;
  for (sampling_step const& step : plan.steps) {
    noise_level const& l = step.level;
    if (step.evaluates) {
      affine const& x = slot[static_cast<std::size_t>(step.from)];
      conversion const to_m = convert(predicts_data, step.as, l);
      for (std::size_t k = 0; k < x.size(); ++k) {
        double const x0 = data.slope(l) * x[k] + (k == 0 ? data.offset(l) : 0);
        m[k] = to_m.x_factor * x[k] + to_m.factor * x0;
        epsilon[k] = l.sigma > 0 ? (x[k] - l.alpha * x0) / l.sigma : 0;
      }
    }
    for (double& r : result) r = 0;
    for (term const& t : step.terms) {
      affine const& from = t.slot == fresh ? m : t.slot == model_noise ? epsilon : slot[static_cast<std::size_t>(t.slot)];
      for (std::size_t k = 0; k < result.size(); ++k) result[k] += t.factor * from[k];
    }
    if (step.noise != 0) result[2 + draw++] += step.noise;
    slot[static_cast<std::size_t>(step.target)] = result;
    if (step.keep != nowhere) slot[static_cast<std::size_t>(step.keep)] = m;
  }
  gaussian_moments out{slot[0][0], 0};
  for (std::size_t k = 1; k < slot[0].size(); ++k) out.variance += slot[0][k] * slot[0][k];
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
