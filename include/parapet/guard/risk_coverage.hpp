// What abstention buys: the error among the texts that are answered, over how many are.
//
// Texts are answered from the most confident on. With probability p of the positive class the answer is p >= threshold; the confidence is the
// distance of p from the threshold. The curve runs over coverage = answered / all; its area (AURC, Geifman et al., ICLR 2019) is the
// mean risk over all coverages.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct risk_coverage_point {
  double confidence;  ///< texts with at least this confidence are answered
  double coverage;    ///< fraction that is answered
  double risk;        ///< errors among the answered ones
};

/// One point for each different confidence, from the most confident on; empty for an empty sample. Throws argument_error for NaN.
inline std::vector<risk_coverage_point> risk_coverage_curve(std::span<scored const> sample, double threshold = 0.5) {
  detail::refuse_nan("risk_coverage_curve", sample);
  struct given {
    double confidence;
    bool wrong;
  };
  std::vector<given> answers;
  for (scored const& s : sample) answers.push_back({std::abs(s.score - threshold), (s.score >= threshold) != s.positive});
  std::sort(answers.begin(), answers.end(), [](given const& a, given const& b) { return a.confidence > b.confidence; });
  std::vector<risk_coverage_point> curve;
  double errors = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    errors += answers[i].wrong;
    if (i + 1 < answers.size() && answers[i + 1].confidence == answers[i].confidence) continue;
    double const answered = static_cast<double>(i + 1);
    curve.push_back({answers[i].confidence, answered / static_cast<double>(answers.size()), errors / answered});
  }
  return curve;
}

/// Mean risk over the coverages of the curve's points, each for the texts that it adds; NaN for an empty curve.
inline double area_under_risk_coverage(std::span<risk_coverage_point const> curve) {
  double area = 0, before = 0;
  for (risk_coverage_point const& point : curve) {
    area += (point.coverage - before) * point.risk;
    before = point.coverage;
  }
  return curve.empty() ? detail::ratio(0, 0) : area;
}

}  // namespace parapet::inline PARAPET_ABI::guard
