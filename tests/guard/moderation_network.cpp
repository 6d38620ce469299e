#include "io/temporary_folder.hpp"

#include <parapet/guard/architectures.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace parapet;
using namespace guard;
using doctest::Contains;

namespace {

std::string const encoder = R"({"model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
  "intermediate_size": 24, "max_position_embeddings": 32, "layer_norm_eps": 1e-12})";

bool has(nn::parameter_list const& list, std::string_view name) {
  return std::ranges::any_of(list, [&](nn::parameter const& p) { return p.name == name; });
}

}  // namespace

TEST_CASE("of a published encoder the first layers are taken, and the mean of their hidden states without a pooler") {
  std::string const config = encoder_config_json(encoder, "config.json", 2, "mean");
  moderation_network<bert> const all(parse_transformer_config(encoder, "config.json")), part(parse_transformer_config(config, "part"));
  CHECK(part.body().layers == 2);
  CHECK(part.body().epsilon == 1e-12);
  CHECK(part.head().pooled == pooling::mean);
  CHECK(all.head().pooled == pooling::first);
  CHECK(has(all.list(), "pooler.dense.weight"));
  CHECK_FALSE(has(part.list(), "pooler.dense.weight"));
  CHECK(has(part.list(), "classifier.weight"));

  // Their parameters are those that the file has for these layers, under its names without a prefix.
  support::temporary_folder const folder;
  nn::parameter_list published;
  index_t const body = list_parameters<bert>(all.body(), published);
  buffer<float> values(all.size());
  published.initialize(values.view().rows(0, body), 3, 0);
  std::vector<const_tensor_ref> arrays;
  for (nn::parameter const& p : published) {
    REQUIRE(p.name.starts_with("bert."));
    arrays.push_back({p.name.substr(5), scalar_type::f32, p.shape, reinterpret_cast<unsigned char const*>(values.data() + p.offset)});
  }
  io::write_safetensors(folder / "model.safetensors", arrays, {});
  buffer<float> loaded(part.size());
  CHECK_FALSE(part.load(loaded.view(), io::mapped_model(folder.path())));  // no head of ours
  for (nn::parameter const& p : part.list()) {
    if (p.offset >= part.body_size()) continue;
    auto const same = std::ranges::find(published, p.name, &nn::parameter::name);
    REQUIRE(same != published.end());
    CHECK(std::equal(loaded.data() + p.offset, loaded.data() + p.offset + p.size, values.data() + same->offset));
  }

  CHECK_THROWS_WITH_AS(encoder_config_json(encoder, "config.json", 4, "mean"), Contains("config.json: the first 4 layers of 3"), argument_error);
}

TEST_CASE("kinds of layers are shortened with them") {
  std::string const config = encoder_config_json(
      R"({"model_type": "modernbert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24,
          "layer_types": ["full_attention", "sliding_attention", "full_attention"]})",
      "config.json", 2);
  transformer_config const c = parse_transformer_config(config, "part");
  CHECK(c.layers == 2);
  CHECK(c.is_local(1));
  CHECK(c.pooled == pooling::first);
}
