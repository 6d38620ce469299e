// How SentencePiece prepares a text: rules of the charsmap, a space in front, spaces in a row as one, spaces written as U+2581.
//
// User-defined pieces are exempt from the rules. What comes out is code points, each with the byte of the text that it comes from.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/charsmap.hpp>
#include <parapet/guard/code_trie.hpp>
#include <parapet/guard/merges.hpp>
#include <parapet/guard/sentencepiece_model.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

inline constexpr char32_t space_symbol = 0x2581;

class sentencepiece_normalizer {
public:
  explicit sentencepiece_normalizer(sentencepiece_model const& model)
      : remove_extra_(model.remove_extra_whitespaces),
        prefix_(model.add_dummy_prefix && !model.whitespace_as_suffix),
        suffix_(model.add_dummy_prefix && model.whitespace_as_suffix),
        space_(model.escape_whitespaces ? space_symbol : U' ') {
    if (!model.precompiled_charsmap.empty()) rules_ = charsmap(model.precompiled_charsmap, model.source);
    for (auto const& piece : model.pieces) {
      if (piece.type != sentencepiece_model::piece_kind::user_defined) continue;
      exempt_.add(to_utf32(piece.text), 0);
      starts_exempt_[static_cast<unsigned char>(piece.text[0])] = true;
    }
  }

  /// Writes the code points of the normal text into `out` (as ids), and returns the byte of `text` at which the last one ends. A text
  /// that goes on has no dummy prefix.
  std::uint32_t operator()(std::string_view text, std::pmr::vector<symbol>& out, text_start start = text_start::by_itself) const {
    std::size_t at = 0;
    out.clear();
    out.reserve(text.size() + 1);
    auto const put = [&](char32_t code, std::size_t begin) { out.push_back({static_cast<std::int32_t>(code), static_cast<std::uint32_t>(begin)}); };
    if (remove_extra_) {
      for (prefix p; at < text.size() && (p = next(text, at)).text == " ";) at += p.bytes;
    }
    if (at == text.size()) return static_cast<std::uint32_t>(at);
    if (prefix_ && start == text_start::by_itself) put(space_, at);

    bool after_space = remove_extra_;
    while (at < text.size()) {
      prefix p = next(text, at);
      while (after_space && p.text.starts_with(' ')) p.text.remove_prefix(1);
      for (std::size_t k = 0; k < p.text.size();) {
        utf8_char const c = decode_utf8(p.text, k);
        put(c.code == U' ' ? space_ : c.code, at);
        k += static_cast<std::size_t>(c.bytes);
      }
      if (!p.text.empty()) after_space = remove_extra_ && p.text.back() == ' ';
      at += p.bytes;
    }
    std::size_t end = at;
    while (remove_extra_ && !out.empty() && out.back().id == static_cast<std::int32_t>(space_)) {
      end = out.back().begin;
      out.pop_back();
    }
    if (suffix_) put(space_, end);
    return static_cast<std::uint32_t>(end);
  }

private:
  struct prefix {
    std::string_view text;  // normal
    std::size_t bytes;      // of the source
  };

  prefix next(std::string_view text, std::size_t at) const {
    if (starts_exempt_[static_cast<unsigned char>(text[at])]) {
      if (std::size_t const bytes = longest_exempt(text, at)) return {text.substr(at, bytes), bytes};
    }
    if (auto const rule = rules_.find(text.substr(at)); rule.bytes != 0) return {rule.replacement, rule.bytes};
    utf8_char const c = decode_utf8(text, at);
    if (!c.valid) return {"\xEF\xBF\xBD", 1};
    auto const bytes = static_cast<std::size_t>(c.bytes);
    return {text.substr(at, bytes), bytes};
  }

  std::size_t longest_exempt(std::string_view text, std::size_t at) const {
    std::size_t longest = 0;
    std::int32_t node = 0;
    for (std::size_t k = at; k < text.size();) {
      utf8_char const c = decode_utf8(text, k);
      if (!c.valid || (node = exempt_.step(node, c.code)) < 0) break;
      k += static_cast<std::size_t>(c.bytes);
      if (exempt_.id(node) >= 0) longest = k - at;
    }
    return longest;
  }

  bool remove_extra_, prefix_, suffix_;
  char32_t space_;
  charsmap rules_;
  code_trie exempt_;
  bool starts_exempt_[256] = {};
};

}  // namespace parapet::inline PARAPET_ABI::guard
