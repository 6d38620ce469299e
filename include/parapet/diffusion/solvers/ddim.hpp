// Implicit ancestral sampling: any amount of noise between none and DDPM's.
//
//     x_s = a_s x_0 + sqrt(b_s^2 - eta^2 v) epsilon + eta sqrt(v) z,    v = (b_s^2 / b_t^2) (1 - a_t^2 / a_s^2)      (t to s, b = sigma)
//
// eta = 0 is the first-order solver of the probability-flow ODE (DPM-Solver-1); eta = 1 is DDPM with its posterior variance.
//
// Song, Meng, Ermon, "Denoising diffusion implicit models" (2021), eq. 12 and 16.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct ddim {
  double eta = 0;
  /// Where hooks correct the predicted data: take epsilon from the corrected data, or as the model said (default of diffusers).
  bool corrected_noise = true;

  sampling_plan compile(level_list const& levels) const {
    if (!(eta >= 0)) throw argument_error(parapet::detail::concat("ddim: eta = ", eta, ", expected at least 0"));
    sampling_plan plan{.name = "ddim"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& t = levels[i];
      noise_level const& s = levels[i + 1];
      double const ratio = t.alpha / s.alpha, deviation = eta == 0 ? 0 : eta * s.sigma / t.sigma * std::sqrt(1 - ratio * ratio);
      double const rest = s.sigma * s.sigma - deviation * deviation;
      if (!(rest >= 0)) throw argument_error(parapet::detail::concat("ddim: eta = ", eta, " asks for more noise than there is at sigma = ", s.sigma));
      double const direction = std::sqrt(rest);
      sampling_step step{.level = t, .reached = s};
      if (corrected_noise) step.terms = {{0, direction / t.sigma}, {fresh, s.alpha - direction * t.alpha / t.sigma}};
      else step.terms = {{fresh, s.alpha}, {model_noise, direction}};
      step.noise = deviation;
      step.noise_from = t.lambda();
      step.noise_to = s.lambda();
      plan.steps.push_back(step);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
