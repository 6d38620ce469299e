// The smallest program of docs/io.md.
#include <parapet/io/checkpoint.hpp>

using namespace parapet;

struct learner {
  std::vector<float> weights = std::vector<float>(6);
  std::int64_t step = 0;

  std::vector<tensor_ref> tensors() {
    return {named("weights", matrix_view<float>(weights.data(), extents<2>{2, 3})),
            named("step", vector_view<std::int64_t>(&step, extents<1>{1}))};
  }
  std::vector<const_tensor_ref> tensors() const {
    return {named("weights", matrix_view<float const>(weights.data(), extents<2>{2, 3})),
            named("step", vector_view<std::int64_t const>(&step, extents<1>{1}))};
  }
  std::map<std::string, std::string> metadata() const { return {{"hidden", "3"}}; }
};

int main() {
  learner trained, resumed;
  trained.step = 1000;
  io::save_checkpoint("run.safetensors", trained);
  io::load_checkpoint("run.safetensors", resumed);
  return resumed.step == 1000 ? 0 : 1;
}
