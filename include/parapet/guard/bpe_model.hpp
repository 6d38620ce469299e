// Byte pair encoding as tokenizer.json files have it: a vocabulary, and pairs that merge in the order of a list.
//
// A word starts as its characters, or as its bytes where the vocabulary has one token for each (byte level), and is merged by
// merges.hpp. A character that is no token becomes the tokens of its UTF-8 bytes (byte_fallback), the unknown token, or nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/byte_level.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/merges.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class bpe_model {
public:
  /// `blocked`: tokens that no text becomes, by id. Throws io_error for what is broken or not supported.
  bpe_model(json_fields& f, vocabulary const& tokens, std::vector<bool> const& blocked, bool takes_bytes) : takes_bytes_(takes_bytes) {
    if (io::json_value const* dropout = f.find("dropout"); dropout != nullptr && dropout->number() != 0) f.fail("dropout", "random merges are not supported");
    prefix_ = f.string("continuing_subword_prefix", "");
    suffix_ = f.string("end_of_word_suffix", "");
    fuse_unknown_ = f.boolean("fuse_unk", false);
    bool const byte_fallback = f.boolean("byte_fallback", false);
    ignore_merges_ = f.boolean("ignore_merges", false);
    if (f.find("unk_token") != nullptr) unknown_ = tokens.find(f.string("unk_token"));
    if (byte_fallback && !(prefix_.empty() && suffix_.empty())) f.fail("byte_fallback", "is not supported with a prefix or a suffix");
    byte_tokens_.fill(-1);
    if (byte_fallback) {
      char text[8];
      for (unsigned b = 0; b < 256; ++b) {
        std::snprintf(text, sizeof text, "<0x%02X>", b);
        byte_tokens_[b] = tokens.find(text);
      }
    }
    prepare_symbols(tokens, blocked);
    if (f.find("unk_token") != nullptr && unknown_ < 0 && !takes_bytes_) f.fail("unk_token", "is not in the vocabulary");
    read_merges(f, tokens, blocked);
    if (ignore_merges_) {
      for (std::size_t k = 0; k < tokens.size(); ++k) {
        auto const id = static_cast<std::int32_t>(k);
        if (!tokens.contains(id) || blocked[k]) continue;
        if (!takes_bytes_) words_.add(std::string(tokens.text(id)), id);
        else if (auto bytes = bytes_of_alphabet(tokens.text(id))) words_.add(std::move(*bytes), id);
      }
    }
  }

  /// Whether a model with these tokens can take bytes instead of characters of the alphabet.
  static bool can_take_bytes(json_fields& f, vocabulary const& tokens) {
    if (!f.string("continuing_subword_prefix", "").empty() || !f.string("end_of_word_suffix", "").empty()) return false;
    for (char32_t const c : bytes_as_characters.character)
      if (tokens.find(to_utf8(std::u32string_view(&c, 1))) < 0) return false;
    return true;
  }

  /// Calls emit(id, begin, end) for the tokens of a word; bytes of the word.
  template <class Emit>
  void operator()(std::string_view word, std::pmr::vector<symbol>& work, Emit&& emit) const {
    if (ignore_merges_) {
      if (std::int32_t const id = words_.find(word); id >= 0) return emit(id, std::size_t{0}, word.size());
    }
    work.clear();
    std::size_t end = 0;
    if (takes_bytes_) {
      work.reserve(word.size());
      for (; end < word.size(); ++end) work.push_back({byte_ids_[static_cast<unsigned char>(word[end])], static_cast<std::uint32_t>(end)});
      merge(work, 0);
    } else {
      end = characters(word, work);
    }
    for (std::size_t k = 0; k < work.size(); ++k) {
      std::size_t const next = k + 1 < work.size() ? work[k + 1].begin : end;
      emit(work[k].id, std::size_t{work[k].begin}, next);
    }
  }

private:
  // Where a character stands in its word, which decides what is put around it before it is looked up.
  enum place : std::uint32_t { inside = 0, first = 1, last = 2, alone = 3 };

  void prepare_symbols(vocabulary const& tokens, std::vector<bool> const& blocked) {
    auto const usable = [&](std::string const& text) {
      std::int32_t const id = tokens.find(text);
      return id >= 0 && !blocked[static_cast<std::size_t>(id)] ? id : -1;
    };
    if (takes_bytes_) {
      for (std::size_t b = 0; b < 256; ++b) byte_ids_[b] = tokens.find(to_utf8(std::u32string_view(&bytes_as_characters.character[b], 1)));
      return;
    }
    for (std::size_t k = 0; k < tokens.size(); ++k) {  // every character that some token has, in each place
      if (!tokens.contains(static_cast<std::int32_t>(k))) continue;
      std::string_view const text = tokens.text(static_cast<std::int32_t>(k));
      for (std::size_t at = 0; at < text.size();) {
        utf8_char const c = decode_utf8(text, at);
        at += static_cast<std::size_t>(c.bytes);
        if (c.code >= symbols_.size()) symbols_.resize(c.code + 1, {-2, -2, -2, -2});
        auto& ids = symbols_[c.code];
        if (ids[0] != -2) continue;
        std::string character;
        append_utf8(character, c.code);
        ids = {usable(prefix_ + character), usable(character), usable(prefix_ + character + suffix_), usable(character + suffix_)};
      }
    }
  }

  void read_merges(json_fields& f, vocabulary const& tokens, std::vector<bool> const& blocked) {
    struct pair {
      std::int32_t left, right, both;
    };
    std::vector<pair> pairs;
    std::string both;
    for_each_element(f.array("merges"), f.path_of("merges"), [&](io::json_value const& value, std::string const& path) {
      std::string_view left, right;
      if (value.type() == io::json_value::kind::array) {
        if (value.items().size() != 2) json_fields::fail(value, path, "a pair is expected");
        for (io::json_value const& v : value.items())
          if (v.type() != io::json_value::kind::string) json_fields::fail(v, path, "a pair of strings is expected");
        left = value.items()[0].string(), right = value.items()[1].string();
      } else if (value.type() == io::json_value::kind::string) {
        std::string_view const text = value.string();
        if (text.starts_with("#version")) return;
        std::size_t const space = text.find(' ');
        if (space == text.npos || text.find(' ', space + 1) != text.npos) json_fields::fail(value, path, "two tokens with one space between are expected");
        left = text.substr(0, space), right = text.substr(space + 1);
      } else {
        json_fields::fail(value, path, "a pair or a string is expected");
      }
      if (!right.starts_with(prefix_)) json_fields::fail(value, path, "the second token lacks continuing_subword_prefix");
      both.assign(left).append(right.substr(prefix_.size()));
      pair const p{tokens.find(left), tokens.find(right), tokens.find(both)};
      if (p.left < 0 || p.right < 0 || p.both < 0) json_fields::fail(value, path, "a token that is not in the vocabulary");
      if (right.starts_with(space_mark) && !left.ends_with(space_mark)) mark_starts_word_ = false;
      pairs.push_back(p);
    });
    for (std::size_t rank = pairs.size(); rank-- > 0;) {  // the last of equals holds
      pair const& p = pairs[rank];
      if (!blocked[static_cast<std::size_t>(p.both)]) merges_.add(p.left, p.right, {static_cast<std::uint32_t>(rank), p.both});
    }
  }

  /// Symbols of the characters of a word, merged. Each has the length of its text, and they follow one another from 0, whatever was
  /// left out between: as the reference counts. Returns the sum.
  std::size_t characters(std::string_view word, std::pmr::vector<symbol>& work) const {
    std::size_t position = 0, part = 0, unknown_bytes = 0;
    bool unknown = false;
    auto const put = [&](std::int32_t id, std::size_t bytes) {
      work.push_back({id, static_cast<std::uint32_t>(position)});
      position += bytes;
    };
    auto const put_unknown = [&] {
      if (unknown) put(unknown_, unknown_bytes);
      unknown = false;
    };
    bool after_mark = true;
    for (std::size_t at = 0; at < word.size();) {
      utf8_char const c = decode_utf8(word, at);
      auto const bytes = static_cast<std::size_t>(c.bytes);
      bool const mark = mark_starts_word_ && c.code == 0x2581;
      if (mark && !after_mark && !unknown) part = merge(work, part);  // no pair goes on from one word into the next
      after_mark = mark;
      std::uint32_t const where = (at == 0 ? first : inside) | (at + bytes == word.size() ? last : inside);
      std::int32_t const id = c.code < symbols_.size() ? symbols_[c.code][where] : -2;
      if (id >= 0) {
        put_unknown();
        put(id, bytes);
      } else if (fits_bytes(word.substr(at, bytes))) {
        for (std::size_t k = at; k < at + bytes; ++k) put(byte_tokens_[static_cast<unsigned char>(word[k])], 1);
      } else if (unknown_ >= 0) {
        if (unknown && !fuse_unknown_) put_unknown();
        unknown_bytes = unknown ? unknown_bytes + bytes : bytes;
        unknown = true;
      }
      at += bytes;
    }
    put_unknown();
    merge(work, part);
    return position;
  }

  /// Merges the symbols from `from` on, and returns how many there are then.
  std::size_t merge(std::pmr::vector<symbol>& work, std::size_t from) const {
    work.resize(merges_.apply(work.data(), from, work.size(), work.get_allocator()), symbol{});
    return work.size();
  }

  bool fits_bytes(std::string_view character) const {
    return std::all_of(character.begin(), character.end(), [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)] >= 0; });
  }

  static constexpr std::string_view space_mark = "\xE2\x96\x81";  // U+2581

  bool takes_bytes_, fuse_unknown_ = false, ignore_merges_ = false, mark_starts_word_ = true;
  std::string prefix_, suffix_;
  std::int32_t unknown_ = -1;
  std::array<std::int32_t, 256> byte_ids_{}, byte_tokens_{};     // of bytes as characters; of byte_fallback
  std::vector<std::array<std::int32_t, 4>> symbols_;             // by code point, then place; negative: none
  merge_table merges_;
  vocabulary words_;  // ignore_merges: whole words that are tokens
};

}  // namespace parapet::inline PARAPET_ABI::guard
