// A .npy file, xtensor's reader included. The array is no larger than the file.
#if defined(WITH_XTENSOR)

#include "fuzz/target.hpp"

#include <parapet/io/npy.hpp>

FUZZ_TARGET(npy) {
  auto const archive = parapet::io::read_npy_from(bytes, "fuzz");
  parapet::index_t total = 0;
  for (parapet::tensor_ref const& tensor : archive.tensors()) {
    fuzz::touch(tensor.data, tensor.bytes());
    total += tensor.bytes();
  }
  fuzz::require(total <= bytes.size());
}

#endif
