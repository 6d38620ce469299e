// What the small guard costs: a verdict on an exchange of 128 tokens, many of them on all threads, loading, and an update of its training.
//
//     bench_guard_speed                   (tests/bench/guard_speed_peer.py is the same training in PyTorch)
//
// The guard has random weights: its arithmetic is the same. Allocations are counted over verdicts after the first.
#include "support/allocation_counter.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/moderation_trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
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
template <class Weight>
double cold_start(std::string const& folder, bool hash, guard::exchange const& text) {
  double best = 1e9;
  for (int run = 0; run < 5; ++run) {
    double const before = now();
    backend::cpu be(1);
    auto guard = guard::load_moderation_model<guard::modernbert, Weight>(be, folder, hash);
    static_cast<void>(guard.classify(text));
    best = std::min(best, 1e3 * (now() - before));
  }
  return best;
}

template <class Weight>
void verdicts(std::string const& folder, char const* name) {
  backend::cpu one(1), all;
  auto guard = guard::load_moderation_model<guard::modernbert, Weight>(one, folder, false);
  auto together = guard::load_moderation_model<guard::modernbert, Weight>(all, folder, false);
  std::string const prompt = words(1, 62), response = words(2, 63);  // 128 tokens with the three of the template
  auto const tokens = guard::read_exchange(guard.tokenizer(), {prompt, response}, 1024).ids.size();
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
  std::printf("          loading and the first verdict: %.1f ms, with the hash of the weights %.1f ms\n", cold_start<Weight>(folder, false, {prompt, response}),
              cold_start<Weight>(folder, true, {prompt, response}));
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

int main() {
  std::string const folder = "bench_guard_speed.guard";
  std::filesystem::create_directories(folder);
  {
    std::vector<std::string> texts;
    for (std::uint64_t i = 0; i < 50; ++i) texts.push_back(words(i, 60));
    std::string const tokenizer = guard::train_byte_level_bpe(texts, {.vocabulary = 400, .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
    std::string const config = guard::guard_config_json(4096);
    guard::moderation_network<guard::modernbert> const network(guard::parse_transformer_config(config, "small"));
    buffer<float> parameters(network.size());
    network.initialize(parameters.view(), 1);
    guard::save_moderation_model(folder, network, vector_view<float const>(parameters.view()), config, tokenizer, {.tokens = 512});
  }
  verdicts<float>(folder, "float");
  verdicts<bfloat16>(folder, "bfloat16");
  verdicts<std::int8_t>(folder, "int8");
  std::filesystem::remove_all(folder);
  training();
}
