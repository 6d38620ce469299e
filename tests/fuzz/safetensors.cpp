// A safetensors file. The arrays together are no larger than the file.
#include "fuzz/target.hpp"

#include <parapet/io/safetensors.hpp>

FUZZ_TARGET(safetensors) {
  parapet::index_t total = 0;
  auto const archive = parapet::io::read_safetensors_from(bytes, "fuzz");
  for (parapet::tensor_ref const& tensor : archive.tensors()) {
    fuzz::touch(tensor.data, tensor.bytes());
    total += tensor.bytes();
  }
  fuzz::require(total <= bytes.size());
}
