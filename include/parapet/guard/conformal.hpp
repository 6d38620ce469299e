// Thresholds and abstention with a guarantee that holds for any model and any finite sample: split conformal prediction.
//
// What is asked of the texts of use is only that they and the calibration sample are exchangeable. Of n + 1 exchangeable scores the last
// is among the k smallest with probability k / (n + 1) at most, however they are distributed (Vovk, Gammerman, Shafer, "Algorithmic learning
// in a random world", 2005; Angelopoulos and Bates, "Conformal prediction: a gentle introduction", 2023). So with the k-th smallest score of
// n calibration positives as threshold, k = floor(budget (n + 1)), a new positive is missed with probability <= budget, on average over
// calibration samples. For one sample the miss rate is spread as Beta(k, n + 1 - k); with_confidence chooses k such that it
// exceeds the budget with probability <= 1 - confidence: P(Binomial(n, budget) < k) <= 1 - confidence.
//
// Attackers change the texts, and then nothing holds: calibrate again on what comes in, and watch the share of abstentions.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// P(Binomial(n, p) <= k).
inline double binomial_cdf(index_t k, index_t n, double p) {
  if (k < 0) return 0;
  if (k >= n || p <= 0) return 1;
  if (p >= 1) return 0;
  double term = static_cast<double>(n) * std::log1p(-p), largest = term, sum = 1;  // log of P(= 0); sum is in units of exp(largest)
  double const odds = std::log(p) - std::log1p(-p);
  for (index_t i = 0; i < k; ++i) {
    term += std::log(static_cast<double>(n - i) / static_cast<double>(i + 1)) + odds;
    if (term > largest) sum = sum * std::exp(largest - term) + 1, largest = term;
    else sum += std::exp(term - largest);
  }
  return std::min(1.0, std::exp(largest) * sum);
}

/// What a budget is kept with.
struct guarantee {
  enum class kind {
    on_average,       ///< over calibration samples
    with_confidence,  ///< for all but 1 - confidence of the calibration samples
  };
  kind how = kind::on_average;
  double confidence = 0.95;
};

namespace detail {

inline void expect_budget(std::string_view function, double budget) {
  if (!(budget > 0 && budget < 1)) throw argument_error(concat(function, ": a budget of ", budget, ", expected one between 0 and 1"));
}

/// How many of n calibration scores may lie on the wrong side.
inline index_t conformal_rank(index_t n, double budget, guarantee const& g) {
  if (g.how == guarantee::kind::on_average) return std::min(n, static_cast<index_t>(std::floor(budget * static_cast<double>(n + 1))));
  index_t low = 0, high = n + 1;  // P(Binomial(n, budget) <= k - 1) rises with k, and is 0 at k = 0
  while (high - low > 1) {
    index_t const k = low + (high - low) / 2;
    (binomial_cdf(k - 1, n, budget) <= 1 - g.confidence ? low : high) = k;
  }
  return std::min(low, n);
}

inline std::vector<double> sorted_scores(std::span<scored const> sample, bool of_positives) {
  std::vector<double> scores;
  for (scored const& s : sample)
    if (s.positive == of_positives) scores.push_back(s.score);
  std::sort(scores.begin(), scores.end());
  return scores;
}

}  // namespace detail

/// The highest threshold at which a positive is missed (scores below it) with probability <= budget. With too few positives for the budget
/// it is minus infinity, and all is called positive: 1 / budget - 1 of them are the least that help.
inline double threshold_for_misses(std::span<scored const> sample, double budget, guarantee const& g = {}) {
  detail::refuse_nan("threshold_for_misses", sample);
  detail::expect_budget("threshold_for_misses", budget);
  std::vector<double> const scores = detail::sorted_scores(sample, true);
  index_t const k = detail::conformal_rank(static_cast<index_t>(scores.size()), budget, g);
  return k == 0 ? -std::numeric_limits<double>::infinity() : scores[static_cast<std::size_t>(k - 1)];
}

/// The lowest threshold at which a negative is called positive with probability <= budget; infinity, so that nothing is, with too few negatives.
inline double threshold_for_false_positives(std::span<scored const> sample, double budget, guarantee const& g = {}) {
  detail::refuse_nan("threshold_for_false_positives", sample);
  detail::expect_budget("threshold_for_false_positives", budget);
  std::vector<double> const scores = detail::sorted_scores(sample, false);
  index_t const k = detail::conformal_rank(static_cast<index_t>(scores.size()), budget, g);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return k == 0 ? infinity : std::nextafter(scores[scores.size() - static_cast<std::size_t>(k)], infinity);
}

enum class answer { negative, positive, abstain };

/// Answers where only one class is plausible. For either class, a text of it gets the other's answer with probability <= budget; what
/// part of the answers that is depends on how many are given: guard/abstention.hpp bounds the error among the answered.
struct conformal_answer {
  double positive_from;   ///< the positive class is plausible from this score on
  double negative_up_to;  ///< the negative class is plausible up to this score

  answer operator()(double score) const {
    bool const can_be_positive = score >= positive_from, can_be_negative = score <= negative_up_to;
    if (can_be_positive == can_be_negative) return answer::abstain;  // neither, or both; NaN too
    return can_be_positive ? answer::positive : answer::negative;
  }
};

/// Thresholds for each class from its own calibration texts (Mondrian conformal prediction).
inline conformal_answer fit_conformal_answer(std::span<scored const> sample, double budget, guarantee const& g = {}) {
  return {threshold_for_misses(sample, budget, g),
          std::nextafter(threshold_for_false_positives(sample, budget, g), -std::numeric_limits<double>::infinity())};
}

}  // namespace parapet::inline PARAPET_ABI::guard
