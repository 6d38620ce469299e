// Sampling of a consistency model: to the data in one step, and back to the next level with fresh noise.
//
//     x' = alpha' (x_0(x) + sqrt(s'^2 - s_min^2) z),    s = sigma / alpha
//
// One step is one evaluation of the model and its answer; more of them refine it. With s_min = 0 and levels of a rectified
// flow this is diffusers' stochastic flow sampler.
//
// Song, Dhariwal, Chen, Sutskever, "Consistency models" (2023), algorithm 1.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <algorithm>
#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct consistency {
  double s_min = 0;  ///< noise that the model's data still has; 0.002 in the paper
  double noise = 1;  ///< factor of the noise

  sampling_plan compile(level_list const& levels) const {
    if (!(s_min >= 0 && noise >= 0))
      throw argument_error(parapet::detail::concat("consistency: s_min = ", s_min, ", noise = ", noise, ", expected at least 0"));
    sampling_plan plan{.name = "consistency"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& to = levels[i + 1];
      double const least = to.alpha * s_min;
      plan.steps.push_back({.level = levels[i], .terms = {{fresh, to.alpha}},
                            .noise = noise * std::sqrt(std::max(0.0, (to.sigma - least) * (to.sigma + least))), .reached = to});
    }
    return plan;
  }
};

/// The network F of a consistency model: x_0 = c_skip y + c_out F(c_in y), y = x / alpha, so that x_0 = y at s = s_min.
struct consistency_preconditioning {
  double sigma_data = 0.5;
  double s_min = 0.002;

  prediction operator()(noise_level const& l) const {
    double const s = relative_noise(l), c_skip = sigma_data * sigma_data / ((s - s_min) * (s - s_min) + sigma_data * sigma_data);
    double const c_out = (s - s_min) * sigma_data / std::hypot(s, sigma_data);
    return {(1 - c_skip) / c_out, -c_skip * s / c_out};
  }
  double input_scale(noise_level const& l) const { return 1 / (l.alpha * std::hypot(relative_noise(l), sigma_data)); }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
