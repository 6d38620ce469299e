// The quality and speed of guard/linear_classifier.hpp on public sets: refusal on XSTest completions with a model and prompts held out, prompt
// harm on XSTest, false positives on CoCoNot contrast and NotInject.
//
//     bench_guard_linear <folder of guard_quality_data.hpp> [C] [bits] [lead bytes] [rows that are added to all training]
//
// Thresholds and calibrators come from training rows only. The floor of scikit-learn on the same splits: guard_floor_peer.py.
#include "guard_quality_data.hpp"

#include <parapet/guard/linear_training.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/ranking.hpp>
#include <parapet/guard/reliability.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace parapet;
using guard::task;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct split_result {
  std::vector<guard::scored> sample;
  guard::confusion at_threshold;
};

/// Rows that every model is trained on too.
std::vector<guard::moderation_row> extra;

split_result run_split(guard_quality::quality_set const& set, guard::text_split const& split, task t, guard::linear_options const& options,
                       guard::linear_training_options const& training) {
  std::vector<guard::moderation_row> train = extra;
  for (index_t const i : split.train) train.push_back(set.rows[static_cast<std::size_t>(i)]);
  guard::linear_classifier model = guard::train_linear_classifier(train, options, training);
  split_result out;
  for (index_t const i : split.test) {
    guard::moderation_row const& row = set.rows[static_cast<std::size_t>(i)];
    double const p = static_cast<double>(model.classify(guard::exchange_of(row))[t].probability);
    out.sample.push_back({p, *row[t]});
    out.at_threshold.add(p >= model[t].threshold, *row[t]);
  }
  return out;
}

void add(guard::confusion& sum, guard::confusion const& c) {
  sum.true_positive += c.true_positive, sum.false_positive += c.false_positive, sum.true_negative += c.true_negative, sum.false_negative += c.false_negative;
}

void report(char const* name, std::vector<split_result> const& splits) {
  double mean = 0, least = 1, area = 0, error = 0;
  std::vector<guard::scored> all;
  guard::confusion sum;
  for (split_result const& s : splits) {
    double const f1 = s.at_threshold.f1(), n = static_cast<double>(splits.size());
    mean += f1 / n, least = std::min(least, f1), area += guard::auroc(s.sample) / n, error += guard::expected_calibration_error(s.sample) / n;
    all.insert(all.end(), s.sample.begin(), s.sample.end());
    add(sum, s.at_threshold);
  }
  std::printf("%s: F1 mean %.3f least %.3f, AUROC mean %.3f, ECE mean %.3f; together F1 %.3f AUROC %.3f ECE %.3f; folds", name, mean, least, area, error, sum.f1(),
              guard::auroc(all), guard::expected_calibration_error(all));
  for (split_result const& s : splits) std::printf(" %.2f", s.at_threshold.f1());
  std::printf("\n");
}

void refusal(std::string const& folder, guard::linear_options const& options, guard::linear_training_options const& training) {
  guard_quality::quality_set const set = guard_quality::read_xstest_completions(folder);
  std::vector<split_result> results;
  for (guard::text_split const& split : set.refusal_splits()) results.push_back(run_split(set, split, task::refusal, options, training));
  report("refusal", results);
  for (std::size_t m = 0; m < std::size(guard_quality::xstest_models); ++m) {
    guard::confusion sum;
    for (std::size_t f = 0; f < guard_quality::folds; ++f) add(sum, results[m * guard_quality::folds + f].at_threshold);
    std::printf("    %s: %ld of %ld positive, F1 %.3f\n", std::string(guard_quality::xstest_models[m]).c_str(), static_cast<long>(sum.positives()),
                static_cast<long>(sum.count()), sum.f1());
  }
}

double share_called(guard::linear_classifier& model, std::vector<std::string> const& prompts) {
  double called = 0;
  for (std::string const& p : prompts) called += static_cast<double>(model.classify({p})[task::prompt_harm].probability) >= model[task::prompt_harm].threshold;
  return called / static_cast<double>(prompts.size());
}

void prompt_harm(std::string const& folder, guard::linear_options const& options, guard::linear_training_options const& training) {
  guard_quality::quality_set const set = guard_quality::read_xstest_prompts(folder);
  std::vector<split_result> results;
  for (guard::text_split const& split : set.prompt_splits()) results.push_back(run_split(set, split, task::prompt_harm, options, training));
  report("prompt harm", results);
  std::vector<guard::moderation_row> train = extra;
  train.insert(train.end(), set.rows.begin(), set.rows.end());
  guard::linear_classifier model = guard::train_linear_classifier(train, options, training);
  std::printf("    trained on all 450: called harmful of CoCoNot contrast %.3f, NotInject %.3f, CoCoNot safety concerns %.3f\n",
              share_called(model, guard_quality::read_coconot_contrast(folder)), share_called(model, guard_quality::read_notinject(folder)),
              share_called(model, guard_quality::read_coconot_unsafe(folder)));
}

void speed(std::string const& folder, guard::linear_options const& options, guard::linear_training_options const& training) {
  guard_quality::quality_set const set = guard_quality::read_xstest_completions(folder);
  double start = seconds();
  guard::linear_classifier model = guard::train_linear_classifier(set.rows, options, training);
  std::printf("training on 1350 responses: %.2f s\n", seconds() - start);
  std::size_t bytes = 0;
  start = seconds();
  for (guard::moderation_row const& row : set.rows) {
    static_cast<void>(model.classify(guard::exchange_of(row)));
    bytes += row.response->size();
  }
  double const spent = seconds() - start;
  std::printf("verdicts: %.1f us each, %.1f MB/s\n", 1e6 * spent / static_cast<double>(set.rows.size()), 1e-6 * static_cast<double>(bytes) / spent);
}

}  // namespace

int main(int count, char** words) try {
  if (count < 2) {
    std::fprintf(stderr, "usage: bench_guard_linear <folder> [C] [bits] [lead bytes] [rows]\n");
    return 2;
  }
  guard::linear_options options;
  guard::linear_training_options training;
  if (count > 2) training.logistic.c = std::atof(words[2]);
  if (count > 3) options.ngrams.bits = std::atoi(words[3]);
  if (count > 4) options.lead_bytes = std::atoi(words[4]);
  if (count > 5) extra = guard::read_moderation_data(words[5]).rows;
  refusal(words[1], options, training);
  prompt_harm(words[1], options, training);
  speed(words[1], options, training);
} catch (std::exception const& e) {
  std::fprintf(stderr, "bench_guard_linear: %s\n", e.what());
  return 1;
}
