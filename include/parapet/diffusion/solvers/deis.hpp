// DEIS: exponential Adams-Bashforth in the noise form, epsilon as a polynomial in log rho, rho = sigma / alpha, through the last points:
//
//     x_t = (alpha_t / alpha_s) x_s + alpha_t sum_j m_j int_s^t L_j(log rho) d rho
//
// Zhang and Chen, "Fast sampling of diffusion models with exponential integrator" (2023); the variant "log rho" is diffusers'.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

/// Integral over [0, 1] of e^(z u) times the polynomial in u that is 1 at node[j] and 0 at the others. Gauss and Legendre with
/// 8 points on pieces of |z| <= 2: exact to rounding.
inline double integrate_exponential(std::vector<double> const& node, std::size_t j, double z) {
  constexpr double at[] = {0.183434642495649805, 0.525532409916328986, 0.796666477413626740, 0.960289856497536232};
  constexpr double weight[] = {0.362683783378361983, 0.313706645877887287, 0.222381034453374471, 0.101228536290376259};
  auto const pieces = static_cast<int>(std::ceil(std::abs(z) / 2)) + (z == 0);
  double const size = 1.0 / pieces;
  double total = 0;
  for (int piece = 0; piece < pieces; ++piece)
    for (int q = 0; q < 8; ++q) {
      double const u = size * (piece + 0.5 + (q < 4 ? 0.5 : -0.5) * at[q % 4]);
      double product = 0.5 * size * weight[q % 4] * std::exp(z * u);
      for (std::size_t k = 0; k < node.size(); ++k)
        if (k != j) product *= (u - node[k]) / (node[j] - node[k]);
      total += product;
    }
  return total;
}

}  // namespace detail

struct deis {
  int order = 3;                    ///< 1 to 4
  bootstrap start = bootstrap::lower_order;
  index_t lower_order_below = 15;   ///< with fewer steps, the last one is of order 1 and the one before of order 2 at most

  sampling_plan compile(level_list const& levels) const {
    if (order < 1 || order > 4) throw argument_error(parapet::detail::concat("deis: order = ", order, ", expected 1 to 4"));
    if (start == bootstrap::single_step && order > 3) throw argument_error("deis: a start in single steps is of order 3 at most");
    sampling_plan plan{.name = parapet::detail::concat("deis-", order)};
    detail::prediction_history history(plan, order - 1);
    detail::single_steps single(predicts_noise);
    detail::exponential_form const form{predicts_noise};
    auto const n = static_cast<int>(levels.size()) - 1;
    for (int i = 0; i < n; ++i) {
      auto const level = [&](int k) -> noise_level const& { return levels[static_cast<std::size_t>(k)]; };
      detail::grid_step const step(level(i), level(i + 1));
      int now = std::min(order, i + 1);
      if (n < lower_order_below) now = std::min(now, n - i);
      if (step.to_data()) now = 1;
      if (start == bootstrap::single_step && i < order - 1) {
        single.append(plan, order, step.from, step.to, history.next());
      } else {
        sampling_step out{.level = step.from, .as = predicts_noise, .keep = history.next(), .terms = {{0, form.carry(step)}}, .reached = step.to};
        std::vector<double> node;  // in units of this step, backwards from 0; u = 1 is the next level
        for (int k = 0; k < now; ++k) node.push_back(k == 0 ? 0 : lambda_difference(step.from, level(i - k)) / step.h);
        for (int k = 0; k < now; ++k) {
          // d rho = -rho_s h e^(-h u) du
          double const scale = -step.to.alpha * relative_noise(step.from) * step.h;
          double const factor = now == 1 ? form.constant(step) : scale * detail::integrate_exponential(node, static_cast<std::size_t>(k), -step.h);
          out.terms.push_back({k == 0 ? fresh : history.at(k), factor});
        }
        plan.steps.push_back(out);
      }
      history.push();
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
