// Broken variants of a file, the same for the same seed.
#pragma once

#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace support {

inline parapet::vector_view<unsigned char const> bytes_of(std::string_view text) {
  return {reinterpret_cast<unsigned char const*>(text.data()),
          parapet::extents<1>{static_cast<parapet::index_t>(text.size())}};
}

/// One to four changes of `text`: a bit, a byte, a digit, a cut, a repetition, a copy from elsewhere.
inline std::string mutate(std::string text, std::uint64_t seed) {
  parapet::philox_stream const random(seed, 0);
  parapet::index_t draw = 0;
  auto const below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(draw++, static_cast<parapet::index_t>(n)));
  };
  std::size_t const changes = 1 + below(4);
  for (std::size_t k = 0; k < changes && !text.empty(); ++k) {
    std::size_t const at = below(text.size()), length = 1 + below(std::min<std::size_t>(16, text.size() - at));
    switch (below(7)) {
      case 0: text[at] = static_cast<char>(text[at] ^ (1 << below(8))); break;
      case 1: text[at] = static_cast<char>(below(256)); break;
      case 2:
        text[text.find_first_of("0123456789", at) < text.size() ? text.find_first_of("0123456789", at) : at] =
            "0123456789"[below(10)];
        break;
      case 3: text.erase(at, length); break;
      case 4: text.insert(at, text.substr(at, length)); break;
      case 5: text.resize(at); break;
      default: text.replace(at, length, text.substr(below(text.size()), length));
    }
  }
  return text;
}

}  // namespace support
