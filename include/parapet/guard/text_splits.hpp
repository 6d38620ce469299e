// Splits of labelled texts that do not flatter: whole groups are held out, and the same seed gives the same split everywhere.
//
// Texts leak from training into test through what they share: the same prompt answered by several models, or the same model answering all
// prompts. group_prompts numbers prompts such that equal ones are together; k_folds keeps groups whole; leave_one_out holds out a source
// (a model, an annotator), and with folds also the prompts, so that neither was seen in training.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {
namespace detail {
using parapet::detail::concat;
}

/// Rows of a data set by their numbers, in rising order. No row is in both.
struct text_split {
  std::vector<index_t> train, test;
  friend bool operator==(text_split const&, text_split const&) = default;
};

/// What makes two prompts the same: letters and digits. ASCII letters count without case; ASCII spaces, punctuation and control characters not at all.
inline std::string prompt_key(std::string_view prompt) {
  std::string key;
  for (char const c : prompt) {
    auto const byte = static_cast<unsigned char>(c);
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    if (letter) key += static_cast<char>(byte | 0x20);
    else if (digit || byte >= 0x80) key += c;
  }
  return key;
}

/// The number of each prompt's group, in the order of their first occurrence. A prompt without letters and digits is a group of its own kind.
/// text_of(row) gives a row's prompt:  group_prompts(std::span(rows), [](moderation_row const& row) { return row.prompt; })
template <class Row, class TextOf>
std::vector<index_t> group_prompts(std::span<Row const> rows, TextOf const& text_of) {
  std::unordered_map<std::string, index_t> numbers;
  std::vector<index_t> group;
  for (Row const& row : rows) group.push_back(numbers.try_emplace(prompt_key(text_of(row)), static_cast<index_t>(numbers.size())).first->second);
  return group;
}

/// The fold, 0 to folds - 1, of each row. Rows of a group are in one fold. Groups are shuffled and dealt to the folds in turn, stratum by stratum,
/// so that each fold has its share of every stratum (a class, a type of prompt); a group is of the stratum of its first row.
/// Throws argument_error for fewer groups than folds.
inline std::vector<int> k_folds(std::span<index_t const> group, int folds, std::uint64_t seed, std::span<index_t const> stratum = {}) {
  if (!stratum.empty() && stratum.size() != group.size())
    throw shape_error(detail::concat("k_folds: ", group.size(), " groups and ", stratum.size(), " strata"));
  struct unit {
    index_t stratum, group;
  };
  std::vector<unit> units;
  std::unordered_map<index_t, int> fold_of;
  for (std::size_t i = 0; i < group.size(); ++i)
    if (fold_of.emplace(group[i], 0).second) units.push_back({stratum.empty() ? 0 : stratum[i], group[i]});
  auto const count = static_cast<index_t>(units.size());
  if (folds < 1 || count < folds) throw argument_error(detail::concat("k_folds: ", folds, " folds of ", count, " groups"));
  philox_stream const random(seed, 0);
  for (index_t i = count - 1; i > 0; --i)  // Fisher and Yates
    std::swap(units[static_cast<std::size_t>(i)], units[static_cast<std::size_t>(random.below(i, i + 1))]);
  std::stable_sort(units.begin(), units.end(), [](unit const& a, unit const& b) { return a.stratum < b.stratum; });
  for (std::size_t i = 0; i < units.size(); ++i) fold_of[units[i].group] = static_cast<int>(i % static_cast<std::size_t>(folds));
  std::vector<int> fold;
  for (index_t const g : group) fold.push_back(fold_of[g]);
  return fold;
}

/// One split for each fold: it is the test, the others are for training.
inline std::vector<text_split> k_fold_splits(std::span<int const> fold) {
  int folds = 0;
  for (int const f : fold) folds = std::max(folds, f + 1);
  std::vector<text_split> splits(static_cast<std::size_t>(folds));
  for (std::size_t i = 0; i < fold.size(); ++i)
    for (int f = 0; f < folds; ++f) {
      text_split& split = splits[static_cast<std::size_t>(f)];
      (fold[i] == f ? split.test : split.train).push_back(static_cast<index_t>(i));
    }
  return splits;
}

/// One split for each source, in rising order: its rows are the test, those of the others are for training.
inline std::vector<text_split> leave_one_out(std::span<index_t const> source) {
  std::vector<index_t> sources(source.begin(), source.end());
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  std::vector<text_split> splits(sources.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    for (std::size_t k = 0; k < sources.size(); ++k) (source[i] == sources[k] ? splits[k].test : splits[k].train).push_back(static_cast<index_t>(i));
  return splits;
}

/// One split for each source and fold, source by source: the test is that source's rows of that fold, training has rows of neither.
inline std::vector<text_split> leave_one_out(std::span<index_t const> source, std::span<int const> fold) {
  if (source.size() != fold.size()) throw shape_error(detail::concat("leave_one_out: ", source.size(), " sources and ", fold.size(), " folds"));
  std::vector<text_split> splits;
  std::vector<text_split> const folds = k_fold_splits(fold);
  for (text_split const& by_source : leave_one_out(source)) {
    for (text_split const& by_fold : folds) {
      text_split& split = splits.emplace_back();
      std::set_intersection(by_source.train.begin(), by_source.train.end(), by_fold.train.begin(), by_fold.train.end(), std::back_inserter(split.train));
      std::set_intersection(by_source.test.begin(), by_source.test.end(), by_fold.test.begin(), by_fold.test.end(), std::back_inserter(split.test));
    }
  }
  return splits;
}

}  // namespace parapet::inline PARAPET_ABI::guard
