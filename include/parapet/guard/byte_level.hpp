// The alphabet of byte-level tokenisers (GPT-2): each byte is written as one printable character.
//
// Bytes that are printable in Latin-1 stand for themselves, the other 68 are U+0100 and up, in order.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/utf8.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

struct byte_alphabet {
  std::array<char32_t, 256> character{};
  std::array<std::int16_t, 324> byte{};  // of a character below 324, or -1

  constexpr byte_alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      bool const printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      character[b] = printable ? b : next++;
      byte[character[b]] = static_cast<std::int16_t>(b);
    }
  }
};
inline constexpr byte_alphabet bytes_as_characters{};

/// The bytes that `text` writes in the alphabet; none where a character is not in it.
inline std::optional<std::string> bytes_of_alphabet(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    utf8_char const c = decode_utf8(text, at);
    if (!c.valid || c.code >= bytes_as_characters.byte.size() || bytes_as_characters.byte[c.code] < 0) return {};
    out += static_cast<char>(bytes_as_characters.byte[c.code]);
    at += static_cast<std::size_t>(c.bytes);
  }
  return out;
}

inline std::string alphabet_of_bytes(std::string_view bytes) {
  std::string out;
  for (char const b : bytes) append_utf8(out, bytes_as_characters.character[static_cast<unsigned char>(b)]);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
