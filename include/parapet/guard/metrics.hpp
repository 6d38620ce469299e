// How good a classifier is at one threshold.
//
// A text is called positive where its score is at least the threshold. With TP, FP, TN, FN counted so,
//
//     precision = TP / (TP + FP),   recall = TP / (TP + FN),   F1 = 2 TP / (2 TP + FP + FN).
//
// A ratio with nothing below its line is not a number here, never 0 or 1: a set without negatives has no false-positive rate. An F1 means
// nothing without its positive class, its threshold and its label counts (docs/calibration.md), so text() says them all.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {
namespace detail {

using parapet::detail::concat;

inline double ratio(double above, double below) { return below > 0 ? above / below : std::numeric_limits<double>::quiet_NaN(); }

/// Three digits, or "n/a" for what is not defined.
inline std::string metric_text(double value) {
  if (std::isnan(value)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

}  // namespace detail

/// What a classifier said of a text, and what is true.
struct scored {
  double score;   ///< higher for the positive class; a probability where a function says so
  bool positive;  ///< the label
  friend bool operator==(scored const&, scored const&) = default;
};

/// Scores beside their labels; texts without a label are left out. Throws shape_error where the lengths differ.
template <class T>
std::vector<scored> pair_scores(std::span<T const> scores, std::span<std::optional<bool> const> labels) {
  if (scores.size() != labels.size())
    throw shape_error(detail::concat("pair_scores: ", scores.size(), " scores and ", labels.size(), " labels"));
  std::vector<scored> out;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (labels[i]) out.push_back({static_cast<double>(scores[i]), *labels[i]});
  return out;
}

namespace detail {

inline void refuse_nan(std::string_view function, std::span<scored const> sample) {
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (std::isnan(sample[i].score)) throw argument_error(concat(function, ": score ", i, " is not a number"));
}
/// Also refuses what is no probability.
inline void expect_probabilities(std::string_view function, std::span<scored const> sample) {
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (!(sample[i].score >= 0 && sample[i].score <= 1))
      throw argument_error(concat(function, ": score ", i, " is ", sample[i].score, ", expected a probability"));
}
/// The sample from the highest score to the lowest.
inline std::vector<scored> sorted_down(std::span<scored const> sample) {
  std::vector<scored> out(sample.begin(), sample.end());
  std::sort(out.begin(), out.end(), [](scored const& a, scored const& b) { return a.score > b.score; });
  return out;
}

}  // namespace detail

struct confusion {
  index_t true_positive = 0, false_positive = 0, true_negative = 0, false_negative = 0;

  index_t positives() const { return true_positive + false_negative; }
  index_t negatives() const { return true_negative + false_positive; }
  index_t count() const { return positives() + negatives(); }

  double precision() const { return quotient(true_positive, true_positive + false_positive); }
  double recall() const { return quotient(true_positive, positives()); }
  double f1() const { return quotient(2 * true_positive, 2 * true_positive + false_positive + false_negative); }
  double false_positive_rate() const { return quotient(false_positive, negatives()); }
  double miss_rate() const { return quotient(false_negative, positives()); }
  double accuracy() const { return quotient(true_positive + true_negative, count()); }

  /// "refusal (76 of 450) at 0.5: F1 0.765, precision 0.812, recall 0.724, false-positive rate 0.034".
  std::string text(std::string_view positive_class, double threshold) const {
    using detail::metric_text;
    return detail::concat(positive_class, " (", positives(), " of ", count(), ") at ", threshold, ": F1 ", metric_text(f1()), ", precision ",
                          metric_text(precision()), ", recall ", metric_text(recall()), ", false-positive rate ",
                          metric_text(false_positive_rate()));
  }

  confusion& add(bool said_positive, bool positive) {
    ++(said_positive ? (positive ? true_positive : false_positive) : (positive ? false_negative : true_negative));
    return *this;
  }
  friend bool operator==(confusion const&, confusion const&) = default;

private:
  static double quotient(index_t above, index_t below) { return detail::ratio(static_cast<double>(above), static_cast<double>(below)); }
};

/// Counts at a threshold. Throws argument_error for a score that is NaN.
inline confusion confusion_at(std::span<scored const> sample, double threshold) {
  detail::refuse_nan("confusion_at", sample);
  confusion counts;
  for (scored const& s : sample) counts.add(s.score >= threshold, s.positive);
  return counts;
}

struct threshold_choice {
  double threshold;
  confusion counts;  ///< at it, on the sample that it was chosen on
};

/// The threshold with the best F1 on a sample: halfway between two neighbouring scores, so that it carries over to other texts. Of equal
/// ones the highest. Choose it on data that nobody reports figures of. Throws argument_error for a sample without positives.
inline threshold_choice choose_f1_threshold(std::span<scored const> sample) {
  detail::refuse_nan("choose_f1_threshold", sample);
  std::vector<scored> const sorted = detail::sorted_down(sample);
  confusion counts;
  for (scored const& s : sorted) counts.add(false, s.positive);
  if (counts.positives() == 0) throw argument_error("choose_f1_threshold: the sample has no positives");
  threshold_choice best{std::numeric_limits<double>::infinity(), counts};
  for (std::size_t i = 0; i < sorted.size();) {
    double const score = sorted[i].score;
    for (; i < sorted.size() && sorted[i].score == score; ++i) {
      if (sorted[i].positive) ++counts.true_positive, --counts.false_negative;
      else ++counts.false_positive, --counts.true_negative;
    }
    if (counts.f1() > best.counts.f1()) {
      double const half = i < sorted.size() ? sorted[i].score + (score - sorted[i].score) / 2 : score;
      best = {i < sorted.size() && half > sorted[i].score ? half : score, counts};
    }
  }
  return best;
}

}  // namespace parapet::inline PARAPET_ABI::guard
