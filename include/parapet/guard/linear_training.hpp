// Trains a linear_classifier on labelled rows.
//
// Rows are split into folds by prompt. Each fold is scored by a model of the others, and those scores, which no model has seen the labels of,
// fit the calibrator and choose the threshold; then one model is trained on all rows. A task for which either class has fewer labels than there
// are folds is left out.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/linear_classifier.hpp>
#include <parapet/guard/logistic_regression.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/guard/moderation_row.hpp>
#include <parapet/guard/ngram_features.hpp>
#include <parapet/guard/text_splits.hpp>
#include <parapet/guard/verdict.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct linear_training_options {
  logistic_options logistic = {};
  int folds = 4;
  std::uint64_t seed = 0;
};

/// The texts of a row, which must outlive it.
inline exchange exchange_of(moderation_row const& row) {
  exchange out;
  out.prompt = row.prompt;
  if (row.response) out.response = *row.response;
  return out;
}

namespace detail {

/// The labelled texts of one task as counts, block by block.
struct counted_texts {
  std::vector<sparse_row> counts;
  std::vector<std::vector<std::size_t>> ends;
  std::vector<std::uint8_t> positive;
  std::vector<index_t> row;  ///< of the data set
};

inline counted_texts count_texts(std::span<moderation_row const> rows, task t, linear_options const& options) {
  counted_texts texts;
  ngram_counter counter(options.ngrams);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    moderation_row const& r = rows[i];
    sparse_row counts;
    std::vector<std::size_t> ends;
    if (!r[t] || !count_parts(counter, options, t, exchange_of(r), counts, ends)) continue;
    texts.counts.push_back(std::move(counts));
    texts.ends.push_back(std::move(ends));
    texts.positive.push_back(*r[t]);
    texts.row.push_back(static_cast<index_t>(i));
  }
  return texts;
}

/// Weights of the texts whose numbers are given.
inline linear_task fit_weights(counted_texts const& texts, std::span<index_t const> numbers, linear_options const& options, logistic_options const& logistic) {
  std::vector<sparse_row> rows;
  std::vector<std::uint8_t> positive;
  for (index_t const i : numbers) {
    rows.push_back(texts.counts[static_cast<std::size_t>(i)]);
    positive.push_back(texts.positive[static_cast<std::size_t>(i)]);
  }
  linear_task out;
  out.idf = inverse_document_frequency(rows, options.ngrams.bits);
  for (std::size_t k = 0; k < rows.size(); ++k) weigh(rows[k], texts.ends[static_cast<std::size_t>(numbers[k])], out.idf);
  logistic_model model = fit_logistic(rows, positive, out.idf.size(), logistic);
  out.weights = std::move(model.weights);
  out.bias = model.bias;
  return out;
}

}  // namespace detail

/// Trains all tasks that the rows have labels of. The same rows and options give the same bits.
inline linear_classifier train_linear_classifier(std::span<moderation_row const> rows, linear_options const& options = {},
                                                 linear_training_options const& training = {}) {
  if (training.folds < 2) throw argument_error(detail::concat("linear_training_options: ", training.folds, " folds, expected at least 2"));
  std::vector<index_t> const groups = group_prompts(rows, [](moderation_row const& row) -> std::string_view { return row.prompt; });
  std::array<linear_task, task_count> tasks;
  for (task const t : all_tasks) {
    detail::counted_texts const texts = detail::count_texts(rows, t, options);
    std::vector<index_t> group, label, all;
    index_t of_class[2] = {0, 0};
    for (std::size_t i = 0; i < texts.row.size(); ++i) {
      group.push_back(groups[static_cast<std::size_t>(texts.row[i])]);
      label.push_back(texts.positive[i]);
      all.push_back(static_cast<index_t>(i));
      ++of_class[texts.positive[i]];
    }
    if (of_class[0] < training.folds || of_class[1] < training.folds) continue;
    std::vector<scored> held_out;
    for (text_split const& split : k_fold_splits(k_folds(group, training.folds, training.seed, label))) {
      linear_task const fold = detail::fit_weights(texts, split.train, options, training.logistic);
      for (index_t const i : split.test) {
        sparse_row row = texts.counts[static_cast<std::size_t>(i)];
        weigh(row, texts.ends[static_cast<std::size_t>(i)], fold.idf);
        held_out.push_back({static_cast<double>(logit_of(row, fold.weights, fold.bias)), texts.positive[static_cast<std::size_t>(i)] != 0});
      }
    }
    linear_task& done = tasks[static_cast<std::size_t>(t)];
    done = detail::fit_weights(texts, all, options, training.logistic);
    done.calibrator = fit_platt(held_out);
    for (scored& s : held_out) s.score = done.calibrator(s.score);
    done.threshold = choose_f1_threshold(held_out).threshold;
  }
  return linear_classifier(options, std::move(tasks));
}

}  // namespace parapet::inline PARAPET_ABI::guard
