// DDIM from data to noise, starting at data without noise:
//
//     x_t = (a_t / a_s) x_s + (b_t - a_t b_s / a_s) epsilon(x_s, t)                     (s to t, b = sigma, noise grows)
//
// make_plan(ddim{}, reversed(levels)) asks the model at x_s and the level that it has, which does not exist for data that has no noise: epsilon
// is undetermined at sigma = 0. This asks at the level that the step goes to, as if x_s were there already: of order 1 too, and no
// exact inverse of ddim either.
//
// Mokady et al., "Null-text inversion" (2023), eq. 3; diffusers, DDIMInverseScheduler.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

struct ddim_inverse {
  /// Throws argument_error for levels that do not gain noise.
  sampling_plan compile(level_list const& levels) const {
    if (loses_noise(levels)) throw argument_error("ddim_inverse: levels lose noise, expected them from data to noise: reversed(levels)");
    sampling_plan plan{.name = "ddim_inverse"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& from = levels[i];
      noise_level const& to = levels[i + 1];
      double const ratio = to.alpha / from.alpha;
      plan.steps.push_back({.level = to, .as = predicts_noise, .terms = {{0, ratio}, {fresh, to.sigma - ratio * from.sigma}}, .reached = to});
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
