// Whether a probability means what it says: of the texts with 0.8, are eight in ten positive?
//
// Texts are put into bins by their probability. With n_b texts in bin b, mean probability p_b and fraction of positives q_b,
//
//     ECE = sum_b (n_b / n) |q_b - p_b|,   MCE = max_b |q_b - p_b|           (Naeini et al., AAAI 2015; Guo et al., ICML 2017)
//     Brier = mean (p - y)^2,              log loss = -mean (y log p + (1 - y) log(1 - p)).
//
// The ECE depends on the bins and is biased upwards on small samples, the more so the more bins: state both, and the sample's size.
// The probability is that of the positive class, over [0, 1]; some papers use that of the predicted class, over [1/2, 1].
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/io/svg.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

enum class binning {
  equal_width,  ///< each bin covers the same range of probabilities
  equal_mass,   ///< each bin holds the same number of texts, give or take one; equal probabilities may be in two bins
};

struct reliability_bin {
  double low, high;        ///< probabilities that it covers; [low, high), the last one with its end
  index_t count;           ///< texts in it
  double mean_probability; ///< of them; NaN in an empty bin
  double positive_rate;
};

/// Bins of a sample of probabilities, from low to high. Throws argument_error for fewer than one bin or what is no probability.
inline std::vector<reliability_bin> reliability_table(std::span<scored const> sample, int bins = 15, binning how = binning::equal_width) {
  if (bins < 1) throw argument_error(detail::concat("reliability_table: ", bins, " bins, expected at least 1"));
  detail::expect_probabilities("reliability_table", sample);
  std::vector<scored> sorted = detail::sorted_down(sample);
  std::reverse(sorted.begin(), sorted.end());
  std::size_t const n = sorted.size(), count = static_cast<std::size_t>(bins);
  std::vector<reliability_bin> table;
  std::size_t i = 0;
  for (std::size_t b = 0; b < count; ++b) {
    std::size_t end = n * (b + 1) / count;
    double low = static_cast<double>(b) / bins, high = static_cast<double>(b + 1) / bins;
    if (how == binning::equal_width) {
      end = i;
      while (end < n && (sorted[end].score < high || b + 1 == count)) ++end;
    } else if (n > 0) {
      low = b == 0 ? 0 : table.back().high;
      high = b + 1 == count ? 1 : end < n ? sorted[end].score : sorted[n - 1].score;
    }
    double sum = 0, positives = 0, size = static_cast<double>(end - i);
    for (std::size_t k = i; k < end; ++k) sum += sorted[k].score, positives += sorted[k].positive;
    table.push_back({low, high, static_cast<index_t>(end - i), detail::ratio(sum, size), detail::ratio(positives, size)});
    i = end;
  }
  return table;
}

/// Expected and maximum calibration error of a table; NaN for an empty one.
struct calibration_error {
  double expected, maximum;
};
inline calibration_error calibration_error_of(std::span<reliability_bin const> table) {
  double sum = 0, count = 0, largest = 0;
  for (reliability_bin const& bin : table) {
    if (bin.count == 0) continue;
    double const gap = std::abs(bin.positive_rate - bin.mean_probability);
    sum += static_cast<double>(bin.count) * gap;
    count += static_cast<double>(bin.count);
    largest = std::max(largest, gap);
  }
  return {detail::ratio(sum, count), count > 0 ? largest : detail::ratio(0, 0)};
}

/// Expected calibration error in one call.
inline double expected_calibration_error(std::span<scored const> sample, int bins = 15, binning how = binning::equal_width) {
  return calibration_error_of(reliability_table(sample, bins, how)).expected;
}

inline double brier_score(std::span<scored const> sample) {
  detail::expect_probabilities("brier_score", sample);
  double sum = 0;
  for (scored const& s : sample) sum += (s.score - s.positive) * (s.score - s.positive);
  return detail::ratio(sum, static_cast<double>(sample.size()));
}

/// Mean negative log likelihood in nats. A wrong certainty costs log(1 / epsilon) of double, about 36, and not infinity.
inline double log_loss(std::span<scored const> sample) {
  detail::expect_probabilities("log_loss", sample);
  double sum = 0;
  for (scored const& s : sample) sum -= std::log(std::max(s.positive ? s.score : 1 - s.score, std::numeric_limits<double>::epsilon()));
  return detail::ratio(sum, static_cast<double>(sample.size()));
}

/// Draws a table into a panel whose axes are [0, 1] x [0, 1]: the diagonal, and a dot for each bin, larger where more texts are.
inline void draw_reliability(io::svg_panel& panel, std::span<reliability_bin const> table, std::string const& label = "") {
  index_t most = 1;
  for (reliability_bin const& bin : table) most = std::max(most, bin.count);
  panel.labels("probability", "fraction of positives").polyline({{0, 0}, {1, 1}}, {.stroke = "#999"}, "as it says");
  std::vector<io::point2> line;
  for (reliability_bin const& bin : table)
    if (bin.count > 0) line.push_back({bin.mean_probability, bin.positive_rate});
  panel.polyline(line, {.stroke = "#08519c"});
  for (reliability_bin const& bin : table)
    if (bin.count > 0)
      panel.marker({bin.mean_probability, bin.positive_rate}, 2 + 6 * std::sqrt(static_cast<double>(bin.count) / static_cast<double>(most)),
                   {.stroke = "#08519c", .fill = "#6baed6"}, label);
}

}  // namespace parapet::inline PARAPET_ABI::guard
