// DPM-Solver as a multistep method in the noise form: one evaluation a step, of the ODE or of the reverse SDE. With g = 1 (ODE) or 2 (SDE):
//
//     x_t = (alpha_t / alpha_s) x_s - g sigma_t ((e^h - 1) m_0 + A D_1 + c (B - 1/2) D_2) + [SDE] sigma_t sqrt(e^2h - 1) z
//     A = (e^h - 1) / 2 (order 2, midpoint) or (e^h - 1) / h - 1,      B = (e^h - 1 - h) / h^2
//
// m is epsilon; D_1, D_2 and c as in solvers/dpm_pp_multistep.hpp, whose data form is the better choice: e^h grows without bound
// where the data form has e^-h. It cannot step to sigma = 0.
//
// Lu et al., "DPM-Solver" (2022); diffusers, DPMSolverMultistepScheduler with algorithm_type dpmsolver and sde-dpmsolver.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>

#include <algorithm>
#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct dpm_solver_multistep {
  int order = 2;
  bool stochastic = false;
  second_order second = second_order::midpoint;
  third_order third = third_order::exact;
  index_t lower_order_below = 15;  ///< with fewer steps, the last one is of order 1 and the one before of order 2 at most

  sampling_plan compile(level_list const& levels) const {
    using parapet::detail::concat;
    if (order < 1 || order > 3) throw argument_error(concat("dpm_solver_multistep: order = ", order, ", expected 1 to 3"));
    if (levels.back().sigma == 0) throw argument_error("dpm_solver_multistep: the noise form cannot end at sigma = 0; take dpm_pp_multistep");
    sampling_plan plan{.name = concat(stochastic ? "sde_" : "", "dpm_solver-", order, "m")};
    detail::prediction_history history(plan, order - 1);
    auto const n = static_cast<int>(levels.size()) - 1;
    double h_before[2] = {};
    for (int i = 0; i < n; ++i) {
      detail::grid_step const step(levels[static_cast<std::size_t>(i)], levels[static_cast<std::size_t>(i) + 1]);
      int now = std::min(order, i + 1);
      if (n < lower_order_below) now = std::min(now, n - i);
      double const h = step.h;
      auto const m = detail::multistep_factors(now, {-(stochastic ? 2 : 1) * step.to.sigma, h}, h, h_before, second, third);
      sampling_step out{.level = step.from, .as = predicts_noise, .keep = history.next(), .reached = step.to};
      out.terms = {{0, step.alpha_ratio()}, {fresh, m[0]}};
      for (int age = 1; age < now; ++age) out.terms.push_back({history.at(age), m[static_cast<std::size_t>(age)]});
      if (stochastic) {
        out.noise = step.to.sigma * std::sqrt(std::expm1(2 * h));
        out.noise_from = -step.from.lambda();
        out.noise_to = -step.to.lambda();
      }
      plan.steps.push_back(out);
      history.push();
      h_before[1] = h_before[0];
      h_before[0] = h;
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
