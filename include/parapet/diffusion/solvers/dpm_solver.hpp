// Single-step solvers of the probability-flow ODE, of order 1, 2 and 3 with as many evaluations a step.
//
//     dpm_solver    in the noise form: holds epsilon over a step, then its first and second difference      (DPM-Solver-1, 2S, 3S)
//     dpm_pp        in the data form, the same with x_0                                                     (DPM-Solver++ 1, 2S, 3S)
//
// Between the ends of a step order 2 asks at lambda_s + r h, order 3 at lambda_s + h/3 and + 2h/3. Order 1 of both is DDIM. A
// last step to sigma = 0 is of order 1. The data form stands large steps and corrected data (clips) better.
//
// Lu et al., "DPM-Solver" (2022), algorithms 1 and 2; "DPM-Solver++" (2022), algorithm 1 and appendix B.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {
inline sampling_plan compile_single_steps(char const* name, prediction const& form, int order, double r, level_list const& levels) {
  if (order < 1 || order > 3) throw argument_error(parapet::detail::concat(name, ": order = ", order, ", expected 1 to 3"));
  if (!(r > 0 && r <= 1)) throw argument_error(parapet::detail::concat(name, ": r = ", r, ", expected inside (0, 1]"));
  sampling_plan plan{.name = parapet::detail::concat(name, '-', order, order > 1 ? "s" : "")};
  int const keep = order > 1 ? plan.new_slot() : nowhere;
  single_steps single(form, r);
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) single.append(plan, order, levels[i], levels[i + 1], keep);
  return plan;
}
}  // namespace detail

struct dpm_solver {
  int order = 3;
  double r = 0.5;  ///< of order 2: where its middle is in lambda
  sampling_plan compile(level_list const& levels) const { return detail::compile_single_steps("dpm_solver", predicts_noise, order, r, levels); }
};

struct dpm_pp {
  int order = 3;
  double r = 0.5;
  sampling_plan compile(level_list const& levels) const { return detail::compile_single_steps("dpm_pp", predicts_data, order, r, levels); }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
