// UTF-8, one code point at a time, from text that nobody vouches for.
//
// Overlong forms, surrogates and what is above U+10FFFF are invalid. An invalid byte is read alone, as U+FFFD.
#pragma once

#include <parapet/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

/// One code point of a text, and the bytes that it takes there.
struct utf8_char {
  char32_t code;
  int bytes;
  bool valid = true;
};

/// The code point at byte `at` of `text`, which must be inside.
constexpr utf8_char decode_utf8(std::string_view text, std::size_t at) {
  auto const byte = [&](std::size_t k) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + k])); };
  char32_t const first = byte(0);
  if (first < 0x80) return {first, 1};
  int const length = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
  if (length != 0 && text.size() - at >= static_cast<std::size_t>(length)) {
    char32_t code = first & (0x7Fu >> length);
    bool trails = true;
    for (std::size_t k = 1; k < static_cast<std::size_t>(length); ++k) {
      trails = trails && (byte(k) & 0xC0) == 0x80;
      code = code << 6 | (byte(k) & 0x3F);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (trails && code >= least[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)) return {code, length};
  }
  return {0xFFFD, 1, false};
}

template <class String>
void append_utf8(String& out, char32_t code) {
  auto const byte = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) byte(0xC0 | code >> 6);
  else if (code < 0x10000) byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 63));
  else byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63));
  byte(0x80 | (code & 63));
}

/// Appends the code points of UTF-8; an invalid byte is U+FFFD.
template <class String>
void append_utf32(String& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    utf8_char const c = decode_utf8(text, at);
    out += c.code;
    at += static_cast<std::size_t>(c.bytes);
  }
}

inline std::u32string to_utf32(std::string_view text) {
  std::u32string out;
  append_utf32(out, text);
  return out;
}

inline std::string to_utf8(std::u32string_view text) {
  std::string out;
  for (char32_t const code : text) append_utf8(out, code);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
