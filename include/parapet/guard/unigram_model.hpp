// Unigram (Kudo 2018) as tokenizer.json files have it: the segmentation of the largest sum of scores, by Viterbi's recursion
//
//     best(e) = max over tokens t that end at e of  best(e - |t|) + score(t);   an unknown character costs the least score - 10
//
// Sums are double, where sentencepiece.hpp sums in float as google/sentencepiece does. Unknown characters in a row are one token, or the
// tokens of their UTF-8 bytes.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/code_trie.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/merges.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

namespace detail {

/// A JSON number as the reference reads it (serde_json): up to 19 digits as an integer, rounded to a double, then one product or quotient
/// with a power of ten. That is not always the nearest double, and near equal sums of scores depend on the last bit.
inline double read_score(std::string_view literal) {
  bool const negative = literal.starts_with('-');
  std::uint64_t digits = 0;
  int exponent = 0;
  bool fraction = false, full = false;  // full: the next digit would not fit
  std::size_t at = negative;
  for (; at < literal.size() && (literal[at] | 0x20) != 'e'; ++at) {
    if (literal[at] == '.') {
      fraction = true, full = false;
      continue;
    }
    auto const digit = static_cast<std::uint64_t>(literal[at] - '0');
    constexpr std::uint64_t most = ~std::uint64_t{0};
    full = full || digits > most / 10 || (digits == most / 10 && digit > most % 10);
    if (full) exponent += !fraction;
    else digits = digits * 10 + digit, exponent -= fraction;
  }
  if (at < literal.size()) {
    bool const down = literal[at + 1] == '-';
    int power = 0;
    for (at += down || literal[at + 1] == '+' ? 2 : 1; at < literal.size(); ++at) power = std::min(power * 10 + (literal[at] - '0'), 100'000);
    exponent += down ? -power : power;
  }
  auto value = static_cast<double>(digits);
  auto const power_of_ten = [](int n) {  // the nearest double
    double power = 0;
    char text[16];
    std::size_t const length = static_cast<std::size_t>(std::snprintf(text, sizeof text, "1e%d", n));
    std::from_chars(text, text + length, power);
    return power;
  };
  for (; exponent < -308 && value != 0; exponent += 308) value /= 1e308;
  value = exponent >= 0 ? value * power_of_ten(std::min(exponent, 308)) : value / power_of_ten(std::min(-exponent, 308));
  return negative ? -value : value;
}

}  // namespace detail

class unigram_model {
public:
  /// `scores` by id.
  unigram_model(json_fields& f, vocabulary const& tokens, std::vector<double> scores, std::vector<bool> const& blocked) : scores_(std::move(scores)) {
    unknown_ = static_cast<std::int32_t>(f.integer("unk_id", 0, static_cast<index_t>(tokens.size()) - 1));
    double least = scores_[0];
    for (double const s : scores_) least = std::min(least, s);
    unknown_score_ = least - 10;
    byte_tokens_.fill(-1);
    if (f.boolean("byte_fallback", false)) {
      char text[8];
      for (unsigned b = 0; b < 256; ++b) {
        std::snprintf(text, sizeof text, "<0x%02X>", b);
        byte_tokens_[b] = tokens.find(text);
      }
    }
    for (std::size_t k = 0; k < tokens.size(); ++k)
      if (auto const id = static_cast<std::int32_t>(k); tokens.contains(id) && !blocked[k]) pieces_.add(to_utf32(tokens.text(id)), id);
  }

  template <class Emit>
  void operator()(std::string_view word, std::pmr::vector<symbol>& work, Emit&& emit) const {
    std::pmr::vector<state> best(word.size() + 1, work.get_allocator());  // by the byte at which the last token ends
    auto const offer = [&](std::size_t end, double score, std::int32_t id, std::size_t begin) {
      if (state& s = best[end]; s.begin == none || score > s.score) s = {score, id, static_cast<std::uint32_t>(begin)};
    };
    for (std::size_t begin = 0; begin < word.size();) {
      double const so_far = best[begin].score;
      auto const first_end = begin + static_cast<std::size_t>(decode_utf8(word, begin).bytes);
      bool alone = false;  // whether the character itself is a token
      std::int32_t node = 0;
      for (std::size_t end = begin; end < word.size();) {
        utf8_char const c = decode_utf8(word, end);
        node = pieces_.step(node, c.code);
        if (node < 0) break;
        end += static_cast<std::size_t>(c.bytes);
        std::int32_t const id = pieces_.id(node);
        if (id < 0) continue;
        offer(end, scores_[static_cast<std::size_t>(id)] + so_far, id, begin);
        alone = alone || end == first_end;
      }
      if (!alone) offer(first_end, unknown_score_ + so_far, unknown_, begin);
      begin = first_end;
    }
    work.clear();
    for (std::size_t end = word.size(); end > 0; end = best[end].begin) work.push_back({best[end].id, best[end].begin});
    std::reverse(work.begin(), work.end());
    for (std::size_t k = 0; k < work.size();) {
      std::size_t next = k + 1;
      if (work[k].id == unknown_)
        while (next < work.size() && work[next].id == unknown_) ++next;
      std::size_t const begin = work[k].begin, end = next < work.size() ? std::size_t{work[next].begin} : word.size();
      if (work[k].id == unknown_) emit_unknown(word.substr(begin, end - begin), begin, emit);
      else emit(work[k].id, begin, end);
      k = next;
    }
  }

private:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  struct state {
    double score = 0;
    std::int32_t id = -1;
    std::uint32_t begin = none;
  };

  template <class Emit>
  void emit_unknown(std::string_view text, std::size_t begin, Emit& emit) const {
    std::int32_t node = 0;
    for (std::size_t at = 0; at < text.size() && node >= 0;) {  // together they may be a token that was worth less
      utf8_char const c = decode_utf8(text, at);
      node = pieces_.step(node, c.code);
      at += static_cast<std::size_t>(c.bytes);
    }
    std::size_t const end = begin + text.size();
    if (node >= 0 && pieces_.id(node) >= 0) return emit(pieces_.id(node), begin, end);
    bool const fits = std::all_of(text.begin(), text.end(), [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)] >= 0; });
    if (!fits) return emit(unknown_, begin, end);
    for (char const c : text) emit(byte_tokens_[static_cast<unsigned char>(c)], begin, end);
  }

  code_trie pieces_;
  std::vector<double> scores_;
  std::array<std::int32_t, 256> byte_tokens_{};
  std::int32_t unknown_ = -1;
  double unknown_score_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::guard
