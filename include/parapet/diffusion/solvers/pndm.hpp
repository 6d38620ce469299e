// Pseudo linear multistep: DDIM's step with an epsilon that Adams and Bashforth's weights extrapolate from the last evaluations,
// as if they were equally far apart.
//
//     e' = e_0,  (3 e_0 - e_1) / 2,  (23 e_0 - 16 e_1 + 5 e_2) / 12,  (55 e_0 - 59 e_1 + 37 e_2 - 9 e_3) / 24
//
// The first step is Heun's pseudo step (pndm: two evaluations) or DDIM's (ipndm). Of order 2: the weights see neither the grid
// nor how fast rho changes in a step.
//
// Liu, Ren, Lin, Zhao, "Pseudo numerical methods for diffusion models on manifolds" (2022); diffusers' PNDMScheduler with
// skip_prk_steps. Improved: Zhang and Chen (2023), and diffusers' IPNDMScheduler.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>

#include <algorithm>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

inline sampling_plan compile_pseudo_multistep(char const* name, int order, bool heun_start, level_list const& levels) {
  static constexpr double weight[4][4] = {{1}, {1.5, -0.5}, {23.0 / 12, -16.0 / 12, 5.0 / 12}, {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24}};
  if (order < 1 || order > 4) throw argument_error(parapet::detail::concat(name, ": order = ", order, ", expected 1 to 4"));
  sampling_plan plan{.name = name};
  prediction_history history(plan, order - 1);
  exponential_form const form{predicts_noise};
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    grid_step const step(levels[i], levels[i + 1]);
    double const carry = form.carry(step), whole = form.constant(step);
    if (i == 0 && heun_start && order > 1 && !step.to_data()) {
      int const guess = plan.new_slot();
      plan.steps.push_back({.level = step.from, .as = predicts_noise, .keep = history.next(), .target = guess,
                            .terms = {{0, carry}, {fresh, whole}}, .completes = false, .reached = step.to});
      history.push();
      plan.steps.push_back({.level = step.to, .from = guess, .as = predicts_noise,
                            .terms = {{0, carry}, {fresh, whole / 2}, {history.at(1), whole / 2}}, .reached = step.to});
      continue;
    }
    int const now = std::min(order, static_cast<int>(i) + 1);
    sampling_step out{.level = step.from, .as = predicts_noise, .keep = history.next(), .terms = {{0, carry}}, .reached = step.to};
    for (int k = 0; k < now; ++k) out.terms.push_back({k == 0 ? fresh : history.at(k), whole * weight[now - 1][k]});
    plan.steps.push_back(out);
    history.push();
  }
  return plan;
}

}  // namespace detail

struct pndm {
  int order = 4;
  sampling_plan compile(level_list const& levels) const { return detail::compile_pseudo_multistep("pndm", order, true, levels); }
};

struct ipndm {
  int order = 4;
  sampling_plan compile(level_list const& levels) const { return detail::compile_pseudo_multistep("ipndm", order, false, levels); }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
