// Latent consistency models: a discrete diffusion distilled into a consistency model, whose boundary is in the sampler.
//
//     x_0' = c_skip x + c_out x_0(x),    x' = alpha' x_0' + sigma' z
//     c_skip = d^2 / (q^2 + d^2),  c_out = q / sqrt(q^2 + d^2),  q = scaling * step of the discrete schedule,  d = sigma_data
//
// Luo, Tan, Huang, Li, Zhao, "Latent consistency models" (2023); diffusers, LCMScheduler.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct lcm {
  double scaling = 10;
  double sigma_data = 0.5;

  /// Throws argument_error for levels that are not of a discrete schedule.
  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "lcm"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& to = levels[i + 1];
      if (levels[i].step < 0) throw argument_error(parapet::detail::concat("lcm: noise level ", i, " is no step of a discrete schedule"));
      double const q = scaling * static_cast<double>(levels[i].step), length = std::hypot(q, sigma_data);
      double const c_skip = sigma_data * sigma_data / (length * length), c_out = q / length;
      plan.steps.push_back({.level = levels[i], .terms = {{0, to.alpha * c_skip}, {fresh, to.alpha * c_out}}, .noise = to.sigma, .reached = to});
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
