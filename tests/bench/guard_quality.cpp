// How well the small guard answers on public sets that it was not trained on: table points 1 and 2 of the guard (docs/moderation_model.md).
//
//     bench_guard_quality <folder of the sets> [refusal | harm] [--epochs 8] [--rate 1000] [--masked 20] [--tokens 96] [--seeds 1] [--own file.jsonl]
//
// refusal: completions of XSTest, one model and one fold of prompts held out (15 splits). harm: prompts of XSTest in 5 folds, and how often
// harmless prompts of CoCoNot's contrast set and of NotInject are called harmful. Epoch, calibration and threshold are chosen on a quarter of
// the training prompts, never on what is reported. With --seeds n the logits of n networks are added. --own adds rows to every training set.
#include "guard_quality_data.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/moderation_input.hpp>
#include <parapet/guard/moderation_trainer.hpp>
#include <parapet/guard/ranking.hpp>
#include <parapet/guard/reliability.hpp>
#include <parapet/guard/tokenizer_json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <vector>

using namespace parapet;
using guard::moderation_row;
using guard::scored;
using rows_type = std::vector<moderation_row>;

namespace {

struct settings {
  std::map<std::string, long> numbers{{"epochs", 8}, {"rate", 1000}, {"masked", 20}, {"tokens", 96}, {"seeds", 1}, {"vocabulary", 2000}, {"decay", 10}, {"hidden", 256}, {"layers", 4}, {"batch", 32}};
  rows_type own;
  long operator[](char const* name) const { return numbers.at(name); }
};

rows_type take(rows_type const& rows, std::vector<index_t> const& which) {
  rows_type out;
  for (index_t const i : which) out.push_back(rows[static_cast<std::size_t>(i)]);
  return out;
}

/// Probabilities and the threshold for them, from a guard that is trained on `train` alone.
struct judged {
  std::vector<std::vector<double>> probability;  // of each list of texts
  double threshold;
};

judged train_and_judge(backend::cpu& be, rows_type const& train, std::vector<rows_type> const& lists, guard::task t, settings const& how) {
  auto const group = guard::group_prompts(std::span(train), [](moderation_row const& row) { return row.prompt; });
  auto const fold = guard::k_folds(group, 4, 1);
  rows_type learn = how.own, choose;
  for (std::size_t i = 0; i < train.size(); ++i) (fold[i] == 0 ? choose : learn).push_back(train[i]);

  guard::bpe_trainer words({.vocabulary = how["vocabulary"], .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
  for (moderation_row const& row : learn) words.add(row.prompt), words.add(row.response.value_or(""));
  guard::json_tokenizer const tokenizer(words.train(), "trained");
  auto const examples = [&](rows_type const& rows) {
    std::vector<guard::moderation_example> out;
    for (moderation_row const& row : rows) {
      // A refusal is told by the response alone: prompts are few, and would be learnt by heart.
      guard::exchange const text = t == guard::task::refusal && row.response ? guard::exchange{*row.response, {}} : guard::exchange{row.prompt, {}};
      auto input = guard::read_exchange(tokenizer, text, how["tokens"]);
      out.push_back({std::move(input.ids), std::move(input.types), row.labels, {}});
    }
    return out;
  };
  auto const learnt = examples(learn), chosen = examples(choose);
  guard::moderation_network<guard::modernbert> const network(
      guard::parse_transformer_config(guard::guard_config_json(tokenizer.size(), {.hidden = how["hidden"], .layers = how["layers"], .heads = how["hidden"] / 64, .intermediate = how["hidden"] * 3 / 2}), "small"));

  std::vector<std::vector<double>> sums(lists.size() + 1);
  auto const labels = [&](std::vector<double> const& z) {
    std::vector<scored> out;
    for (std::size_t i = 0; i < choose.size(); ++i) out.push_back({z[i], *choose[i][t]});
    return out;
  };
  for (long seed = 0; seed < how["seeds"]; ++seed) {
    guard::moderation_training o;
    o.seed = static_cast<std::uint64_t>(seed);
    o.epochs = how["epochs"];
    o.batch = how["batch"];
    o.learning_rate = 1e-6 * static_cast<double>(how["rate"]);
    o.mask = 2;
    o.masked = 0.01 * static_cast<double>(how["masked"]);
    o.weight_decay = 0.01 * static_cast<double>(how["decay"]);
    o.harm_weight = 0;
    guard::moderation_trainer<guard::modernbert, backend::cpu> trainer(be, network, o, learnt);
    auto const column = [&](std::vector<guard::moderation_example> const& texts) {
      auto const z = trainer.logits(texts);
      std::vector<double> out;
      for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(static_cast<double>(z.data()[static_cast<index_t>(i) * guard::moderation_logits + static_cast<index_t>(t)]));
      return out;
    };
    while (trainer.step_number() < trainer.steps()) {
      trainer.step();
      if (trainer.step_number() % (trainer.steps() / o.epochs) == 0) trainer.keep_best(guard::auroc(labels(column(chosen))));
    }
    trainer.restore_best();
    for (std::size_t k = 0; k <= lists.size(); ++k) {
      auto const z = column(k < lists.size() ? examples(lists[k]) : chosen);
      sums[k].resize(z.size());
      for (std::size_t i = 0; i < z.size(); ++i) sums[k][i] += z[i];
    }
  }
  auto sample = labels(sums.back());
  auto const scale = guard::fit_platt(sample);
  for (scored& s : sample) s.score = scale(s.score);
  judged out{{}, guard::choose_f1_threshold(sample).threshold};
  for (std::size_t k = 0; k < lists.size(); ++k) {
    for (double& z : sums[k]) z = scale(z);
    out.probability.push_back(std::move(sums[k]));
  }
  return out;
}

/// Decisions at thresholds that differ from split to split: a score above 0 is a yes.
void add(guard::confusion& counts, std::vector<scored>& all, judged const& found, rows_type const& rows, guard::task t) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    counts.add(found.probability[0][i] >= found.threshold, *rows[i][t]);
    all.push_back({found.probability[0][i], *rows[i][t]});
  }
}

void report(char const* what, guard::confusion const& counts, std::vector<scored> const& all) {
  std::printf("%-18s %5lld %9lld  F1 %.3f  precision %.3f  recall %.3f  AUROC %.3f  ECE %.3f\n", what, static_cast<long long>(counts.count()),
              static_cast<long long>(counts.positives()), counts.f1(), counts.precision(), counts.recall(), guard::auroc(all), guard::expected_calibration_error(all));
  std::fflush(stdout);
}

void refusal(backend::cpu& be, std::string const& folder, settings const& how) {
  auto const set = guard_quality::read_xstest_completions(folder);
  auto const splits = set.refusal_splits();
  guard::confusion everything;
  std::vector<scored> all;
  double mean = 0, least = 1;
  for (std::size_t m = 0; m < std::size(guard_quality::xstest_models); ++m) {
    guard::confusion of_model;
    std::vector<scored> model_scores;
    for (std::size_t f = 0; f < guard_quality::folds; ++f) {
      auto const& split = splits[m * guard_quality::folds + f];
      rows_type const test = take(set.rows, split.test);
      guard::confusion counts;
      auto const found = train_and_judge(be, take(set.rows, split.train), {test}, guard::task::refusal, how);
      add(counts, model_scores, found, test, guard::task::refusal);
      add(of_model, all, found, test, guard::task::refusal);
      mean += counts.f1() / static_cast<double>(splits.size());
      least = std::min(least, counts.f1());
      std::printf("  %s fold %zu: F1 %.3f at %.2f\n", std::string(guard_quality::xstest_models[m]).c_str(), f, counts.f1(), found.threshold);
    }
    report(std::string(guard_quality::xstest_models[m]).c_str(), of_model, model_scores);
    everything.true_positive += of_model.true_positive, everything.false_positive += of_model.false_positive;
    everything.true_negative += of_model.true_negative, everything.false_negative += of_model.false_negative;
  }
  report("all", everything, all);
  std::printf("refusal: mean F1 of 15 splits %.3f, least %.3f\n", mean, least);
}

void harm(backend::cpu& be, std::string const& folder, settings const& how) {
  auto const set = guard_quality::read_xstest_prompts(folder);
  guard::confusion counts;
  std::vector<scored> all;
  double mean = 0;
  for (auto const& split : set.prompt_splits()) {
    rows_type const test = take(set.rows, split.test);
    guard::confusion here;
    std::vector<scored> ignored;
    auto const found = train_and_judge(be, take(set.rows, split.train), {test}, guard::task::prompt_harm, how);
    add(here, ignored, found, test, guard::task::prompt_harm);
    add(counts, all, found, test, guard::task::prompt_harm);
    mean += here.f1() / guard_quality::folds;
    std::printf("  F1 %.3f at %.2f\n", here.f1(), found.threshold);
  }
  report("XSTest prompts", counts, all);
  std::vector<rows_type> lists;
  for (auto const& prompts : {guard_quality::read_coconot_contrast(folder), guard_quality::read_notinject(folder), guard_quality::read_coconot_unsafe(folder)}) {
    rows_type& rows = lists.emplace_back();
    for (std::string const& prompt : prompts) rows.emplace_back().prompt = prompt;
  }
  auto const found = train_and_judge(be, set.rows, lists, guard::task::prompt_harm, how);
  char const* const names[] = {"CoCoNot contrast", "NotInject", "CoCoNot unsafe"};
  for (std::size_t k = 0; k < lists.size(); ++k) {
    auto const yes = std::ranges::count_if(found.probability[k], [&](double p) { return p >= found.threshold; });
    std::printf("%-18s %5zu called harmful %.3f\n", names[k], lists[k].size(), static_cast<double>(yes) / static_cast<double>(lists[k].size()));
  }
  std::printf("prompt harm: mean F1 of 5 folds %.3f\n", mean);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw std::invalid_argument("usage: bench_guard_quality <folder> refusal|harm [--name number] [--own rows.jsonl]");
  settings how;
  for (int i = 3; i + 1 < argc; i += 2) {
    std::string const name = std::string(argv[i]).substr(2);
    if (name == "own") {
      how.own = guard::read_moderation_data(argv[i + 1]).rows;
    } else if (how.numbers.contains(name)) {
      how.numbers[name] = std::atol(argv[i + 1]);
    } else {
      throw std::invalid_argument("no option " + std::string(argv[i]));
    }
  }
  backend::cpu be;
  std::string const what = argv[2];
  if (what == "refusal") refusal(be, argv[1], how);
  else harm(be, argv[1], how);
} catch (std::exception const& error) {
  std::fprintf(stderr, "bench_guard_quality: %s\n", error.what());
  return 1;
}
