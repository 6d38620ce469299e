// Single-step DPM-Solver whose stages are levels of the grid: of n levels of a grid, groups of `order` make one step each.
//
//     stage 1    from the group's first level to the second, order 1
//     stage 2    from the first level again to the third, order 2, with the model's answers at two levels
//     stage 3    from the first level again to the fourth, order 3
//
// so that every evaluation reaches a level of the grid and n evaluations make n steps: dpm_solver.hpp takes steps between all
// levels and asks in between instead. With D_0 at the group's first level, h from there, r = (lambda - lambda_first) / h:
//
//     x_t = (sigma_t / sigma_s) x_s + alpha_t ((1 - e^-h) D_0 + A D_1 - (A / h - 1/2) D_2),    A = 1 - (1 - e^-h) / h
//
// in the data form, D_1 and D_2 the first two derivatives in units of h; order 2 with "midpoint" has A = (1 - e^-h) / 2, order 3 with
// it has no D_2 and D_1 from the last level only.
//
// Lu et al., "DPM-Solver" and "DPM-Solver++" (2022); diffusers, DPMSolverSinglestepScheduler.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

struct dpm_singlestep {
  int order = 2;
  prediction form = predicts_data;  ///< or predicts_noise: DPM-Solver instead of DPM-Solver++
  bool stochastic = false;          ///< each stage on the reverse SDE; of the data form, and order 1 and 2
  second_order second = second_order::midpoint;  ///< heun: with D_1 and D_2 of all levels in order 3
  bool lower_order_final = false;   ///< the last group is cut so that it ends with order 1; always so where n is no multiple of `order`

  sampling_plan compile(level_list const& levels) const {
    using parapet::detail::concat;
    if (order < 1 || order > 3) throw argument_error(concat("dpm_singlestep: order = ", order, ", expected 1 to 3"));
    if (stochastic && (order == 3 || form != predicts_data)) throw argument_error("dpm_singlestep: stochastic steps are of the data form and of order 1 or 2");
    sampling_plan plan{.name = concat("dpm_singlestep-", order)};
    auto const n = static_cast<int>(levels.size()) - 1;
    int const start = order > 1 ? plan.new_slot() : nowhere;  // x at the first level of a group
    std::vector<int> kept;
    for (int k = 1; k < order; ++k) kept.push_back(plan.new_slot());
    std::vector<int> const orders = orders_of(n, levels.back().sigma == 0);
    for (int i = 0; i < n; ++i) {
      int const now = orders[static_cast<std::size_t>(i)], first = i - now + 1;
      bool const goes_on = i + 1 < n && orders[static_cast<std::size_t>(i) + 1] > now;
      std::vector<detail::grid_step> stages;  // from the first level to those between, and to the next
      for (int k = first; k <= i; ++k) stages.emplace_back(levels[static_cast<std::size_t>(first)], levels[static_cast<std::size_t>(k) + 1]);
      if (goes_on && now == 1) plan.steps.push_back({.evaluates = false, .target = start, .terms = {{0, 1}}, .completes = false});
      sampling_step out{.level = levels[static_cast<std::size_t>(i)], .as = form, .keep = goes_on ? kept[static_cast<std::size_t>(now - 1)] : nowhere,
                        .reached = stages.back().to};
      add_terms(out, stages, now == 1 ? 0 : start, kept);
      plan.steps.push_back(out);
    }
    return plan;
  }

private:
  /// Order of each stage: 1, 2, .., order in groups.
  std::vector<int> orders_of(int n, bool to_data) const {
    bool const lower = lower_order_final || to_data || n % order != 0;
    std::vector<int> orders;
    for (int i = 0; i < n; ++i) orders.push_back(i % order + 1);
    if (lower && order == 2 && n % 2 == 0) orders.back() = 1;
    if (lower && order == 3 && n % 3 == 0) orders[static_cast<std::size_t>(n) - 1] = 1;
    if (to_data) orders.back() = 1;
    return orders;
  }

  void add_terms(sampling_step& out, std::vector<detail::grid_step> const& stages, int x, std::vector<int> const& kept) const {
    detail::grid_step const& s = stages.back();
    detail::exponential_form const f{form};
    double const h = s.h, g = stochastic && !s.to_data() ? 2 : 1;
    double whole = f.constant(s), carry = f.carry(s);
    if (g == 2) {
      whole = -s.to.alpha * std::expm1(-2 * h);
      carry *= std::exp(-h);
      detail::add_noise(out, s.to.sigma, std::sqrt(-std::expm1(-2 * h)), s.from, s.to);
    }
    out.terms = {{x, carry}};
    if (stages.size() == 1) {
      out.terms.push_back({fresh, whole});
      return;
    }
    bool const data = form == predicts_data;
    detail::phi_factors const phi(data ? -s.to.alpha : -s.to.sigma, data ? -g * h : h);
    double const r_last = stages[stages.size() - 2].h / h;
    double early = 0, last;  // factors of the differences from D_0 at the levels between
    if (stages.size() == 2) {
      last = (second == second_order::midpoint ? whole / 2 : phi.slope) / r_last;
    } else {
      double const r_early = stages[0].h / h;
      if (second == second_order::midpoint) {
        last = phi.slope / r_last;
      } else {
        // D_1 = (r_last a - r_early b) / (r_last - r_early), D_2 = 2 (b - a) / (r_last - r_early), a and b the slopes to the two levels
        early = (phi.slope * r_last - 2 * phi.curve) / (r_last - r_early) / r_early;
        last = (2 * phi.curve - phi.slope * r_early) / (r_last - r_early) / r_last;
      }
    }
    out.terms.push_back({kept[0], whole - early - last});
    if (early != 0) out.terms.push_back({kept[1], early});
    out.terms.push_back({fresh, last});
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
