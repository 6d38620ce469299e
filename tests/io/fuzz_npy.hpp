// The fuzzer's target for .npy files; a header of its own, since it needs xtensor.
#pragma once

#include "io/fuzz_target.hpp"

#include <parapet/io/npy.hpp>

namespace support {

/// Whether the bytes were accepted.
inline bool fuzz_npy(parapet::vector_view<unsigned char const> const& bytes) {
  try {
    use(parapet::io::read_npy_from(bytes, "fuzz"), bytes.size());
    return true;
  } catch (parapet::io_error const&) {
    return false;
  }
}

}  // namespace support
