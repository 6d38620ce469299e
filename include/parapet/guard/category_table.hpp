// Figures for each kind of harm: how often a task's head calls texts of a category harmful, and how well a category head names it.
//
// A benchmark's single figure hides that a guard may see nine kinds of harm in ten and miss the tenth. Kinds with few texts have wide
// intervals: the counts stand in the table.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/metrics.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

using category_counts = std::array<confusion, category_count>;

/// One confusion for each category, of the texts that belong to it: its recall for kinds of harm, its false-positive rate for benign.
inline category_counts counts_by_category(std::span<category const> kinds, std::span<scored const> sample, double threshold) {
  if (kinds.size() != sample.size())
    throw shape_error(detail::concat("counts_by_category: ", kinds.size(), " categories and ", sample.size(), " scores"));
  detail::refuse_nan("counts_by_category", sample);
  category_counts counts;
  for (std::size_t i = 0; i < sample.size(); ++i) counts[static_cast<std::size_t>(kinds[i])].add(sample[i].score >= threshold, sample[i].positive);
  return counts;
}

/// One confusion for each category against all others, where a classifier names one category a text.
inline category_counts counts_of_named(std::span<category const> kinds, std::span<category const> named) {
  if (kinds.size() != named.size())
    throw shape_error(detail::concat("counts_of_named: ", kinds.size(), " categories and ", named.size(), " answers"));
  category_counts counts;
  for (std::size_t i = 0; i < kinds.size(); ++i)
    for (int c = 0; c < category_count; ++c) counts[static_cast<std::size_t>(c)].add(static_cast<int>(named[i]) == c, static_cast<int>(kinds[i]) == c);
  return counts;
}

/// Mean F1 of the categories that occur; NaN where none does.
inline double macro_f1(category_counts const& counts) {
  double sum = 0, kinds = 0;
  for (confusion const& c : counts)
    if (c.positives() > 0) sum += c.f1(), ++kinds;
  return detail::ratio(sum, kinds);
}

/// A table in Markdown: category, texts, precision, recall, F1, false-positive rate. Categories without texts are left out.
inline std::string to_markdown(category_counts const& counts, std::string_view heading = "category") {
  using detail::metric_text;
  std::string out = detail::concat("| ", heading, " | texts | positive | precision | recall | F1 | false-positive rate |\n|---|---|---|---|---|---|---|\n");
  for (int c = 0; c < category_count; ++c) {
    confusion const& k = counts[static_cast<std::size_t>(c)];
    if (k.count() == 0) continue;
    out += detail::concat("| ", title(static_cast<category>(c)), " | ", k.count(), " | ", k.positives(), " | ", metric_text(k.precision()), " | ",
                          metric_text(k.recall()), " | ", metric_text(k.f1()), " | ", metric_text(k.false_positive_rate()), " |\n");
  }
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
