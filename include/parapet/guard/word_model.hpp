// Models whose vocabulary is words: WordPiece (the longest piece first, Schuster and Nakajima 2012) and WordLevel (whole words).
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/code_trie.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/merges.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/vocabulary.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// A word becomes the longest token that it starts with, then of what is left the longest that continues ("##ing"), and so on; the
/// unknown token if that does not come to its end, or the word has too many characters.
class wordpiece_model {
public:
  wordpiece_model(json_fields& f, vocabulary const& tokens, std::vector<bool> const& blocked) {
    std::string const prefix = f.string("continuing_subword_prefix");
    most_characters_ = static_cast<std::size_t>(f.integer("max_input_chars_per_word", 0, 1 << 30));
    unknown_ = tokens.find(f.string("unk_token"));
    if (unknown_ < 0) f.fail("unk_token", "is not in the vocabulary");
    for (std::size_t k = 0; k < tokens.size(); ++k)
      if (auto const id = static_cast<std::int32_t>(k); tokens.contains(id) && !blocked[k]) pieces_.add(to_utf32(tokens.text(id)), id);
    for (char32_t const c : to_utf32(prefix))
      if (inside_ >= 0) inside_ = pieces_.step(inside_, c);
  }

  template <class Emit>
  void operator()(std::string_view word, std::pmr::vector<symbol>& work, Emit&& emit) const {
    std::size_t characters = 0;
    for (char const c : word) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (characters > most_characters_) return emit(unknown_, std::size_t{0}, word.size());
    work.clear();
    for (std::size_t begin = 0; begin < word.size();) {
      std::int32_t node = begin == 0 ? 0 : inside_, id = -1;
      std::size_t end = begin;
      for (std::size_t at = begin; at < word.size() && node >= 0;) {
        utf8_char const c = decode_utf8(word, at);
        node = pieces_.step(node, c.code);
        at += static_cast<std::size_t>(c.bytes);
        if (node >= 0 && pieces_.id(node) >= 0) id = pieces_.id(node), end = at;
      }
      if (id < 0) return emit(unknown_, std::size_t{0}, word.size());
      work.push_back({id, static_cast<std::uint32_t>(begin)});
      begin = end;
    }
    for (std::size_t k = 0; k < work.size(); ++k) {
      std::size_t const end = k + 1 < work.size() ? work[k + 1].begin : word.size();
      emit(work[k].id, std::size_t{work[k].begin}, end);
    }
  }

private:
  code_trie pieces_;
  std::int32_t inside_ = 0, unknown_ = -1;  // the node after the prefix, or -1
  std::size_t most_characters_ = 0;
};

class word_level_model {
public:
  word_level_model(json_fields& f, vocabulary const& tokens, std::vector<bool> const& blocked) {
    unknown_ = tokens.find(f.string("unk_token"));
    if (unknown_ < 0) f.fail("unk_token", "is not in the vocabulary");
    for (std::size_t k = 0; k < tokens.size(); ++k)
      if (auto const id = static_cast<std::int32_t>(k); tokens.contains(id) && !blocked[k]) words_.add(std::string(tokens.text(id)), id);
  }

  template <class Emit>
  void operator()(std::string_view word, std::pmr::vector<symbol>&, Emit&& emit) const {
    std::int32_t const id = words_.find(word);
    emit(id < 0 ? unknown_ : id, std::size_t{0}, word.size());
  }

private:
  vocabulary words_;
  std::int32_t unknown_ = -1;
};

}  // namespace parapet::inline PARAPET_ABI::guard
