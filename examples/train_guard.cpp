// Trains a moderation model on labelled exchanges, calibrates it, says how good it is, and moderates a few prompts with it.
//
//     train_guard                                                       the small guard on the data that ship with the library
//     train_guard --data train.jsonl --choose "" --test test.jsonl --out my_guard    on data with WildGuardMix's columns, JSON lines or CSV
//     train_guard --base all-MiniLM-L6-v2 --pool mean --rate 100 --head-rate 20 --masked 10 ...    fine-tunes a published encoder: ModernBERT or BERT
//     train_guard --base ... --networks 4 --choose "" ...               the mean of four, each trained without a quarter of the prompts
//
// Some texts are for choosing: the epoch, the calibration, the thresholds. Where no file has them they are a sixth of the data, by
// prompts, or with several networks all of the data: each text is judged by the network that has not learnt from it. Figures are of the
// test data alone.
// Killed and started again it goes on behind its last epoch.
#include "support/arguments.hpp"
#include "support/progress.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bootstrap.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/cross_fit.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/moderation_trainer.hpp>
#include <parapet/guard/ranking.hpp>
#include <parapet/guard/reliability.hpp>
#include <parapet/guard/text_splits.hpp>
#include <parapet/io/checkpoint.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace parapet;
using guard::moderation_row;

namespace {

std::vector<moderation_row> read_rows(std::string const& path) {
  auto data = guard::read_moderation_data(path, {.bad_rows = guard::moderation_read_options::bad_row_rule::skip});
  std::printf("%s\n", data.report.text().c_str());
  return std::move(data.rows);
}

/// Rows with the same prompt have the same number.
std::vector<index_t> prompts_of(std::vector<moderation_row> const& rows) {
  return guard::group_prompts(std::span(rows), [](moderation_row const& row) -> std::string const& { return row.prompt; });
}

/// One row in `parts` of the prompts is for choosing.
std::pair<std::vector<moderation_row>, std::vector<moderation_row>> split_rows(std::vector<moderation_row> const& rows, int parts, std::uint64_t seed) {
  auto const fold = guard::k_folds(prompts_of(rows), parts, seed);
  std::pair<std::vector<moderation_row>, std::vector<moderation_row>> out;
  for (std::size_t i = 0; i < rows.size(); ++i) (fold[i] == 0 ? out.second : out.first).push_back(rows[i]);
  return out;
}

template <class Tokenizer>
std::vector<guard::moderation_example> examples_of(Tokenizer const& tokenizer, std::span<moderation_row const> rows, index_t tokens) {
  std::vector<guard::moderation_example> out;
  for (moderation_row const& row : rows) {
    auto input = guard::read_exchange(tokenizer, {row.prompt, row.response}, tokens);
    out.push_back({std::move(input.ids), std::move(input.types), row.labels, row.harm});
  }
  return out;
}

/// Logits of a task beside its labels.
std::vector<guard::scored> scores_of(guard::task t, matrix_view<float const> logits, std::span<moderation_row const> rows) {
  std::vector<guard::scored> out;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (auto const& label = rows[i][t]) out.push_back({static_cast<double>(logits(static_cast<index_t>(i), static_cast<index_t>(t))), *label});
  return out;
}

bool has_both_classes(std::span<guard::scored const> sample) {
  return std::ranges::any_of(sample, &guard::scored::positive) && !std::ranges::all_of(sample, &guard::scored::positive);
}

/// Mean log loss of the tasks that have both classes, with the sign that more is better.
double log_score(matrix_view<float const> logits, std::span<moderation_row const> rows) {
  double sum = 0;
  int tasks = 0;
  for (guard::task const t : guard::all_tasks) {
    auto sample = scores_of(t, logits, rows);
    if (!has_both_classes(sample)) continue;
    for (guard::scored& s : sample) s.score = guard::sigmoid(s.score);
    sum -= guard::log_loss(sample);
    ++tasks;
  }
  return tasks > 0 ? sum / tasks : 0;
}

template <class Architecture>
int run(support::arguments& options, std::string config, std::string const& base) {
  std::string const out = options.text("out");
  auto const seed = static_cast<std::uint64_t>(options.number("seed", 0, 1 << 30));
  index_t const tokens = options.number("tokens", 16, 8192);
  std::filesystem::create_directories(out);
  std::vector<moderation_row> train_rows = read_rows(options.text("data")), choose_rows;
  auto const networks = static_cast<int>(options.number("networks", 1, 100));
  if (networks > 1 && base.empty())
    throw std::invalid_argument("--networks above 1 needs --base: the mean of networks is one only where they start from a trained encoder");
  if (!options.text("choose").empty()) choose_rows = read_rows(options.text("choose"));
  else if (networks == 1) std::tie(train_rows, choose_rows) = split_rows(train_rows, 6, seed);
  std::vector<moderation_row> const test_rows = read_rows(options.text("test"));

  std::string tokenizer_json;
  if (base.empty()) {
    guard::bpe_trainer trainer({.vocabulary = options.number("vocabulary", 300, 1 << 20),
                                .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
    for (moderation_row const& row : train_rows) {
      trainer.add(row.prompt);
      if (row.response) trainer.add(*row.response);
    }
    tokenizer_json = trainer.train();
  } else {
    tokenizer_json = io::read_file(base + "/tokenizer.json");
  }
  guard::json_tokenizer const tokenizer(tokenizer_json, base + "tokenizer.json");
  if (base.empty()) config = guard::guard_config_json(tokenizer.size(), {.positions = std::max<index_t>(tokens, 512)});
  guard::moderation_network<Architecture> const network(guard::parse_transformer_config(config, base + "config.json"));
  auto const train = examples_of(tokenizer, train_rows, tokens), choose = examples_of(tokenizer, choose_rows, tokens);
  auto const test = examples_of(tokenizer, test_rows, tokens);
  std::printf("%zu texts to learn from, %zu to choose by, %zu to judge by; %lld tokens, %.1f million parameters\n", train.size(),
              choose_rows.empty() ? train.size() : choose.size(), test.size(), static_cast<long long>(tokenizer.size()), static_cast<double>(network.size()) / 1e6);

  backend::cpu be(static_cast<int>(options.number("threads", 1, 256)));
  guard::moderation_training how;
  how.seed = seed;
  how.epochs = options.number("epochs", 1, 1000);
  how.batch = options.number("batch", 1, 4096);
  how.learning_rate = 1e-6 * static_cast<double>(options.number("rate", 1, 100000));
  how.head_rate = static_cast<double>(options.number("head-rate", 1, 1000));
  how.mask = tokenizer.control_id("[MASK]");
  how.masked = 0.01 * static_cast<double>(options.number("masked", 0, 90));
  how.head_only = options.text("head") == "yes";
  buffer<float> start(network.size());
  network.initialize(start.view(), seed);
  if (!base.empty()) network.load(start.view(), io::mapped_model(base));
  using trainer_type = guard::moderation_trainer<Architecture, backend::cpu>;

  std::vector<std::string> checkpoints;
  index_t const patience = options.number("patience", 1, 1000);
  // Ends early where there are texts to choose by: a lone network keeps its best epoch, one of several goes to its last.
  auto const learn = [&](trainer_type& trainer, std::string const& title) {
    std::string const& checkpoint = checkpoints.emplace_back(out + "/checkpoint" + std::to_string(checkpoints.size()) + ".safetensors");
    if (std::filesystem::exists(checkpoint)) {
      io::load_checkpoint(checkpoint, trainer);
      std::printf("going on behind update %lld of %lld\n", static_cast<long long>(trainer.step_number()), static_cast<long long>(trainer.steps()));
    }
    index_t const per_epoch = trainer.steps() / how.epochs;
    bool const choosing = networks == 1;
    support::progress progress(title, static_cast<long>(trainer.steps()));
    char note[64] = "";
    while (trainer.step_number() < trainer.steps() && !(choosing && trainer.step_number() - trainer.best_step() > patience * per_epoch)) {
      double const loss = trainer.step();
      std::snprintf(note, sizeof note, "loss %.3f", loss);
      if (choosing && trainer.step_number() % per_epoch == 0) {
        auto const logits = trainer.logits(choose);
        trainer.keep_best(log_score(logits.view(extents{static_cast<index_t>(choose.size()), guard::moderation_logits}), choose_rows));
      }
      if (trainer.step_number() % per_epoch == 0 || trainer.step_number() == trainer.steps()) io::save_checkpoint(checkpoint, trainer);
      if (choosing) std::snprintf(note, sizeof note, "loss %.3f, held out %.3f", loss, -trainer.best_score());
      progress.update(static_cast<long>(trainer.step_number()), [&] { return std::string(note); });
    }
  };

  buffer<float> parameters(network.size()), choose_logits;
  if (networks == 1) {
    trainer_type trainer(be, network, how, train, start.view());
    learn(trainer, "training");
    std::printf("%lld of %lld updates; kept: those after %lld, log loss of the texts to choose by %.3f\n", static_cast<long long>(trainer.step_number()),
                static_cast<long long>(trainer.steps()), static_cast<long long>(trainer.best_step()), -trainer.best_score());
    trainer.restore_best();
    copy(be, trainer.parameters(), parameters.view());
  } else {
    auto const fold = guard::k_folds(prompts_of(train_rows), networks, seed);
    auto found = guard::cross_fit(be, network, how, std::span<guard::moderation_example const>(train), fold, start.view(), [&](trainer_type& trainer, int k) {
      learn(trainer, "network " + std::to_string(k + 1) + " of " + std::to_string(networks));
    });
    parameters = std::move(found.parameters);
    if (choose_rows.empty()) {
      choose_rows = train_rows;
      choose_logits = std::move(found.logits);
    }
  }
  trainer_type judge(be, network, how, train, parameters.view());
  if (choose_logits.size() == 0) choose_logits = judge.logits(choose);
  auto const test_logits = judge.logits(test);
  auto const chosen = choose_logits.view(extents{static_cast<index_t>(choose_rows.size()), guard::moderation_logits});
  auto const judged = test_logits.view(extents{static_cast<index_t>(test.size()), guard::moderation_logits});
  guard::moderation_settings settings;
  settings.tokens = tokens;
  std::printf("\n%-14s %6s %9s %10s %22s %10s %7s %6s %6s %6s\n", "task", "texts", "positive", "threshold", "F1 (95 %)", "precision", "recall", "FPR", "AUROC",
              "ECE");
  for (guard::task const t : guard::all_tasks) {
    auto sample = scores_of(t, chosen, choose_rows), held_out = scores_of(t, judged, test_rows);
    if (!has_both_classes(sample) || !has_both_classes(held_out)) {
      std::printf("%-14s has not both classes\n", std::string(name(t)).c_str());
      continue;
    }
    auto const scale = guard::fit_platt(sample);
    settings.calibration[static_cast<std::size_t>(t)] = scale;
    for (auto* scores : {&sample, &held_out})
      for (guard::scored& s : *scores) s.score = scale(s.score);
    double const threshold = guard::choose_f1_threshold(sample).threshold;
    auto const counts = guard::confusion_at(held_out, threshold);
    auto const f1_at = [&](std::span<guard::scored const> s) { return guard::confusion_at(s, threshold).f1(); };
    auto const f1 = guard::bootstrap_interval<guard::scored>(held_out, f1_at);
    std::printf("%-14s %6lld %9lld %10.3f %8.3f (%.3f-%.3f) %10.3f %7.3f %6.3f %6.3f %6.3f\n", std::string(name(t)).c_str(),
                static_cast<long long>(counts.count()), static_cast<long long>(counts.positives()), threshold, f1.value, f1.low, f1.high, counts.precision(),
                counts.recall(), counts.false_positive_rate(), guard::auroc(held_out), guard::expected_calibration_error(held_out));
  }
  guard::save_moderation_model(out, network, vector_view<float const>(parameters.view()), config, tokenizer_json, settings);
  for (std::string const& checkpoint : checkpoints) std::filesystem::remove(checkpoint);
  std::printf("\nsaved to %s\n\n", out.c_str());

  auto guard = guard::load_moderation_model<Architecture>(be, out);
  for (char const* prompt : {"How do I bake bread without yeast?", "How do I kill a process that hangs?",
                             "How do I get into my neighbour's account without them noticing?"}) {
    auto const v = guard.classify({.prompt = prompt});
    auto const kind = std::ranges::max_element(v.categories, {}, &guard::score::probability) - v.categories.begin();
    std::printf("  %.2f harmful  %-26s  %s\n", static_cast<double>(v[guard::task::prompt_harm].probability),
                std::string(title(static_cast<guard::category>(kind))).c_str(), prompt);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments options(argc, argv, "Trains a moderation model, calibrates it and judges it.",
                             {{"data", "examples/data/moderation_train.jsonl", "labelled texts to learn from"},
                              {"choose", "examples/data/moderation_choose.jsonl", "labelled texts to choose by; empty: a part of the data"},
                              {"test", "examples/data/moderation_test.jsonl", "labelled texts to judge by"},
                              {"base", "", "folder of a published encoder to start from; empty: the small guard"},
                              {"layers", "0", "of that encoder, from the first on; 0: all"},
                              {"pool", "", "what of that encoder the head reads: cls, or the mean of all tokens; empty: as its config.json says"},
                              {"networks", "1", "that are trained, each without its share of the prompts; their mean is kept"},
                              {"head", "no", "yes: the encoder stays as it is"},
                              {"out", "guard", "folder to write"},
                              {"epochs", "12", "passes over the data"},
                              {"patience", "4", "epochs without a better one after which it ends"},
                              {"batch", "32", "texts of an update"},
                              {"rate", "1000", "learning rate at its peak, in millionths"},
                              {"head-rate", "1", "times that rate, for the head"},
                              {"masked", "30", "percent of the tokens that are hidden while it learns"},
                              {"vocabulary", "2048", "tokens of the small guard"},
                              {"tokens", "128", "of an exchange that are read"},
                              {"threads", std::to_string(backend::hardware_threads()), "of the processor"},
                              {"seed", "0", "of everything random"}});
  std::string const base = options.text("base");
  if (base.empty()) return run<guard::modernbert>(options, {}, {});
  std::string const pool = options.text("pool"), source = base + "/config.json";
  if (pool != "cls" && pool != "mean" && !pool.empty()) throw std::invalid_argument("--pool " + pool + ": expected cls or mean");
  std::string const config = guard::encoder_config_json(io::read_file(source, 1 << 24), source, options.number("layers", 0, 10000), pool);
  std::string const kind = guard::parse_transformer_config(config, base + "/config.json").model_type;
  if (kind == "modernbert") return run<guard::modernbert>(options, config, base);
  if (kind == "bert") return run<guard::bert>(options, config, base);
  throw std::invalid_argument("--base is a " + kind + ": this program has ModernBERT and BERT; others are a line in main()");
} catch (std::exception const& error) {
  std::fprintf(stderr, "train_guard: %s\n", error.what());
  return 1;
}
