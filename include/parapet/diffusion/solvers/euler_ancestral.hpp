// Euler's method with ancestral noise, in y = x / alpha, s = sigma / alpha:
//
//     y' = y + (down - s) (y - x_0) / s + up z              (down, up: solvers/ancestral.hpp)
//
// k-diffusion, sample_euler_ancestral. Without noise (eta = 0) it is ddim{}.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

struct euler_ancestral {
  double eta = 1;
  double noise = 1;  ///< factor of the noise

  sampling_plan compile(level_list const& levels) const {
    detail::check_ancestral("euler_ancestral", eta, noise, levels);
    sampling_plan plan{.name = "euler_ancestral"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& from = levels[i];
      noise_level const& to = levels[i + 1];
      auto const [down, up] = detail::split_ancestral(relative_noise(from), relative_noise(to), eta);
      sampling_step step{.level = from, .terms = detail::euler_terms(from, to.alpha, down), .reached = to};
      detail::add_noise(step, to.alpha, noise * up, from, to);
      plan.steps.push_back(step);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
