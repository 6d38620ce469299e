// The models of docs/io.md: a folder of shards that is written here, and a GGUF file of the tests.
#include <parapet/io/gguf.hpp>
#include <parapet/io/mapped_model.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using namespace parapet;

namespace {

double largest(vector_view<float const> const& values) {
  double most = 0;
  for (index_t i = 0; i < values.size(); ++i) most = std::fmax(most, std::fabs(static_cast<double>(values[i])));
  return most;
}

void write_model() {
  std::vector<float> const values{1, -2, 3, -4};
  auto const array = [&](std::string name) { return named(std::move(name), vector_view<float const>(values.data(), extents{4})); };
  io::write_safetensors("model-1.safetensors", {array("model.embed_tokens.weight")});
  io::write_safetensors("model-2.safetensors", {array("model.norm.weight")});
  io::write_file("model.safetensors.index.json",
                 R"({"weight_map": {"model.embed_tokens.weight": "model-1.safetensors", "model.norm.weight": "model-2.safetensors"}})");
}

}  // namespace

int main(int, char** arguments) {
  write_model();
  std::string const folder = ".", root = arguments[1];
  io::mapped_model const model(folder);                                   // model.safetensors, or the shards of its index
  auto const norm = model.view<float, 1>("model.norm.weight");            // in the file's memory
  model.expect_sequential();
  for (const_tensor_ref const& tensor : model.tensors()) {                // all of them, in the order of the bytes
    std::printf("%s: %g\n", tensor.name.c_str(), largest(view_of<float, 1>(tensor, model.path())));
    model.forget(tensor);                                                 // its pages are given back
  }

  io::gguf_file const file(root + "/tests/goldens/io/reference.gguf");
  std::printf("%s\n", std::string(file.at("general.architecture").string()).c_str());
  for (io::gguf_value const& token : file.at("tokens").items()) std::printf("'%s' ", std::string(token.string()).c_str());
  std::vector<float> weights(3 * 64);
  file.read("q8_0", named("q8_0", matrix_view<float>(weights.data(), extents{3, 64})));  // as float, whatever it is stored as
  return norm[3] == -4 && std::fabs(weights[191] - 46.75f) < 0.05f ? 0 : 1;
}
