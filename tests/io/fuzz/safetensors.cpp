// libFuzzer over io::read_safetensors_from.
//
//     clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I include -I tests
//         tests/io/fuzz/safetensors.cpp -o fuzz_safetensors
//     mkdir corpus && cp tests/goldens/io/*.safetensors corpus && ./fuzz_safetensors -max_len=4096 corpus
#include "io/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  support::fuzz_safetensors({data, parapet::extents<1>{static_cast<parapet::index_t>(size)}});
  return 0;
}
