// expect: A checkpoint needs 'std::map<std::string, std::string> metadata() const'
#include <parapet/io/checkpoint.hpp>

using namespace parapet;

class filter {
public:
  std::vector<const_tensor_ref> tensors() const { return {named("gain", gain_.view())}; }
  std::vector<tensor_ref> tensors() { return {named("gain", gain_.view())}; }
#ifndef MISTAKE
  std::map<std::string, std::string> metadata() const { return {{"order", "3"}}; }
#endif

private:
  buffer<float> gain_{3};
};

void save(filter const& f) { io::save_checkpoint("filter.safetensors", f); }
