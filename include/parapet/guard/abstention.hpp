// Abstention such that the error among the answered texts is bounded: with the stated confidence over calibration samples,
//
//     P(answer is wrong | it is given) <= error.
//
// Learn then test (Angelopoulos, Bates, Candes, Jordan, Lei, "Learn then test", 2021) on a grid of confidences c that does not depend on the
// sample: of the n_c calibration texts with |p - threshold| >= c, e_c are answered wrongly, and e_c is Binomial(n_c, risk of c). The
// hypothesis "risk of c > error" is rejected where P(Binomial(n_c, error) <= e_c) <= (1 - confidence) / (size of the grid). All that are
// rejected hold at once (Bonferroni), whether the risk falls with c or not, so the one with the most answers may be chosen.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/conformal.hpp>
#include <parapet/guard/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace parapet::inline PARAPET_ABI::guard {

struct abstention_options {
  double error = 0.05;       ///< bound on the error among answered texts
  double confidence = 0.95;  ///< that the bound holds
  double threshold = 0.5;    ///< a text is called positive from this probability on
  int grid = 20;             ///< confidences that are tested, evenly spaced from 0 on
};

/// Answers where the probability is far enough from the threshold.
struct abstention {
  double threshold = 0.5;
  double least_confidence = std::numeric_limits<double>::infinity();  ///< infinity: no text is answered
  index_t answered = 0, wrong = 0, count = 0;                         ///< in the calibration sample

  answer operator()(double p) const {
    if (!(std::abs(p - threshold) >= least_confidence)) return answer::abstain;
    return p >= threshold ? answer::positive : answer::negative;
  }
  /// Fraction of the calibration sample that is answered.
  double coverage() const { return detail::ratio(static_cast<double>(answered), static_cast<double>(count)); }
};

/// The least confidence of the grid at which the bound is shown. Without errors, log(grid / (1 - confidence)) / -log(1 - error) answered
/// texts are needed: 117 for the defaults. Throws argument_error for scores that are no probabilities and for options outside their range.
inline abstention fit_abstention(std::span<scored const> sample, abstention_options const& options = {}) {
  detail::expect_budget("fit_abstention", options.error);
  detail::expect_probabilities("fit_abstention", sample);
  if (!(options.confidence > 0 && options.confidence < 1 && options.threshold > 0 && options.threshold < 1) || options.grid < 1)
    throw argument_error(detail::concat("fit_abstention: confidence ", options.confidence, ", threshold ", options.threshold, ", a grid of ", options.grid,
                                        "; expected two numbers in (0, 1) and at least one point"));
  double const furthest = std::max(options.threshold, 1 - options.threshold);
  auto const count = static_cast<index_t>(sample.size());
  for (int point = 0; point < options.grid; ++point) {
    abstention rule{options.threshold, furthest * point / options.grid, 0, 0, count};
    for (scored const& s : sample) {
      answer const said = rule(s.score);
      rule.answered += said != answer::abstain;
      rule.wrong += said != answer::abstain && (said == answer::positive) != s.positive;
    }
    if (rule.answered > 0 && binomial_cdf(rule.wrong, rule.answered, options.error) <= (1 - options.confidence) / options.grid) return rule;
  }
  return {options.threshold, std::numeric_limits<double>::infinity(), 0, 0, count};
}

}  // namespace parapet::inline PARAPET_ABI::guard
