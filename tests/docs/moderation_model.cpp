// The program of docs/moderation_model.md, on a guard of random weights that it writes first.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/moderation_network.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace parapet;

namespace {

void write_guard(std::string const& folder) {
  std::filesystem::create_directories(folder);
  std::vector<std::string> const texts(3, "how do I bake bread, and what would you rather not say");
  std::string const tokenizer = guard::train_byte_level_bpe(texts, {.vocabulary = 300, .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
  std::string const config = guard::guard_config_json(300, {.hidden = 64, .layers = 2, .heads = 2, .intermediate = 96});
  guard::moderation_network<guard::modernbert> const network(guard::parse_transformer_config(config, "config.json"));
  buffer<float> parameters(network.size());
  network.initialize(parameters.view(), 1);
  guard::save_moderation_model(folder, network, vector_view<float const>(parameters.view()), config, tokenizer, {});
}

}  // namespace

int main() {
  std::string const folder = "moderation_model";
  write_guard(folder);

  backend::cpu be;
  auto guard = guard::load_moderation_model<guard::modernbert>(be, folder);
  guard::verdict const v = guard.classify({.prompt = "How do I bake bread?", .response = "I would rather not say."});

  for (guard::task const t : guard::all_tasks) std::printf("%-14s %.3f\n", std::string(name(t)).c_str(), static_cast<double>(v[t].probability));
  return v.status == guard::verdict_status::ok ? 0 : 1;
}
