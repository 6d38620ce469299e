// The field "added_tokens" of a tokenizer.json, and their search in a text: the leftmost, of these the longest.
//
// Special tokens steer a model: "[INST]", "</s>". They are not searched in text unless a program asks for it (tokenizer_json.hpp).
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/code_set.hpp>
#include <parapet/guard/code_trie.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct added_token {
  std::string content;  ///< as it is written, and as it is decoded
  std::int32_t id = -1;
  bool single_word = false;  ///< only between characters that are no letters
  bool lstrip = false, rstrip = false;  ///< takes the spaces on that side
  bool normalized = true;  ///< is searched in the normal text, in its own normal form
  bool special = false;
  std::string normal{};  ///< its normal form, if `normalized`
};

/// Finds some of the added tokens.
class added_token_finder {
public:
  /// False where this text is searched already.
  bool add(std::string_view text, std::size_t token) {
    std::u32string bytes;
    for (char const c : text) bytes += static_cast<unsigned char>(c);
    std::int32_t node = 0;
    for (char32_t const b : bytes)
      if (node >= 0) node = texts_.step(node, b);
    if (node >= 0 && texts_.id(node) >= 0) return false;
    texts_.add(bytes, static_cast<std::int32_t>(token));
    starts_[bytes[0]] = true;
    return true;
  }
  bool empty() const { return texts_.empty(); }

  /// Calls on_part(token, begin, end) for all of the text, from left to right: index of a token, or -1 for what lies between. A token
  /// for which ignore(token) holds is read over.
  template <class Ignore, class OnPart>
  void operator()(std::string_view text, std::vector<added_token> const& tokens, Ignore ignore, OnPart&& on_part) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      if (!starts_[static_cast<unsigned char>(text[at])]) {
        ++at;
        continue;
      }
      std::int32_t found = -1, node = 0;
      std::size_t end = at;
      for (std::size_t k = at; k < text.size(); ++k) {
        node = texts_.step(node, static_cast<unsigned char>(text[k]));
        if (node < 0) break;
        if (texts_.id(node) >= 0) found = texts_.id(node), end = k + 1;
      }
      if (found < 0) {
        ++at;
        continue;
      }
      added_token const& token = tokens[static_cast<std::size_t>(found)];
      std::size_t begin = at, stop = end;
      at = end;
      if (ignore(token) || (token.single_word && (word_before(text, begin) || word_after(text, stop)))) continue;
      if (token.lstrip) {
        while (begin > done && is_space_before(text, begin)) begin = start_of_last(text, begin);
        begin = std::max(begin, done);
      }
      if (token.rstrip)
        while (stop < text.size() && is_white_space(decode_utf8(text, stop).code)) stop += static_cast<std::size_t>(decode_utf8(text, stop).bytes);
      if (done < begin) on_part(std::int32_t{-1}, done, begin);
      on_part(found, begin, stop);
      done = stop;
    }
    if (done < text.size()) on_part(std::int32_t{-1}, done, text.size());
  }

private:
  static std::size_t start_of_last(std::string_view text, std::size_t end) {
    do --end;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
    return end;
  }
  static bool is_space_before(std::string_view text, std::size_t at) { return is_white_space(decode_utf8(text, start_of_last(text, at)).code); }
  static bool word_before(std::string_view text, std::size_t at) { return at > 0 && word_set().contains(decode_utf8(text, start_of_last(text, at)).code); }
  static bool word_after(std::string_view text, std::size_t at) { return at < text.size() && word_set().contains(decode_utf8(text, at).code); }

  code_trie texts_;  // by bytes
  std::array<bool, 256> starts_{};
};

}  // namespace parapet::inline PARAPET_ABI::guard
