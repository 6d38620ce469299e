// Tokens a second of a decoder that reads a prompt, and the memory of the process.
//
//   bench_transformer_prefill <folder> [bfloat16|int8] [tokens] [threads] [passes]        run it on an idle machine
//
// The folder is a published one in Mistral's layout (config.json and safetensors). A pass is one forward of `tokens` tokens to hidden
// states, and the logits of the last, as llama.cpp's llama-bench -p has it; docs/transformer_kernels.md has both side by side.
// Memory by the kernel's account: the highest that the process had, and what of it now is its own (the rest is pages of the files).
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/transformer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

using namespace parapet;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void print_memory(char const* when) {
  std::printf("%s:", when);
  if (std::FILE* const status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr)
      for (char const* const name : {"VmHWM:", "RssAnon:", "RssFile:"})
        if (std::strncmp(line, name, std::strlen(name)) == 0) std::printf("  %s %.2f GB", name, std::atof(line + std::strlen(name)) * 1024e-9);
    std::fclose(status);
  }
  std::puts("");
}

template <class Weight>
void run(std::string const& folder, index_t tokens, int threads, int passes) {
  backend::cpu be(threads);
  double const start = seconds();
  auto const model = guard::load_transformer<guard::mistral, Weight>(be, folder);
  std::printf("loaded in %.1f s\n", seconds() - start);
  print_memory("after loading");

  std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens));
  philox_stream const stream(1, 0);
  for (index_t i = 0; i < tokens; ++i) ids[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(stream.below(i, model.config().vocabulary));
  guard::token_batch batch;
  batch.add(ids);
  arena<> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, tokens); });
  buffer<float> logits(model.config().vocabulary);
  double best = 1e30;
  for (int pass = 0; pass < passes; ++pass) {
    double const begin = seconds();
    auto const hidden = model.forward(be, batch.view(), workspace);
    model.logits(be, hidden.rows(tokens - 1, tokens), logits.view(extents{index_t{1}, model.config().vocabulary}));
    double const time = seconds() - begin;
    std::printf("pass %d: %.2f s, %.1f tokens/s, first logit %.6g\n", pass, time, static_cast<double>(tokens) / time, static_cast<double>(logits.data()[0]));
    best = std::min(best, time);
  }
  std::printf("best: %.1f tokens/s\n", static_cast<double>(tokens) / best);
  print_memory("at the end");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_transformer_prefill <folder> [bfloat16|int8] [tokens] [threads] [passes]\n");
    return 1;
  }
  std::string const kind = argc > 2 ? argv[2] : "bfloat16";
  index_t const tokens = argc > 3 ? std::atoll(argv[3]) : 512;
  int const threads = argc > 4 ? std::atoi(argv[4]) : backend::hardware_threads(), passes = argc > 5 ? std::atoi(argv[5]) : 3;
  if (kind == "int8") run<std::int8_t>(argv[1], tokens, threads, passes);
  else run<bfloat16>(argv[1], tokens, threads, passes);
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
