// expect: A checkpoint needs 'std::map<std::string, std::string> metadata() const'
#include <parapet/io/checkpoint.hpp>

using namespace parapet;

struct learner {
  float weight = 0;

  std::vector<tensor_ref> tensors() { return {named("weight", vector_view<float>(&weight, extents{index_t{1}}))}; }
  std::vector<const_tensor_ref> tensors() const { return {named("weight", vector_view<float const>(&weight, extents{index_t{1}}))}; }
#ifndef MISTAKE
  std::map<std::string, std::string> metadata() const { return {{"width", "1"}}; }
#endif
};

void save(learner const& x) { io::save_checkpoint("run.safetensors", x); }
