// Intervals for any figure of a sample, by drawing the sample again with replacement (Efron, Annals of Statistics 7, 1979).
//
// The interval is between percentiles of the figure over the replicates. Texts that belong together, such as answers of several models to
// one prompt, must be drawn together: give their groups, or the interval is too narrow. Draws are Philox's, so a seed is an interval.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/guard/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct bootstrap_options {
  int replicates = 2000;
  double level = 0.95;     ///< probability that the interval is to cover
  std::uint64_t seed = 0;
};

struct interval {
  double value;      ///< the figure of the sample itself
  double low, high;  ///< NaN where no replicate has the figure
  int undefined;     ///< replicates without it: an AUROC where one class was not drawn
};

namespace detail {

/// The q-quantile of sorted numbers, between neighbours by straight lines.
inline double quantile(std::span<double const> sorted, double q) {
  if (sorted.empty()) return ratio(0, 0);
  double const at = q * static_cast<double>(sorted.size() - 1);
  std::size_t const i = static_cast<std::size_t>(at), next = std::min(i + 1, sorted.size() - 1);
  return sorted[i] + (at - static_cast<double>(i)) * (sorted[next] - sorted[i]);
}

}  // namespace detail

/// The interval of figure(span<T const>) -> double. `group` numbers the texts that are drawn together (equal numbers), or is empty.
///
///     interval f1 = bootstrap_interval<scored>(sample, [](std::span<scored const> s) { return confusion_at(s, 0.5).f1(); });
template <class T, class Figure>
interval bootstrap_interval(std::span<T const> sample, Figure const& figure, std::span<index_t const> group = {}, bootstrap_options const& options = {}) {
  if (options.replicates < 1 || !(options.level > 0 && options.level < 1))
    throw argument_error(detail::concat("bootstrap_interval: ", options.replicates, " replicates at level ", options.level,
                                        ", expected at least 1 and a level in (0, 1)"));
  if (!group.empty() && group.size() != sample.size())
    throw shape_error(detail::concat("bootstrap_interval: ", group.size(), " groups for a sample of ", sample.size()));
  // Members of each group one after the other: unit u holds order[start[u]] .. order[start[u + 1] - 1].
  std::vector<std::size_t> order(sample.size()), start;
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (!group.empty()) std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return group[a] < group[b]; });
  for (std::size_t i = 0; i < order.size(); ++i)
    if (i == 0 || group.empty() || group[order[i]] != group[order[i - 1]]) start.push_back(i);
  auto const units = static_cast<index_t>(start.size());
  start.push_back(order.size());

  interval out{figure(sample), 0, 0, 0};
  std::vector<double> figures;
  std::vector<T> drawn;
  for (int r = 0; r < options.replicates; ++r) {
    philox_stream const random(options.seed, static_cast<std::uint64_t>(r));
    drawn.clear();
    for (index_t k = 0; k < units; ++k) {
      auto const u = static_cast<std::size_t>(random.below(k, units));
      for (std::size_t i = start[u]; i < start[u + 1]; ++i) drawn.push_back(sample[order[i]]);
    }
    double const value = figure(std::span<T const>(drawn));
    if (std::isnan(value)) ++out.undefined;
    else figures.push_back(value);
  }
  std::sort(figures.begin(), figures.end());
  out.low = detail::quantile(figures, (1 - options.level) / 2);
  out.high = detail::quantile(figures, (1 + options.level) / 2);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
