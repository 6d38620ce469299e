// DPM-Solver++ 2M and 3M: one evaluation a step, of the ODE (eta = 0) and of the reverse SDE (eta = 1). With H = (1 + eta) h:
//
//     x_t = (sigma_t / sigma_s) e^(-eta h) x_s + alpha_t ((1 - e^-H) m_0 + A D_1 - c (A / H - 1/2) D_2) + sigma_t sqrt(1 - e^(-2 eta h)) z
//
// m_0, m_1, m_2 are x_0 predicted now and in the steps before, of sizes h, h_0, h_1; r_i = h_i / h; differences in units of h
//
//     D_10 = (m_0 - m_1) / r_0,   D_11 = (m_1 - m_2) / r_1,   D_1 = D_10 + r_0 / (r_0 + r_1) (D_10 - D_11),   D_2 = (D_10 - D_11) / (r_0 + r_1)
//
// Order 2 has D_1 = D_10, no D_2, and A = (1 - e^-H) / 2 (midpoint) or 1 - (1 - e^-H) / H (heun); order 3 has the latter.
// D_2 is a divided difference, half the second derivative, so c = 2 is exact and gives order 3. Every published code that we
// read has c = 1, which converges with order 2 (measured, docs/diffusion.md), yet has less error in few steps.
//
// z is the increment of a Brownian motion at times exp(2 eta lambda): on a shared path (brownian_path.hpp) the solution does not
// depend on the number of steps.
//
// Lu et al., "DPM-Solver++" (2022), algorithm 2 and appendix; SDE of order 3: k-diffusion, sample_dpmpp_3m_sde.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

enum class third_order { exact, compat };
enum class second_order { midpoint, heun };

namespace detail {

/// Factors of the predictions m_0, m_1, m_2 in a step of size h, of the last `points` of them (1 to 3), with steps of sizes h_before[0] and,
/// before that, h_before[1]. What D_1 and D_2 are multiplied by is the form's.
inline std::array<double, 3> multistep_factors(int points, phi_factors const& phi, double h, double const (&h_before)[2], second_order second, third_order third) {
  if (points == 1) return {phi.constant, 0, 0};
  double const r0 = h_before[0] / h;
  if (points == 2) {
    double const d10 = (second == second_order::midpoint ? phi.constant / 2 : phi.slope) / r0;
    return {phi.constant + d10, -d10, 0};
  }
  double const r1 = h_before[1] / h, curve = (third == third_order::exact ? 2 : 1) * phi.curve;
  double const d11 = -(phi.slope * r0 + curve) / (r0 + r1), d10 = phi.slope - d11;
  return {phi.constant + d10 / r0, -d10 / r0 + d11 / r1, -d11 / r1};
}

}  // namespace detail

struct dpm_pp_multistep {
  int order = 2;
  double eta = 0;                              ///< 0: the ODE; 1: the reverse SDE
  second_order second = second_order::midpoint;
  third_order third = third_order::exact;      ///< compat: as dpm-solver, diffusers and k-diffusion compute it
  bootstrap start = bootstrap::lower_order;
  index_t lower_order_below = 15;              ///< with fewer steps, the last one is of order 1 and the one before of order 2 at most
  bool euler_final = false;                    ///< the last step is of order 1 with any number of steps

  sampling_plan compile(level_list const& levels) const {
    using parapet::detail::concat;
    if (order < 1 || order > 3) throw argument_error(concat("dpm_pp_multistep: order = ", order, ", expected 1 to 3"));
    if (!(eta >= 0)) throw argument_error(concat("dpm_pp_multistep: eta = ", eta, ", expected at least 0"));
    if (start == bootstrap::single_step && eta != 0) throw argument_error("dpm_pp_multistep: a start in single steps needs eta = 0");
    sampling_plan plan{.name = concat(eta > 0 ? "sde_" : "", "dpm_pp-", order, "m")};
    detail::prediction_history history(plan, order - 1);
    detail::single_steps single(predicts_data);
    auto const n = static_cast<int>(levels.size()) - 1;
    double h_before[2] = {};
    for (int i = 0; i < n; ++i) {
      detail::grid_step const step(levels[static_cast<std::size_t>(i)], levels[static_cast<std::size_t>(i) + 1]);
      int now = std::min(order, i + 1);
      if (n < lower_order_below) now = std::min(now, n - i);
      if (step.to_data() || (euler_final && i == n - 1)) now = 1;
      if (start == bootstrap::single_step && i < order - 1) single.append(plan, order, step.from, step.to, history.next());
      else plan.steps.push_back(multistep(now, step, h_before, history));
      history.push();
      h_before[1] = h_before[0];
      h_before[0] = step.h;
    }
    return plan;
  }

private:
  sampling_step multistep(int now, detail::grid_step const& step, double const (&h_before)[2], detail::prediction_history const& history) const {
    double const h = step.h;
    auto const m = detail::multistep_factors(now, {-step.to.alpha, -(1 + eta) * h}, h, h_before, second, third);
    sampling_step out{.level = step.from, .keep = history.next(), .reached = step.to};
    out.terms = {{0, step.sigma_ratio() * (eta == 0 || step.to_data() ? 1 : std::exp(-eta * h))}, {fresh, m[0]}};
    for (int age = 1; age < now; ++age) out.terms.push_back({history.at(age), m[static_cast<std::size_t>(age)]});
    if (eta > 0 && !step.to_data()) out.noise = step.to.sigma * std::sqrt(-std::expm1(-2 * eta * h));
    out.noise_from = eta * step.from.lambda();
    out.noise_to = eta * step.to.lambda();
    return out;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
