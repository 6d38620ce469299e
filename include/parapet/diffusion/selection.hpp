// Which of N candidate actions to play, by their critics' values q_reward, q_safety (N) in host memory.
//
//     highest_reward        argmax Q_r
//     safest                argmin Q_h                                                     FISOR
//     feasible_reward       of those with Q_h <= limit the one with the largest Q_r; where there is none, the safest
//                                                                                         CAPS (Chemingui et al., AAAI 2025)
//     resampled<Rule>       one at random, with probabilities exp(rule(Q_r, v)): softmax by exponential_advantage (SfBC), IDQL's
//                           by expectile_advantage
//
// All are called as select(q_reward, q_safety, u) with u uniform in (0, 1), and return an index. A NaN is never chosen while a
// number is there. `limit` is 0 for a reachability critic, a budget for costs (cost_budget), and below either by a conformal_margin.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

/// Index of the first of the best among those that `admits`; -1 where it admits no number.
template <class T, class Admits, class Better>
PARAPET_FN index_t best_of(vector_view<T const> const& q, Admits const& admits, Better const& better) {
  index_t best = -1;
  for (index_t i = 0; i < q.extent(0); ++i)
    if (q[i] == q[i] && admits(i) && (best < 0 || better(q[i], q[best]))) best = i;
  return best;
}

}  // namespace detail

struct highest_reward {
  template <class T>
  index_t operator()(vector_view<T const> const& q_reward, vector_view<T const> const&, double = 0.5) const {
    return std::max<index_t>(0, detail::best_of(q_reward, [](index_t) { return true; }, [](T a, T b) { return a > b; }));
  }
};

struct safest {
  template <class T>
  index_t operator()(vector_view<T const> const&, vector_view<T const> const& q_safety, double = 0.5) const {
    return std::max<index_t>(0, detail::best_of(q_safety, [](index_t) { return true; }, [](T a, T b) { return a < b; }));
  }
};

struct feasible_reward {
  double limit = 0;
  template <class T>
  index_t operator()(vector_view<T const> const& q_reward, vector_view<T const> const& q_safety, double = 0.5) const {
    index_t const best = detail::best_of(q_reward, [&](index_t i) { return static_cast<double>(q_safety[i]) <= limit; }, [](T a, T b) { return a > b; });
    return best >= 0 ? best : safest{}(q_reward, q_safety);
  }
};

template <class Rule>
struct resampled {
  Rule rule;
  double baseline = 0;  ///< v of the rule, V(s)
  template <class T>
  index_t operator()(vector_view<T const> const& q_reward, vector_view<T const> const&, double u) const {
    double highest = -std::numeric_limits<double>::infinity();
    for (index_t i = 0; i < q_reward.extent(0); ++i) highest = std::max(highest, exponent(q_reward[i]));
    auto const weight = [&](index_t i) { return std::exp(exponent(q_reward[i]) - (std::isfinite(highest) ? highest : 0)); };
    double total = 0;
    for (index_t i = 0; i < q_reward.extent(0); ++i) total += weight(i);
    index_t last = 0;
    double left = u * total;
    for (index_t i = 0; i < q_reward.extent(0); ++i) {
      if (!(weight(i) > 0)) continue;
      last = i;
      if ((left -= weight(i)) < 0) break;
    }
    return last;
  }

private:
  template <class T>
  double exponent(T q) const {
    double const x = rule(static_cast<double>(q), baseline);
    return x == x ? x : -std::numeric_limits<double>::infinity();
  }
};

/// What Q_c may be when `remaining` of an episode's budget is left for `steps` steps, for a critic of discounted costs:
/// remaining (1 - discount^steps) / ((1 - discount) steps), CAPS' threshold. Throws argument_error.
inline double cost_budget(double remaining, index_t steps, double discount) {
  if (steps < 1 || !(discount > 0 && discount <= 1))
    throw argument_error(parapet::detail::concat("cost_budget: ", steps, " steps and discount ", discount, ", expected at least 1 and a number in (0, 1]"));
  auto const n = static_cast<double>(steps);
  return discount == 1 ? remaining : remaining * -std::expm1(n * std::log(discount)) / ((1 - discount) * n);
}

/// The margin that makes a critic's verdict hold with confidence: for a fresh trial like those of the calibration,
///
///     P(outcome <= prediction + margin) >= 1 - miscoverage         errors[i] = outcome_i - prediction_i
///
/// the ceil((n + 1)(1 - miscoverage))-th smallest error. Distribution-free, for exchangeable trials: whole episodes of the policy
/// that is used, one error each (the worst h of the episode less Q_h at its start). Select with limit = -margin. Infinite where n is too small to say anything.
/// Vovk, Gammerman, Shafer (2005); of a safety critic: SafeFQL (2026). Throws argument_error.
inline double conformal_margin(std::vector<double> errors, double miscoverage) {
  if (!(miscoverage > 0 && miscoverage < 1)) throw argument_error(parapet::detail::concat("conformal_margin: miscoverage ", miscoverage, " outside (0, 1)"));
  for (double const e : errors)
    if (e != e) throw argument_error("conformal_margin: an error is NaN");
  double const rank = std::ceil((static_cast<double>(errors.size()) + 1) * (1 - miscoverage) - 1e-9);
  if (rank > static_cast<double>(errors.size())) return std::numeric_limits<double>::infinity();
  auto const place = errors.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(errors.begin(), place, errors.end());
  return *place;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
