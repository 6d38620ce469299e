// Ancestral sampling: from noise to data by the reversed Markov chain.
//
//     x_s ~ N( (a_st b_s^2 x_t + a_s b_ts^2 x_0) / b_t^2,  v ),    a_st = a_t / a_s,  b_ts^2 = 1 - a_st^2      (t to s, b = sigma)
//     v = b_ts^2                                     reverse_variance::beta         ("fixed large"; FISOR, IDQL)
//     v = b_ts^2 b_s^2 / b_t^2                       reverse_variance::posterior    ("fixed small"; default of diffusers)
//
// and no noise in the last step, to sigma = 0. On every level of a discrete schedule b_ts^2 is its beta; on fewer levels it
// is that of the steps taken together.
//
// Ho, Jain, Abbeel, "Denoising diffusion probabilistic models" (2020), algorithm 2 and section 3.2.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

enum class reverse_variance { beta, posterior };

struct ddpm {
  reverse_variance variance = reverse_variance::posterior;

  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "ddpm"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& t = levels[i];
      noise_level const& s = levels[i + 1];
      double const ratio = t.alpha / s.alpha, beta = 1 - ratio * ratio, total = t.sigma * t.sigma;
      sampling_step step{.level = t, .reached = s};
      step.terms = {{0, ratio * s.sigma * s.sigma / total}, {fresh, s.alpha * beta / total}};
      if (s.sigma > 0) step.noise = std::sqrt(variance == reverse_variance::beta ? beta : beta * s.sigma * s.sigma / total);
      step.noise_from = t.lambda();
      step.noise_to = s.lambda();
      plan.steps.push_back(step);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
