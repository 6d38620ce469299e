// How well a guard trained here answers on public sets that it was not trained on: table points 1 and 2 of the guard (docs/moderation_model.md).
//
//     bench_guard_quality <folder of the sets> refusal|harm --base <folder of an encoder of BERT's kind>    fine-tuned
//     bench_guard_quality <folder of the sets> refusal|harm --networks 1 --rate 1000 --head-rate 1 --layers 4 --epochs 8    the small guard, from nothing
//
// refusal: completions of XSTest, one model and one fold of prompts held out (15 splits). harm: prompts of XSTest in 5 folds, and how often
// harmless prompts of CoCoNot's contrast set and of NotInject are called harmful. Calibration and threshold come from the training prompts:
// from all by cross-fitting, or with one network from a quarter that it does not learn from. --beside, any number of times: other prompts
// are learnt from too, the harmless ones of a file of labelled rows or, with "coconot", CoCoNot's preferences and every second unsafe request.
#include "guard_quality_data.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/conformal.hpp>
#include <parapet/guard/cross_fit.hpp>
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
#include <utility>
#include <vector>

using namespace parapet;
using guard::moderation_row;
using guard::scored;
using rows_type = std::vector<moderation_row>;

namespace {

struct settings {
  std::map<std::string, long> numbers{{"epochs", 5},   {"rate", 100}, {"head-rate", 20}, {"masked", 10},       {"tokens", 64},  {"networks", 4},
                                      {"layers", 5},   {"batch", 32}, {"decay", 10},     {"vocabulary", 2000}, {"model", -1}};
  std::string base;
  rows_type beside;       // learnt from, but not for calibration and threshold
  bool coconot = false;  // they are of CoCoNot
  long operator[](char const* name) const { return numbers.at(name); }
};

rows_type take(rows_type const& rows, std::vector<index_t> const& which) {
  rows_type out;
  for (index_t const i : which) out.push_back(rows[static_cast<std::size_t>(i)]);
  return out;
}

rows_type prompts_as_rows(std::vector<std::string> const& prompts, bool harmful) {
  rows_type out;
  for (std::string const& prompt : prompts) {
    out.emplace_back().prompt = prompt;
    out.back()[guard::task::prompt_harm] = harmful;
  }
  return out;
}

rows_type every_second(rows_type const& rows, std::size_t first) {
  rows_type out;
  for (std::size_t i = first; i < rows.size(); i += 2) out.push_back(rows[i]);
  return out;
}

/// Probabilities and the threshold for them, from a guard that is trained on `train` alone.
struct judged {
  std::vector<std::vector<double>> probability;  // of each list of texts
  double threshold;
  double strict;  // at most 2 % of harmless training prompts are above it
};

template <class Architecture>
judged train_and_judge(backend::cpu& be, rows_type train, std::vector<rows_type> const& lists, guard::task t, settings const& how) {
  std::size_t const own = train.size();  // calibration and threshold are theirs
  train.insert(train.end(), how.beside.begin(), how.beside.end());
  std::string words, config;
  if (how.base.empty()) {
    guard::bpe_trainer trainer({.vocabulary = how["vocabulary"], .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
    for (moderation_row const& row : train) trainer.add(row.prompt), trainer.add(row.response.value_or(""));
    words = trainer.train();
  } else {
    words = io::read_file(how.base + "/tokenizer.json");
    config = guard::encoder_config_json(io::read_file(how.base + "/config.json"), how.base + "/config.json", how["layers"], "mean");
  }
  guard::json_tokenizer const tokenizer(words, how.base + "tokenizer.json");
  if (how.base.empty()) config = guard::guard_config_json(tokenizer.size(), {.layers = how["layers"]});
  guard::moderation_network<Architecture> const network(guard::parse_transformer_config(config, how.base + "config.json"));

  guard::moderation_training o;
  o.epochs = how["epochs"];
  o.batch = how["batch"];
  o.learning_rate = 1e-6 * static_cast<double>(how["rate"]);
  o.head_rate = static_cast<double>(how["head-rate"]);
  o.mask = tokenizer.control_id("[MASK]");
  o.masked = 0.01 * static_cast<double>(how["masked"]);
  o.weight_decay = 0.01 * static_cast<double>(how["decay"]);
  o.harm_weight = 0;
  buffer<float> start(network.size());
  network.initialize(start.view(), o.seed);
  if (!how.base.empty()) network.load(start.view(), io::mapped_model(how.base));

  auto const examples = [&](rows_type const& rows) {
    std::vector<guard::moderation_example> out;
    for (moderation_row const& row : rows) {
      // A refusal is told by the response alone: prompts are few, and would be learnt by heart.
      auto input = guard::read_exchange(tokenizer, {t == guard::task::refusal ? *row.response : row.prompt, {}}, how["tokens"]);
      out.push_back({std::move(input.ids), std::move(input.types), row.labels, {}});
    }
    return out;
  };
  auto const learnt = examples(train);
  auto const group = guard::group_prompts(std::span<moderation_row const>(train), [](moderation_row const& row) { return row.prompt; });
  using trainer = guard::moderation_trainer<Architecture, backend::cpu>;
  auto const run = [](trainer& one, int = 0) {
    while (one.step_number() < one.steps()) one.step();
  };
  auto const column = [&](buffer<float> const& z, std::size_t i) {
    return static_cast<double>(z.data()[static_cast<index_t>(i) * guard::moderation_logits + static_cast<index_t>(t)]);
  };

  buffer<float> parameters;
  std::vector<scored> sample;
  if (how["networks"] > 1) {
    auto const fold = guard::k_folds(group, static_cast<int>(how["networks"]), 1);
    auto found = guard::cross_fit(be, network, o, std::span<guard::moderation_example const>(learnt), fold, start.view(), run);
    for (std::size_t i = 0; i < own; ++i) sample.push_back({column(found.logits, i), *train[i][t]});
    parameters = std::move(found.parameters);
  } else {
    auto const fold = guard::k_folds(group, 4, 1);
    std::vector<guard::moderation_example> most, quarter;
    for (std::size_t i = 0; i < train.size(); ++i) (fold[i] == 0 && i < own ? quarter : most).push_back(learnt[i]);
    trainer one(be, network, o, most, start.view());
    run(one);
    auto const z = one.logits(quarter);
    for (std::size_t i = 0; i < quarter.size(); ++i) sample.push_back({column(z, i), *quarter[i].labels[static_cast<std::size_t>(t)]});
    parameters = buffer<float>(network.size());
    copy(be, one.parameters(), parameters.view());
  }
  auto const scale = guard::fit_platt(sample);
  for (scored& s : sample) s.score = scale(s.score);
  judged out{{}, guard::choose_f1_threshold(sample).threshold, guard::threshold_for_false_positives(sample, 0.02)};
  trainer last(be, network, o, learnt, parameters.view());
  for (rows_type const& list : lists) {
    auto const texts = examples(list);
    auto const z = last.logits(texts);
    auto& probability = out.probability.emplace_back();
    for (std::size_t i = 0; i < texts.size(); ++i) probability.push_back(scale(column(z, i)));
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
              static_cast<long long>(counts.positives()), counts.f1(), counts.precision(), counts.recall(), guard::auroc(all),
              guard::expected_calibration_error(all));
}

template <class Architecture>
void refusal(backend::cpu& be, std::string const& folder, settings const& how) {
  auto const set = guard_quality::read_xstest_completions(folder);
  auto const splits = set.refusal_splits();
  guard::confusion everything;
  std::vector<scored> all;
  double mean = 0, least = 1;
  for (std::size_t m = 0; m < std::size(guard_quality::xstest_models); ++m) {
    if (how["model"] >= 0 && how["model"] != static_cast<long>(m)) continue;
    guard::confusion of_model;
    std::vector<scored> model_scores;
    for (std::size_t f = 0; f < guard_quality::folds; ++f) {
      auto const& split = splits[m * guard_quality::folds + f];
      rows_type const test = take(set.rows, split.test);
      guard::confusion counts;
      auto const found = train_and_judge<Architecture>(be, take(set.rows, split.train), {test}, guard::task::refusal, how);
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

template <class Architecture>
void harm(backend::cpu& be, std::string const& folder, settings const& how) {
  auto const set = guard_quality::read_xstest_prompts(folder);
  guard::confusion counts, strict;
  std::vector<scored> all;
  double mean = 0;
  for (auto const& split : set.prompt_splits()) {
    rows_type const test = take(set.rows, split.test);
    guard::confusion here;
    std::vector<scored> ignored;
    auto found = train_and_judge<Architecture>(be, take(set.rows, split.train), {test}, guard::task::prompt_harm, how);
    add(here, ignored, found, test, guard::task::prompt_harm);
    add(counts, all, found, test, guard::task::prompt_harm);
    mean += here.f1() / guard_quality::folds;
    std::printf("  F1 %.3f at %.2f\n", here.f1(), found.threshold);
    found.threshold = found.strict;
    add(strict, ignored, found, test, guard::task::prompt_harm);
  }
  report("XSTest prompts", counts, all);
  std::printf("  with thresholds for 2 %% of false positives: F1 %.3f, recall %.3f, false-positive rate %.3f\n", strict.f1(), strict.recall(),
              strict.false_positive_rate());
  std::vector<rows_type> lists{prompts_as_rows(guard_quality::read_coconot_contrast(folder), false),
                               prompts_as_rows(guard_quality::read_notinject(folder), false),
                               prompts_as_rows(guard_quality::read_coconot_unsafe(folder), true)};
  if (how.coconot) lists[2] = every_second(lists[2], 1);
  auto const found = train_and_judge<Architecture>(be, set.rows, lists, guard::task::prompt_harm, how);
  char const* const names[] = {"CoCoNot contrast", "NotInject", "CoCoNot unsafe"};
  for (std::size_t k = 0; k < lists.size(); ++k) {
    auto const rate = [&](double threshold) {
      auto const yes = std::ranges::count_if(found.probability[k], [&](double p) { return p >= threshold; });
      return static_cast<double>(yes) / static_cast<double>(lists[k].size());
    };
    std::printf("%-18s %5zu called harmful %.3f at %.2f, %.3f at %.2f\n", names[k], lists[k].size(), rate(found.threshold), found.threshold,
                rate(found.strict), found.strict);
  }
  std::printf("prompt harm: mean F1 of 5 folds %.3f\n", mean);
}

}  // namespace

int main(int argc, char** argv) try {
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 12);  // a run takes half an hour: it can be watched in a file too
  if (argc < 3) throw std::invalid_argument("usage: bench_guard_quality <folder> refusal|harm [--base folder] [--name number]");
  settings how;
  for (int i = 3; i + 1 < argc; i += 2) {
    std::string const name = std::string(argv[i]).substr(2);
    if (name == "base") {
      how.base = argv[i + 1];
    } else if (name == "beside" && std::string(argv[2]) == "harm") {
      auto const add = [&](rows_type const& rows) { how.beside.insert(how.beside.end(), rows.begin(), rows.end()); };
      if (std::string(argv[i + 1]) == "coconot") {
        how.coconot = true;
        add(prompts_as_rows(guard_quality::read_coconot(argv[1], "pref.jsonl"), false));
        add(every_second(prompts_as_rows(guard_quality::read_coconot_unsafe(argv[1]), true), 0));
      } else {
        for (moderation_row& row : guard::read_moderation_data(argv[i + 1]).rows)
          if (row[guard::task::prompt_harm] == false) how.beside.push_back(std::move(row));
      }
    } else if (how.numbers.contains(name)) {
      how.numbers[name] = std::atol(argv[i + 1]);
    } else {
      throw std::invalid_argument("no option " + std::string(argv[i]));
    }
  }
  backend::cpu be;
  std::string const what = argv[2];
  auto const measure = [&]<class Architecture>(Architecture) {
    if (what == "refusal") refusal<Architecture>(be, argv[1], how);
    else harm<Architecture>(be, argv[1], how);
  };
  if (how.base.empty()) measure(guard::modernbert{});
  else measure(guard::bert{});
} catch (std::exception const& error) {
  std::fprintf(stderr, "bench_guard_quality: %s\n", error.what());
  return 1;
}
