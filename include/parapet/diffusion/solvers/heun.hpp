// Heun's method on the probability-flow ODE in y = x / alpha, s = sigma / alpha:
//
//     u = y + (s' - s) d(y, s),    y' = y + (s' - s) (d(y, s) + d(u, s')) / 2,    d(y, s) = (y - x_0(y, s)) / s
//
// with one evaluation less where s' = 0. Order 2.
//
// Karras et al., "Elucidating the design space of diffusion-based generative models" (2022), algorithms 1 and 2.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>
#include <parapet/diffusion/solvers/churn.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

struct heun {
  diffusion::churn churn = {};

  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "heun"};
    int const data = plan.new_slot(), guess = plan.new_slot();
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& to = levels[i + 1];
      noise_level const from = detail::add_churn(plan, churn, levels, i);
      sampling_step first{.level = from, .terms = detail::euler_terms(from, to.alpha, relative_noise(to)), .reached = to};
      if (to.sigma == 0) {
        plan.steps.push_back(first);
        continue;
      }
      first.keep = data;
      first.target = guess;
      first.completes = false;
      plan.steps.push_back(first);
      double const s = relative_noise(from), half = (relative_noise(to) - s) / 2, at_start = half / s, at_end = half / relative_noise(to);
      plan.steps.push_back({.level = to, .from = guess,
                            .terms = {{0, to.alpha / from.alpha * (1 + at_start)}, {data, -to.alpha * at_start}, {guess, at_end}, {fresh, -to.alpha * at_end}},
                            .reached = to});
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
