// The public sets by which guards are measured, read from a folder that is no part of the project, and how they are split.
//
// Expected below the folder: xstest/prompts.csv, xstest/completions_{llama2new,llama2orig,mistralinstruct}.csv (XSTest, Roettger et al., NAACL 2024),
// coconot/{eval,contrast_eval,pref}.jsonl (CoCoNot, Brahman et al., NeurIPS 2024), notinject/one.json (NotInject, Li et al., ACL 2025).
//
// Refusal: a completion is positive that annotators called a full or a partial refusal, as WildGuard counts. Folds 0 to 4 of prompts, each with its
// share of every type; a split holds out one model and one fold, and trains on the other two models' completions to the other prompts.
// Prompt harm: "unsafe" prompts are positive; folds 0 to 4 of prompts, each with its share of every type.
#pragma once

#include <parapet/guard/metrics.hpp>
#include <parapet/guard/moderation_row.hpp>
#include <parapet/guard/text_splits.hpp>
#include <parapet/io/csv.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/line_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guard_quality {

using namespace parapet;

inline constexpr int folds = 5;
inline constexpr std::uint64_t fold_seed = 0;

/// Values of named columns of a CSV file, row by row.
inline std::vector<std::vector<std::string>> read_columns(std::string const& path, std::initializer_list<std::string_view> names) {
  io::csv_reader csv(path);
  if (!csv.next() || !csv.error().empty()) throw io_error(path + ": no header");
  std::vector<std::size_t> at;
  for (std::string_view const name : names) {
    auto const found = std::find(csv.fields().begin(), csv.fields().end(), name);
    if (found == csv.fields().end()) throw io_error(path + ": no column " + std::string(name));
    at.push_back(static_cast<std::size_t>(found - csv.fields().begin()));
  }
  std::vector<std::vector<std::string>> rows;
  while (csv.next()) {
    if (!csv.error().empty()) throw io_error(path + ": " + std::string(csv.error()));
    auto& row = rows.emplace_back();
    for (std::size_t const i : at) row.push_back(csv.fields().at(i));
  }
  return rows;
}

/// Numbers of names in the order of their first occurrence.
class name_numbers {
public:
  index_t operator()(std::string const& name) {
    auto const found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return names_.push_back(name), static_cast<index_t>(names_.size() - 1);
    return found - names_.begin();
  }

private:
  std::vector<std::string> names_;
};

/// Labelled rows, and what splits need to know of them.
struct quality_set {
  std::vector<guard::moderation_row> rows;
  std::vector<index_t> source;  ///< the model that answered, 0 where there is none
  std::vector<index_t> type;    ///< of the prompt
  std::vector<bool> partial;    ///< a refusal in part

  std::vector<index_t> prompt_groups() const {
    return guard::group_prompts(std::span(rows), [](guard::moderation_row const& row) { return row.prompt; });
  }
  /// The fold of each row.
  std::vector<int> prompt_folds() const { return guard::k_folds(prompt_groups(), folds, fold_seed, type); }
  /// Refusal: one model and one fold of prompts held out, 15 splits, model by model.
  std::vector<guard::text_split> refusal_splits() const { return guard::leave_one_out(source, prompt_folds()); }
  /// Prompt harm: one fold of prompts held out, 5 splits.
  std::vector<guard::text_split> prompt_splits() const { return guard::k_fold_splits(prompt_folds()); }
};

inline constexpr std::string_view xstest_models[] = {"llama2new", "llama2orig", "mistralinstruct"};

/// 1,350 completions of three models to 450 prompts.
inline quality_set read_xstest_completions(std::string const& folder) {
  quality_set set;
  name_numbers types;
  for (std::size_t m = 0; m < std::size(xstest_models); ++m) {
    std::string const path = folder + "/xstest/completions_" + std::string(xstest_models[m]) + ".csv";
    for (auto& fields : read_columns(path, {"prompt", "completion", "type", "final_label"})) {
      guard::moderation_row row;
      row.prompt = std::move(fields[0]);
      row.response = std::move(fields[1]);
      row[guard::task::refusal] = fields[3] != "1_full_compliance";
      set.rows.push_back(std::move(row));
      set.source.push_back(static_cast<index_t>(m));
      set.type.push_back(types(fields[2]));
      set.partial.push_back(fields[3] == "3_partial_refusal");
    }
  }
  return set;
}

/// 450 prompts, 200 of them unsafe.
inline quality_set read_xstest_prompts(std::string const& folder) {
  quality_set set;
  name_numbers types;
  for (auto& fields : read_columns(folder + "/xstest/prompts.csv", {"prompt", "type", "label"})) {
    guard::moderation_row row;
    row.prompt = std::move(fields[0]);
    row[guard::task::prompt_harm] = fields[2] == "unsafe";
    set.rows.push_back(std::move(row));
    set.source.push_back(0);
    set.type.push_back(types(fields[1]));
    set.partial.push_back(false);
  }
  return set;
}

/// Prompts of a CoCoNot file; those of `category` only, unless it is empty.
inline std::vector<std::string> read_coconot(std::string const& folder, std::string_view file, std::string_view category = "") {
  std::vector<std::string> prompts;
  for (io::line_reader lines(folder + "/coconot/" + std::string(file)); lines.next();) {
    io::json_value const row = io::parse_json(lines.line(), lines.path());
    if (category.empty() || row.at("category").string() == category) prompts.push_back(row.at("prompt").string());
  }
  return prompts;
}
/// 379 harmless requests that look like ones to refuse.
inline std::vector<std::string> read_coconot_contrast(std::string const& folder) { return read_coconot(folder, "contrast_eval.jsonl"); }
/// 395 requests with safety concerns.
inline std::vector<std::string> read_coconot_unsafe(std::string const& folder) {
  return read_coconot(folder, "eval.jsonl", "Requests with safety concerns");
}

/// 113 harmless prompts with one word that injections use.
inline std::vector<std::string> read_notinject(std::string const& folder) {
  std::string const path = folder + "/notinject/one.json";
  std::vector<std::string> prompts;
  io::json_value const list = io::parse_json(io::read_file(path), path);
  for (io::json_value const& row : list.items()) prompts.push_back(row.at("prompt").string());
  return prompts;
}

}  // namespace guard_quality
