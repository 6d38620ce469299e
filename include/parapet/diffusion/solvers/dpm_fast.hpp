// DPM-Solver of orders 3, 3, .., and a last one or two lower ones that use up a number of evaluations; y = x / alpha, s = sigma / alpha:
//
//     order 1    y' = y + (s' - s) e                                                            e: epsilon at y, h = log(s / s')
//     order 2    u = y + (m - s) e,  y' = y + (s' - s) e + (s' - s) (e_u - e),  m = sqrt(s s')
//     order 3    u = y + (m_1 - s) e,  w = y + (m_2 - s) e - 2 m_2 (expm1(2h/3) / (2h/3) - 1) (e_u - e),
//                y' = y + (s' - s) e - (3/2) s' (expm1(h) / h - 1) (e_w - e),  m_k = s exp(-k h / 3)
//
// With eta > 0 each step ends at `down` (solvers/ancestral.hpp, not below the last level) and noise fills the rest.
//
// Lu et al., "DPM-Solver" (2022), appendix; k-diffusion, sample_dpm_fast.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/ancestral.hpp>

#include <algorithm>
#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

struct dpm_fast {
  index_t evaluations;  ///< n; the levels then have n / 3 + 1 steps, best even in log s, and all sigma > 0
  double eta = 0;
  double noise = 1;  ///< factor of the noise

  /// Steps that n evaluations make.
  index_t steps() const { return evaluations / 3 + 1; }

  sampling_plan compile(level_list const& levels) const {
    detail::check_ancestral("dpm_fast", eta, noise, levels);
    auto const n = static_cast<index_t>(levels.size()) - 1;
    if (evaluations < 1 || n != steps())
      throw argument_error(parapet::detail::concat("dpm_fast: ", n, " steps for ", evaluations, " evaluations, expected ", steps()));
    sampling_plan plan{.name = "dpm_fast"};
    int const first = plan.new_slot(), guess = plan.new_slot();
    for (index_t i = 0; i < n; ++i) {
      noise_level const& from = levels[static_cast<std::size_t>(i)];
      noise_level const& to = levels[static_cast<std::size_t>(i) + 1];
      auto const rest = evaluations % 3;
      index_t const order = rest == 0 ? std::min<index_t>(3, n - i) : i + 1 < n ? 3 : rest;
      double const s = relative_noise(from), end = relative_noise(to);
      double const down = eta > 0 ? std::max(detail::split_ancestral(s, end, eta).down, relative_noise(levels.back())) : end;
      add_step(plan, order, first, guess, from, to, down);
      if (down != end) detail::add_noise(plan.steps.back(), to.alpha, noise * std::sqrt((end - down) * (end + down)), from, to);
    }
    return plan;
  }

private:
  /// The step of this order from `from` to relative noise `down`, in x at the alpha of `to`.
  static void add_step(sampling_plan& plan, index_t order, int first, int guess, noise_level const& from, noise_level const& to, double down) {
    double const s = relative_noise(from), h = std::log(s / down);
    auto const at = [&](double share) { return intermediate_level(from, to, s * std::exp(-share * h)); };
    auto const bend = [](double x) { return std::expm1(x) / x - 1; };
    auto const stage = [&](noise_level const& level, int source, double alpha, double own, double start) {
      sampling_step step{.level = level, .from = source, .as = predicts_noise, .target = guess,
                         .terms = {{0, alpha / from.alpha}, {fresh, alpha * own}}, .completes = false};
      if (start != 0) step.terms.push_back({first, alpha * start});
      plan.steps.push_back(step);
    };
    double const jump = down - s;
    if (order == 1) {
      stage(from, 0, to.alpha, jump, 0);
    } else if (order == 2) {
      noise_level const middle = at(0.5);
      stage(from, 0, middle.alpha, relative_noise(middle) - s, 0);
      stage(middle, guess, to.alpha, jump, 0);
    } else {
      noise_level const early = at(1.0 / 3), late = at(2.0 / 3);
      stage(from, 0, early.alpha, relative_noise(early) - s, 0);
      plan.steps.back().keep = first;
      double const turn = -2 * relative_noise(late) * bend(2 * h / 3), last = -1.5 * down * bend(h);
      stage(early, guess, late.alpha, turn, relative_noise(late) - s - turn);
      stage(late, guess, to.alpha, last, jump - last);
    }
    plan.steps.back().target = 0;
    plan.steps.back().completes = true;
    plan.steps.back().reached = to;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
