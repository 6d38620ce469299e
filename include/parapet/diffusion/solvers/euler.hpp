// Euler's method on the probability-flow ODE in y = x / alpha, s = sigma / alpha:
//
//     y' = y + (s' - s) d,    d = dy/ds = (y - x_0) / s
//
// The same step as ddim{}; what this adds is churn.
//
// Karras et al., "Elucidating the design space of diffusion-based generative models" (2022), algorithm 2 without its line 8.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>
#include <parapet/diffusion/solvers/churn.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

struct euler {
  diffusion::churn churn = {};

  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "euler"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& to = levels[i + 1];
      noise_level const from = detail::add_churn(plan, churn, levels, i);
      plan.steps.push_back({.level = from, .terms = detail::euler_terms(from, to.alpha, relative_noise(to)), .reached = to});
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
