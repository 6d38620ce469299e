#include <parapet/guard/transformer_weights.hpp>

#include "guard/transformer_models.hpp"
#include "io/temporary_folder.hpp"
#include "support/throws.hpp"

#include <parapet/io/file.hpp>
#include <parapet/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace parapet;

namespace {

/// Copies of the arrays of a golden model, to be changed and written to a folder of its own with a config.
struct edited_model {
  std::string config;
  tensor_archive arrays;
  std::vector<tensor_ref> tensors;
  support::temporary_folder folder;

  explicit edited_model(std::string const& name)
      : config(io::read_file(models::folder(name) + "/config.json")), arrays(io::read_safetensors(models::folder(name) + "/model.safetensors")),
        tensors(arrays.tensors()) {}

  void replace(std::string const& from, std::string const& to) {
    auto const at = config.find(from);
    REQUIRE(at != std::string::npos);
    config.replace(at, from.size(), to);
  }
  tensor_ref& tensor(std::string const& name) {
    for (tensor_ref& t : tensors)
      if (t.name == name) return t;
    FAIL("no array ", name);
    return tensors.front();
  }
  void remove(std::string const& name) {
    tensor(name) = tensors.back();
    tensors.pop_back();
  }
  /// What loading it says.
  template <class Architecture, class Error>
  std::string refusal() {
    support::write_quickly(folder / "config.json", config);
    support::write_quickly(folder / "model.safetensors", "");
    io::write_safetensors(folder / "model.safetensors", {tensors.begin(), tensors.end()});
    backend::cpu be(1);
    return support::message_of<Error>([&] { guard::load_transformer<Architecture>(be, folder.path()); });
  }
};

std::string const query = "model.layers.1.self_attn.q_proj.weight";

}  // namespace

TEST_CASE("a model that its config does not describe is refused with file and array") {
  using support::contains;
  {
    edited_model m("mistral_a");
    CHECK(m.refusal<guard::mistral, io_error>() == "");
    CHECK(contains(m.refusal<guard::bert, argument_error>(), "config.json: 'model_type' is 'mistral', this architecture is 'bert'"));
    m.replace("\"silu\"", "\"gelu\"");
    CHECK(contains(m.refusal<guard::mistral, argument_error>(), "the activation is 'gelu', this architecture has 'silu'"));
  }
  {
    edited_model m("mistral_a");
    m.remove(query);
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "no array named 'model.layers.1.self_attn.q_proj.weight'"));
  }
  {
    edited_model m("mistral_a");
    std::swap(m.tensor("model.layers.0.mlp.down_proj.weight").shape[0], m.tensor("model.layers.0.mlp.down_proj.weight").shape[1]);
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "array 'model.layers.0.mlp.down_proj.weight' has shape (56, 32), the config asks for (32, 56)"));
  }
  {
    edited_model m("mistral_a");
    m.tensor(query).type = scalar_type::i32;
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "'model.layers.1.self_attn.q_proj.weight' is i32, expected f32, bf16 or f16"));
  }
  {
    edited_model m("mistral_a");  // one layer more than the config has
    m.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "' is not in a model of this config"));
  }
  {
    edited_model m("mistral_a");  // a bias that nobody would add
    m.tensors.push_back(m.tensor("model.norm.weight"));
    m.tensors.back().name = "model.layers.0.self_attn.q_proj.bias";
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "array 'model.layers.0.self_attn.q_proj.bias' is not in a model of this config"));
  }
  {
    edited_model m("mistral_a");  // tokens that fine-tuning added to the table alone
    m.tensor("model.embed_tokens.weight").shape[0] -= 1;
    CHECK(contains(m.refusal<guard::mistral, io_error>(), "array 'lm_head.weight' has shape"));
  }
}

TEST_CASE("the number of words is that of the table, whatever the config says") {
  edited_model m("mistral_a");
  m.replace("\"vocab_size\": ", "\"vocab_size\": 9");
  CHECK(m.refusal<guard::mistral, io_error>() == "");
}

TEST_CASE("weights stay in the file where it holds their type, else they are converted or quantised") {
  backend::cpu be(1);
  auto const config_of = [](std::string const& name) { return guard::read_transformer_config(models::folder(name)); };
  auto const file_of = [](std::string const& name) { return std::make_shared<io::mapped_model const>(models::folder(name)); };
  std::string const name = "model.layers.2.mlp.up_proj.weight";
  auto config = config_of("mistral_b");  // two shards of bfloat16
  auto const file = file_of("mistral_b");
  auto const stored = file->view<bfloat16, 2>(name);

  auto const half = guard::load_weights<guard::mistral, bfloat16>(be, config, file);
  CHECK(half.parameters.blocks[2].up.weight.data() == stored.data());
  CHECK(half.parameters.vocabulary.data() == half.parameters.tokens.data());  // tied
  auto const single = guard::load_weights<guard::mistral, float>(be, config, file);
  auto const byte = guard::load_weights<guard::mistral, std::int8_t>(be, config, file);
  CHECK(byte.file == nullptr);
  for (index_t i = 0; i < stored.extent(0); ++i) {
    float largest = 0;
    for (index_t j = 0; j < stored.extent(1); ++j) {
      CHECK(single.parameters.blocks[2].up.weight(i, j) == static_cast<float>(stored(i, j)));
      largest = std::max(largest, std::abs(static_cast<float>(stored(i, j))));
    }
    auto const& w = byte.parameters.blocks[2].up.weight;
    CHECK(w.scale[i] == doctest::Approx(largest / 127));
    for (index_t j = 0; j < stored.extent(1); ++j)
      CHECK(std::abs(w.scale[i] * static_cast<float>(w.values(i, j)) - static_cast<float>(stored(i, j))) <= 0.51f * w.scale[i]);
  }

  auto other = config_of("mistral_a");  // float
  auto const file_a = file_of("mistral_a");
  auto const rounded = guard::load_weights<guard::mistral, bfloat16>(be, other, file_a);
  auto const original = file_a->view<float, 2>(query);
  CHECK(rounded.parameters.blocks[1].query.weight(3, 4).bits == to_bfloat16(original(3, 4)).bits);
  CHECK(guard::load_weights<guard::mistral, float>(be, other, file_a).parameters.blocks[1].query.weight.data() == original.data());
}

TEST_CASE("what list_parameters names is what a loader finds") {
  nn::parameter_list list;
  auto const config = guard::read_transformer_config(models::folder("modernbert_a"));
  guard::list_parameters<guard::modernbert>(config, list);
  io::mapped_model const file(models::folder("modernbert_a"));
  for (auto const& p : list) {
    CAPTURE(p.name);
    CHECK(file.at(p.name).shape == p.shape);
  }
}
