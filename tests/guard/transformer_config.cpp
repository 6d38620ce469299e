#include <parapet/guard/transformer_config.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace parapet;

namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  auto const at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string const mistral_7b = R"({"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
  "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
  "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
  "sliding_window": null, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 32768})";

std::string const deberta = R"({"model_type": "deberta-v2", "vocab_size": 128100, "hidden_size": 768, "intermediate_size": 3072,
  "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 512, "relative_attention": true, "position_buckets": 256,
  "norm_rel_ebd": "layer_norm", "share_att_key": true, "pos_att_type": "p2c|c2p", "layer_norm_eps": 1e-7, "max_relative_positions": -1,
  "position_biased_input": false, "type_vocab_size": 0, "pooler_hidden_act": "gelu", "pooler_hidden_size": 768})";

guard::transformer_config parse(std::string const& text) { return guard::parse_transformer_config(text, "config.json"); }

}  // namespace

TEST_CASE("the published config of Mistral-7B-v0.3 gives its parameters") {
  auto const c = parse(mistral_7b);
  CHECK(c.head_dim == 128);
  CHECK(c.kv_width() == 1024);
  CHECK(c.window == 0);
  CHECK(c.rotary.theta == 1e6);
  CHECK(c.epsilon == 1e-5);
  index_t const block = 2 * c.hidden + 2 * c.hidden * c.width() + 2 * c.hidden * c.kv_width() + 3 * c.hidden * c.intermediate;
  CHECK(block == 218'112'000);
  CHECK(2 * c.vocabulary * c.hidden + c.hidden + c.layers * block == 7'248'023'552);
}

TEST_CASE("what a family leaves out has the family's default") {
  auto const old = parse(replaced(replaced(mistral_7b, "\"num_key_value_heads\": 8, ", ""), "\"sliding_window\": null", "\"sliding_window\": 4096"));
  CHECK(old.kv_heads == 32);
  CHECK(old.window == 4096);
  CHECK(old.is_local(0));
  auto const qwen = parse(replaced(mistral_7b, "\"model_type\": \"mistral\"", "\"model_type\": \"qwen3\""));
  CHECK(qwen.head_dim == 128);
  CHECK_FALSE(qwen.is_local(31));
  auto const modern = parse(R"({"model_type": "modernbert", "vocab_size": 50368, "hidden_size": 768, "intermediate_size": 1152,
      "num_hidden_layers": 22, "num_attention_heads": 12})");
  CHECK(modern.local_rotary.theta == 10000);
  CHECK(modern.rotary.theta == 160000);
  CHECK(modern.window == 128);
  CHECK_FALSE(modern.is_local(0));
  CHECK(modern.is_local(1));
  CHECK_FALSE(modern.is_local(21));
  auto const roberta = parse(R"({"model_type": "roberta", "vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
      "num_attention_heads": 2, "max_position_embeddings": 514, "id2label": {"0": "no", "1": "yes", "2": "maybe"}})");
  CHECK(roberta.max_positions == 512);
  CHECK(roberta.position_offset == 2);
  CHECK(roberta.labels.at(2) == "maybe");
}

TEST_CASE("old and new files say the same") {
  auto const with = [](std::string_view rope) { return parse(replaced(replaced(mistral_7b, "\"rope_theta\": 1000000.0", rope), "\"mistral\"", "\"llama\"")); };
  auto const old = with(R"("rope_theta": 5e5, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 8192, "rope_type": "llama3"})");
  auto const now = with(R"("rope_parameters": {"rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 8192, "rope_type": "llama3"})");
  for (auto const& c : {old, now}) {
    CHECK(c.rotary.theta == 5e5);
    CHECK(c.rotary.scaling.kind == nn::rotary_scaling::rule::llama3);
    CHECK(c.rotary.scaling.factor == 8);
    CHECK(c.rotary.scaling.original_positions == 8192);
  }
}

TEST_CASE("a config that cannot be is refused with file and key") {
  auto const refused = [](std::string const& text, std::string_view why) {
    CAPTURE(text);
    CHECK(support::message_of<io_error>([&] { parse(text); }).starts_with("config.json: byte "));
    CHECK(support::message_of<io_error>([&] { parse(text); }).find(why) != std::string::npos);
  };
  refused(replaced(mistral_7b, "\"mistral\"", "\"mamba\""), "'model_type': 'mamba' is not known here");
  refused(replaced(mistral_7b, "\"hidden_size\": 4096, ", ""), "'hidden_size'");
  refused(replaced(mistral_7b, "\"hidden_size\": 4096", "\"hidden_size\": null"), "'hidden_size'");
  refused(replaced(mistral_7b, "\"hidden_size\": 4096", "\"hidden_size\": 4095"), "no multiple");
  refused(replaced(mistral_7b, "\"num_key_value_heads\": 8", "\"num_key_value_heads\": 7"), "'num_key_value_heads': 7 do not divide the 32 heads");
  refused(replaced(mistral_7b, "\"num_hidden_layers\": 32", "\"num_hidden_layers\": 20000"), "'num_hidden_layers': 20000");
  refused(replaced(mistral_7b, "\"num_hidden_layers\": 32", "\"num_hidden_layers\": 0"), "'num_hidden_layers': 0");
  refused(replaced(mistral_7b, "\"vocab_size\": 32768", "\"vocab_size\": 4611686018427387904"), "'vocab_size'");
  refused(replaced(mistral_7b, "1e-05", "0"), "'rms_norm_eps'");
  refused(replaced(mistral_7b, "\"hidden_size\": 4096", "\"head_dim\": 127, \"hidden_size\": 4096"), "cannot be turned in pairs");
  refused(replaced(mistral_7b, "\"rope_theta\": 1000000.0", R"("rope_scaling": {"type": "yarn", "factor": 4.0})"), "rule 'yarn' is not known here");
  refused(replaced(deberta, "\"position_buckets\": 256", "\"position_buckets\": 0"), "'position_buckets'");
  refused(replaced(deberta, "\"norm_rel_ebd\": \"layer_norm\"", "\"norm_rel_ebd\": \"none\""), "'norm_rel_ebd'");
  refused(replaced(deberta, "p2c|c2p", "c2p"), "'pos_att_type'");
  refused(replaced(deberta, "\"type_vocab_size\": 0", "\"conv_kernel_size\": 3"), "'conv_kernel_size': this library does not compute that");
  CHECK(parse(deberta).max_relative_positions == 512);
}
