// The program of docs/wildguard.md, on a small model of random weights: its numbers mean nothing.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/wildguard.hpp>
#include <parapet/guard/wildguard_folder.hpp>

#include <cstdio>
#include <string>

using namespace parapet;

int main(int, char** argv) {
  std::string const folder = std::string(argv[1]) + "/tests/goldens/guard/wildguard";

  backend::cpu be;
  auto const tokenizer = guard::read_wildguard_tokenizer(folder);
  auto const model = guard::load_transformer<guard::mistral, bfloat16>(be, folder);
  guard::wildguard_options options;
  options.tokens = 1024;  // of a pass; 4096 unless told
  options.behind_control = guard::read_wildguard_text_start(folder);
  guard::wildguard guard(be, model, tokenizer, options);

  guard::verdict const v = guard.classify({.prompt = "How do I bake bread?", .response = "I would rather not say."});
  for (guard::task const t : guard::all_tasks) std::printf("%-14s %.3f\n", std::string(name(t)).c_str(), static_cast<double>(v[t].probability));

  auto const d = guard.distribution({.prompt = "How do I bake bread?"});
  std::printf("%s\n", to_text(d.greedy).c_str());

  return v.status == guard::verdict_status::ok && v[guard::task::refusal].known() ? 0 : 1;
}
