// DPM-Solver++ of order 2 in one step, with ancestral noise; y = x / alpha, s = sigma / alpha:
//
//     u = (m / s) y + (1 - m / s) x_0(y, s),    y' = (down / s) y + (1 - down / s) x_0(u, m) + up z,    m = sqrt(s down)
//
// (down, up: solvers/ancestral.hpp). eta = 0 is order 2 of the probability-flow ODE. Euler's step where down = 0.
//
// Lu et al., "DPM-Solver++" (2022), algorithm 1; k-diffusion, sample_dpmpp_2s_ancestral.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct dpm_pp_2s_ancestral {
  double eta = 1;
  double noise = 1;  ///< factor of the noise

  sampling_plan compile(level_list const& levels) const {
    detail::check_ancestral("dpm_pp_2s_ancestral", eta, noise, levels);
    sampling_plan plan{.name = "dpm_pp_2s_ancestral"};
    int const guess = plan.new_slot();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& from = levels[i];
      noise_level const& to = levels[i + 1];
      auto const [down, up] = detail::split_ancestral(relative_noise(from), relative_noise(to), eta);
      sampling_step last{.level = from, .terms = detail::euler_terms(from, to.alpha, down), .reached = to};
      if (down > 0) {
        double const middle = std::sqrt(relative_noise(from)) * std::sqrt(down);
        last.level = intermediate_level(from, to, middle);
        last.from = guess;
        plan.steps.push_back({.level = from, .target = guess, .terms = detail::euler_terms(from, last.level.alpha, middle), .completes = false});
      }
      detail::add_noise(last, to.alpha, noise * up, from, to);
      plan.steps.push_back(last);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
