// What the fuzzers run, shared by the mutation tests (a second, every build) and by tests/io/fuzz (hours, by hand).
//
// A reader may give an archive whose arrays are no larger than its input, or throw io_error. Anything else, an overread or an
// undefined operation under the sanitizers included, is a finding.
#pragma once

#include <parapet/core/named_tensor.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/safetensors.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

namespace support {

inline parapet::vector_view<unsigned char const> bytes_of(std::string_view text) {
  return {reinterpret_cast<unsigned char const*>(text.data()),
          parapet::extents<1>{static_cast<parapet::index_t>(text.size())}};
}

inline unsigned volatile sink;

/// Touches every byte of an archive; ends the process where it is larger than its input.
inline void use(parapet::tensor_archive const& archive, parapet::index_t input) {
  parapet::index_t bytes = 0;
  unsigned sum = 0;
  for (parapet::tensor_ref const& tensor : archive.tensors()) {
    for (parapet::index_t i = 0; i < tensor.bytes(); ++i) sum += tensor.data[i];
    bytes += tensor.bytes();
  }
  sink = sum;
  if (bytes > input) std::abort();
}

/// Whether the bytes were accepted.
inline bool fuzz_safetensors(parapet::vector_view<unsigned char const> const& bytes) {
  try {
    use(parapet::io::read_safetensors_from(bytes, "fuzz"), bytes.size());
    return true;
  } catch (parapet::io_error const&) {
    return false;
  }
}

/// JSON: what is accepted must mean the same after one round through json_quote for strings.
inline bool fuzz_json(parapet::vector_view<unsigned char const> const& bytes) {
  try {
    std::string_view const text(reinterpret_cast<char const*>(bytes.data()), static_cast<std::size_t>(bytes.size()));
    auto const value = parapet::io::parse_json(text, "fuzz", {.max_depth = 32, .max_values = 100000});
    if (value.type() == parapet::io::json_value::kind::string)
      if (parapet::io::parse_json(parapet::io::json_quote(value.string()), "again").string() != value.string()) std::abort();
    return true;
  } catch (parapet::io_error const&) {
    return false;
  }
}

/// One to four changes of `text`, the same for the same seed: a bit, a byte, a digit, a cut, a repetition, a copy from elsewhere.
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
