// The midpoint method in log s on the probability-flow ODE, y = x / alpha, s = sigma / alpha:
//
//     u = y + (m - s) d(y, s),    y' = y + (down - s) d(u, m) + up z,    m = sqrt(s down),    d(y, s) = (y - x_0(y, s)) / s
//
// dpm2: down = s', up = 0, with churn; order 2. dpm2_ancestral: down and up as solvers/ancestral.hpp splits s'. Both take Euler's
// step where down = 0. diffusers calls them KDPM2.
//
// k-diffusion, sample_dpm_2 and sample_dpm_2_ancestral; after Karras et al. (2022) and DPM-Solver-2 (Lu et al. 2022).
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>
#include <parapet/diffusion/solvers/churn.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

inline void add_midpoint_step(sampling_plan& plan, int guess, noise_level const& from, noise_level const& to, ancestral_split const& split, double noise) {
  auto const [down, up] = split;
  if (down == 0) {
    plan.steps.push_back({.level = from, .terms = euler_terms(from, to.alpha, 0), .reached = to});
    return;
  }
  double const s = relative_noise(from), middle = std::sqrt(s) * std::sqrt(down);
  noise_level const at = intermediate_level(from, to, middle);
  plan.steps.push_back({.level = from, .target = guess, .terms = euler_terms(from, at.alpha, middle), .completes = false});
  double const slope = (down - s) / middle;
  sampling_step last{.level = at, .from = guess,
                     .terms = {{0, to.alpha / from.alpha}, {guess, to.alpha / at.alpha * slope}, {fresh, -to.alpha * slope}}, .reached = to};
  if (up > 0) add_noise(last, to.alpha, noise * up, from, to);
  plan.steps.push_back(last);
}

}  // namespace detail

struct dpm2 {
  diffusion::churn churn = {};

  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "dpm2"};
    int const guess = plan.new_slot();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const from = detail::add_churn(plan, churn, levels, i);
      detail::add_midpoint_step(plan, guess, from, levels[i + 1], {relative_noise(levels[i + 1]), 0}, 0);
    }
    return plan;
  }
};

struct dpm2_ancestral {
  double eta = 1;
  double noise = 1;  ///< factor of the noise

  sampling_plan compile(level_list const& levels) const {
    detail::check_ancestral("dpm2_ancestral", eta, noise, levels);
    sampling_plan plan{.name = "dpm2_ancestral"};
    int const guess = plan.new_slot();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i)
      detail::add_midpoint_step(plan, guess, levels[i], levels[i + 1],
                                detail::split_ancestral(relative_noise(levels[i]), relative_noise(levels[i + 1]), eta), noise);
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
