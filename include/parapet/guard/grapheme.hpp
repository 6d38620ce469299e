// Short clusters of characters that a reader takes for one (UAX #29): a letter with its accents, CR LF.
//
// Only what can be in a cluster of up to five bytes is told apart, which is what the rules of normalisation in tokenizer.json are
// looked up by: flags and families of emoji are longer, and are taken apart here.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

/// The byte at which the cluster that begins at byte `at` ends.
inline std::size_t grapheme_end(std::string_view text, std::size_t at) {
  enum join : std::uint8_t { alone, control, extend, prepend, spacing_mark };
  auto const join_of = [](char32_t code) {
    if (code < 0x300) return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD ? control : alone;
    return static_cast<join>(detail::run_value(detail::grapheme_runs, code));
  };
  // 1 leading, 2 vowel, 3 trailing, 0 no Hangul; a syllable joins to its left as a leading one, to its right by what it ends in.
  auto const hangul = [](char32_t c, bool ends) {
    if (c >= 0xAC00 && c <= 0xD7A3) return !ends ? 1 : (c - 0xAC00) % 28 == 0 ? 2 : 3;
    if ((c >= 0x1100 && c <= 0x115F) || (c >= 0xA960 && c <= 0xA97C)) return 1;
    if ((c >= 0x1160 && c <= 0x11A7) || (c >= 0xD7B0 && c <= 0xD7C6)) return 2;
    return (c >= 0x11A8 && c <= 0x11FF) || (c >= 0xD7CB && c <= 0xD7FB) ? 3 : 0;
  };
  utf8_char last = decode_utf8(text, at);
  join before = join_of(last.code);
  at += static_cast<std::size_t>(last.bytes);
  if (before == control) return last.code == U'\r' && at < text.size() && text[at] == '\n' ? at + 1 : at;
  while (at < text.size()) {
    utf8_char const c = decode_utf8(text, at);
    join const its = join_of(c.code);
    int const left = hangul(last.code, true), right = hangul(c.code, false);
    bool const one_syllable = left != 0 && right != 0 && (left == 1 ? right != 3 : right >= left);
    if (its == control || !(its == extend || its == spacing_mark || before == prepend || one_syllable)) break;
    at += static_cast<std::size_t>(c.bytes);
    last = c;
    before = its;
  }
  return at;
}

}  // namespace parapet::inline PARAPET_ABI::guard
