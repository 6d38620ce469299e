// libFuzzer over io::read_npy_from, xtensor included; built and run as tests/io/fuzz/safetensors.cpp says.
#include "io/fuzz_npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  support::fuzz_npy({data, parapet::extents<1>{static_cast<parapet::index_t>(size)}});
  return 0;
}
