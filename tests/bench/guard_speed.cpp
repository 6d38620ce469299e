// What the small guard costs: a verdict on an exchange of 128 tokens, many of them on all threads, loading, and an update of its training.
//
//     bench_guard_speed                          the small guard with random weights, whose arithmetic is the same, and an update of its training
//     bench_guard_speed <guard> <rows.jsonl>     a trained guard, and how far verdicts in bfloat16 and int8 are from those in float
//
// tests/bench/guard_speed_peer.py does the same in PyTorch and ONNX Runtime. Allocations are counted over verdicts after the first.
#include "support/allocation_counter.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/moderation_trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

using namespace parapet;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string words(std::uint64_t seed, index_t count) {
  static char const* const list[] = {" how", " do", " I", " bake", " bread", " without", " a", " robot", " before", " wall", " stop", " tea", " the", " poem"};
  philox_stream const stream(seed, 1);
  std::string out;
  for (index_t i = 0; i < count; ++i) out += list[stream.below(i, 14)];
  return out;
}

/// Milliseconds from nothing to the end of the first verdict, the least of some runs: the files are in the system's cache.
template <class Architecture, class Weight>
double cold_start(std::string const& folder, bool hash, guard::exchange const& text) {
  double best = 1e9;
  for (int run = 0; run < 5; ++run) {
    double const before = now();
    backend::cpu be(1);
    auto guard = guard::load_moderation_model<Architecture, Weight>(be, folder, hash);
    static_cast<void>(guard.classify(text));
    best = std::min(best, 1e3 * (now() - before));
  }
  return best;
}

template <class Architecture, class Weight>
void verdicts(std::string const& folder, char const* name) {
  backend::cpu one(1), all;
  auto guard = guard::load_moderation_model<Architecture, Weight>(one, folder, false);
  auto together = guard::load_moderation_model<Architecture, Weight>(all, folder, false);
  // 128 tokens with those of the template, or just below where a word is several.
  index_t length = 63;
  std::string prompt, response;
  std::size_t tokens;
  do {
    prompt = words(1, length - 1), response = words(2, length);
    tokens = guard::read_exchange(guard.tokenizer(), {prompt, response}, 1024).ids.size();
    --length;
  } while (tokens > 128);
  for (int i = 0; i < 20; ++i) guard.classify({prompt, response});
  std::vector<double> times;
  long const counted = support::allocation_count();
  for (int i = 0; i < 1000; ++i) {
    double const start = now();
    static_cast<void>(guard.classify({prompt, response}));
    times.push_back(1e3 * (now() - start));
  }
  double const per_verdict = static_cast<double>(support::allocation_count() - counted) / 1000;
  std::ranges::sort(times);
  std::vector<guard::exchange> const many(400, guard::exchange{prompt, response});
  std::vector<guard::verdict> out(many.size());
  together.classify(many, out);
  double const start = now();
  together.classify(many, out);
  double const rate = static_cast<double>(many.size()) / (now() - start);
  std::printf("%-9s %zu tokens: p50 %.2f ms, p99 %.2f ms on one thread; %.0f verdicts/s on %d; %.1f allocations a verdict\n", name, tokens, times[500],
              times[990], rate, all.threads(), per_verdict);
  auto const cold = [&](bool hash) { return cold_start<Architecture, Weight>(folder, hash, {prompt, response}); };
  std::printf("          loading and the first verdict: %.1f ms, with the hash of the weights %.1f ms\n", cold(false), cold(true));
}

/// Probabilities of all tasks and rows.
template <class Architecture, class Weight>
std::vector<float> probabilities(std::string const& folder, std::vector<guard::moderation_row> const& rows) {
  backend::cpu be;
  auto guard = guard::load_moderation_model<Architecture, Weight>(be, folder, false);
  std::vector<guard::exchange> texts;
  for (auto const& row : rows) texts.push_back({row.prompt, row.response});
  std::vector<guard::verdict> verdicts(rows.size());
  guard.classify(texts, verdicts);
  std::vector<float> out;
  for (guard::verdict const& v : verdicts)
    for (guard::task const t : guard::all_tasks) out.push_back(v[t].probability);
  return out;
}

void compare(std::vector<float> const& exact, std::vector<float> const& found, char const* name) {
  float largest = 0;
  int turned = 0, known = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (!(exact[i] >= 0)) continue;  // no response, no answer
    ++known;
    largest = std::max(largest, std::abs(exact[i] - found[i]));
    turned += (exact[i] >= 0.5f) != (found[i] >= 0.5f);
  }
  std::printf("%-9s probabilities at most %.3f from float's; %d of %d decisions at 0.5 differ\n", name, static_cast<double>(largest), turned, known);
}

template <class Architecture>
void all_weights(std::string const& folder, char const* rows_path) {
  verdicts<Architecture, float>(folder, "float");
  verdicts<Architecture, bfloat16>(folder, "bfloat16");
  verdicts<Architecture, std::int8_t>(folder, "int8");
  if (!rows_path) return;
  auto const rows = guard::read_moderation_data(rows_path).rows;
  auto const exact = probabilities<Architecture, float>(folder, rows);
  compare(exact, probabilities<Architecture, bfloat16>(folder, rows), "bfloat16");
  compare(exact, probabilities<Architecture, std::int8_t>(folder, rows), "int8");
}

/// The small guard with random weights.
void small_guard(std::string const& folder) {
  std::filesystem::create_directories(folder);
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 50; ++i) texts.push_back(words(i, 60));
  guard::bpe_trainer_options const bpe{.vocabulary = 400, .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"};
  std::string const tokenizer = guard::train_byte_level_bpe(texts, bpe);
  std::string const config = guard::guard_config_json(4096);
  guard::moderation_network<guard::modernbert> const network(guard::parse_transformer_config(config, "small"));
  buffer<float> parameters(network.size());
  network.initialize(parameters.view(), 1);
  guard::save_moderation_model(folder, network, vector_view<float const>(parameters.view()), config, tokenizer, {.tokens = 512});
}

void training() {
  backend::cpu be;
  guard::moderation_network<guard::modernbert> const network(guard::parse_transformer_config(guard::guard_config_json(4096), "small"));
  philox_stream const stream(1, 2);
  std::vector<guard::moderation_example> examples(320);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    for (index_t k = 0; k < 128; ++k) examples[i].ids.push_back(static_cast<std::int32_t>(stream.below(static_cast<index_t>(i) * 128 + k, 4096)));
    examples[i].types.assign(128, 0);
    examples[i].labels = {i % 2 == 0, i % 3 == 0, i % 5 == 0};
    examples[i].harm = static_cast<guard::category>(i % 15);
  }
  guard::moderation_training how;
  how.epochs = 10;
  guard::moderation_trainer<guard::modernbert, backend::cpu> trainer(be, network, how, examples);
  for (int i = 0; i < 3; ++i) trainer.step();
  std::vector<double> times;
  for (int i = 0; i < 15; ++i) {
    double const start = now();
    trainer.step();
    times.push_back(now() - start);
  }
  std::ranges::sort(times);
  double const flops = 6.0 * 32 * 128 * static_cast<double>(network.size() - 4096 * 256);
  std::printf("training: %.1f million parameters, 32 texts of 128 tokens an update: %.1f ms, %.0f texts/s, %.0f GFLOP/s on %d threads\n",
              static_cast<double>(network.size()) / 1e6, 1e3 * times[7], 32 / times[7], 1e-9 * flops / times[7], be.threads());
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1) {
    std::string const folder = argv[1], kind = guard::read_transformer_config(folder).model_type;
    char const* const rows = argc > 2 ? argv[2] : nullptr;
    if (kind == "bert") all_weights<guard::bert>(folder, rows);
    else if (kind == "modernbert") all_weights<guard::modernbert>(folder, rows);
    else throw std::invalid_argument(folder + " is a " + kind + ", expected bert or modernbert");
    return 0;
  }
  std::string const folder = "bench_guard_speed.guard";
  small_guard(folder);
  all_weights<guard::modernbert>(folder, nullptr);
  std::filesystem::remove_all(folder);
  training();
} catch (std::exception const& error) {
  std::fprintf(stderr, "bench_guard_speed: %s\n", error.what());
  return 1;
}
