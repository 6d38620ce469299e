// How well scores order texts, at all thresholds at once.
//
// AUROC is the probability that a positive scores above a negative, ties counting half (Mann and Whitney). AUPRC is the average
// precision, the mean over the positives of the precision where each is found: sum_k (R_k - R_{k-1}) P_k over the thresholds, as
// scikit-learn has it and not by trapezoids, which promise what no threshold gives. Where one class is missing both are not numbers.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/metrics.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Counts at every threshold that changes them.
struct operating_point {
  double threshold;  ///< what scores at least this is called positive
  confusion counts;
};

/// From "nothing is positive" (threshold infinity) to "all is positive", one point for each different score. Throws argument_error for NaN.
inline std::vector<operating_point> operating_points(std::span<scored const> sample) {
  detail::refuse_nan("operating_points", sample);
  std::vector<scored> const sorted = detail::sorted_down(sample);
  confusion counts;
  for (scored const& s : sorted) counts.add(false, s.positive);
  std::vector<operating_point> points{{std::numeric_limits<double>::infinity(), counts}};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].positive) ++counts.true_positive, --counts.false_negative;
    else ++counts.false_positive, --counts.true_negative;
    if (i + 1 == sorted.size() || sorted[i + 1].score < sorted[i].score) points.push_back({sorted[i].score, counts});
  }
  return points;
}

/// Area under the curve of recall over false-positive rate.
inline double auroc(std::span<scored const> sample) {
  std::vector<operating_point> const points = operating_points(sample);
  double area = 0;
  for (std::size_t k = 1; k < points.size(); ++k) {
    confusion const &before = points[k - 1].counts, &here = points[k].counts;
    area += static_cast<double>(here.false_positive - before.false_positive) * 0.5 * static_cast<double>(here.true_positive + before.true_positive);
  }
  confusion const& all = points.back().counts;
  return detail::ratio(area, static_cast<double>(all.positives()) * static_cast<double>(all.negatives()));
}

/// Average precision.
inline double auprc(std::span<scored const> sample) {
  std::vector<operating_point> const points = operating_points(sample);
  confusion const& all = points.back().counts;
  if (all.positives() == 0 || all.negatives() == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::size_t k = 1; k < points.size(); ++k)
    sum += static_cast<double>(points[k].counts.true_positive - points[k - 1].counts.true_positive) * points[k].counts.precision();
  return sum / static_cast<double>(all.positives());
}

}  // namespace parapet::inline PARAPET_ABI::guard
