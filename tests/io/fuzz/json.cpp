// libFuzzer over io::parse_json; built and run as tests/io/fuzz/safetensors.cpp says.
#include "io/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  support::fuzz_json({data, parapet::extents<1>{static_cast<parapet::index_t>(size)}});
  return 0;
}
