// DPM-Solver++ for the reverse SDE with two evaluations a step; y = x / alpha, s = sigma / alpha:
//
//     u  = (down_m / s) y + (1 - down_m / s) x_0(y, s) + up_m z_1                 to the middle m = s^(1-r) s'^r
//     y' = (down / s) y + (1 - down / s) ((1 - 1/2r) x_0(y, s) + 1/2r x_0(u, m)) + up z_2
//
// (down, up of each: solvers/ancestral.hpp). z_1 and z_2 are increments of one path from s, to m and to s': give the sampler a
// noise that knows that. Euler's step where s' = 0.
//
// k-diffusion, sample_dpmpp_sde; diffusers, DPMSolverSDEScheduler (r = 1/2); after Lu et al., "DPM-Solver++" (2022).
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct dpm_pp_sde {
  double eta = 1;
  double noise = 1;  ///< factor of the noise
  double r = 0.5;    ///< where the middle is, in log s

  sampling_plan compile(level_list const& levels) const {
    detail::check_ancestral("dpm_pp_sde", eta, noise, levels);
    if (!(r > 0 && r < 1)) throw argument_error(parapet::detail::concat("dpm_pp_sde: r = ", r, ", expected inside (0, 1)"));
    sampling_plan plan{.name = "dpm_pp_sde"};
    int const data = plan.new_slot(), guess = plan.new_slot();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& from = levels[i];
      noise_level const& to = levels[i + 1];
      double const s = relative_noise(from);
      if (to.sigma == 0) {
        plan.steps.push_back({.level = from, .terms = detail::euler_terms(from, to.alpha, 0), .reached = to});
        continue;
      }
      noise_level const middle = intermediate_level(from, to, s * std::pow(relative_noise(to) / s, r));
      auto const [down_m, up_m] = detail::split_ancestral(s, relative_noise(middle), eta);
      sampling_step first{.level = from, .keep = data, .target = guess, .terms = detail::euler_terms(from, middle.alpha, down_m), .completes = false};
      detail::add_noise(first, middle.alpha, noise * up_m, from, middle);
      plan.steps.push_back(first);

      auto const [down, up] = detail::split_ancestral(s, relative_noise(to), eta);
      double const share = to.alpha * (1 - down / s), late = 1 / (2 * r);
      sampling_step last{.level = middle, .from = guess,
                         .terms = {{0, to.alpha * down / from.sigma}, {data, share * (1 - late)}, {fresh, share * late}}, .reached = to};
      detail::add_noise(last, to.alpha, noise * up, from, to);
      plan.steps.push_back(last);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
