// SentencePiece tokenisers, BPE and unigram, token for token as google/sentencepiece, which finds no control pieces in text either.
//
// BPE merges the neighbours whose union is the piece of the best score (merges.hpp). Unigram takes the segmentation of the largest
// sum of scores (Kudo 2018), by Viterbi's recursion over the text:
//
//     best(e) = max over pieces p that end at e of  best(e - |p|) + score(p);   an unknown character costs min score - 10
//
// What is in no piece becomes its UTF-8 bytes (byte fallback) or the unknown piece. Control pieces are never found in text; a
// program puts them into a prompt by name (token.hpp). A tokeniser is const in use: threads may share it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/code_trie.hpp>
#include <parapet/guard/merges.hpp>
#include <parapet/guard/sentencepiece_model.hpp>
#include <parapet/guard/sentencepiece_normalizer.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class sentencepiece_tokenizer {
public:
  explicit sentencepiece_tokenizer(sentencepiece_model model) : model_(std::move(model)), normalizer_(model_) {
    for (std::size_t k = 0; k < model_.pieces.size(); ++k) {
      auto const& piece = model_.pieces[k];
      auto const id = static_cast<std::int32_t>(k);
      if (piece.type == piece_kind::unknown) unknown_ = id;
      if (piece.type == piece_kind::byte) byte_ids_[detail::byte_of_piece(piece.text)] = id;
      if (piece.type == piece_kind::user_defined) user_defined_.add(to_utf32(piece.text), id);
    }
    if (model_.type == sentencepiece_model::kind::bpe) prepare_bpe();
    else prepare_unigram();
  }

  /// Appends the tokens of `text` to `out`. Invalid UTF-8 is read as U+FFFD, a byte at a time. Throws argument_error above 2 GiB, also
  /// where rules of normalisation make so many characters of a shorter text. `memory` is for what it needs on the way: with a pooled_memory
  /// (core/pooled_memory.hpp) that was used for such a text before, nothing is allocated.
  void encode(std::string_view text, std::vector<token>& out, text_start start = text_start::by_itself,
              std::pmr::memory_resource& memory = *std::pmr::get_default_resource()) const {
    if (text.size() > 0x7FFFFFFF) throw argument_error("sentencepiece_tokenizer::encode: the text is longer than 2 GiB");
    std::pmr::vector<symbol> symbols(&memory);
    std::uint32_t const end = normalizer_(text, symbols, start);
    if (symbols.size() > 0x7FFFFFFF) throw argument_error("sentencepiece_tokenizer::encode: the normal text is longer than 2 GiB");
    if (model_.type == sentencepiece_model::kind::bpe) segment_bpe(symbols);
    else segment_unigram(symbols);
    emit(symbols, end, out);
  }
  std::vector<token> encode(std::string_view text, text_start start = text_start::by_itself) const {
    std::vector<token> out;
    encode(text, out, start);
    return out;
  }

  /// The text of the tokens. Control tokens have none. Throws argument_error for an id outside the vocabulary.
  std::string decode(std::span<std::int32_t const> ids) const {
    std::string out, bytes;
    bool at_start = true, dropped_space = false;
    auto const flush = [&] {
      out += to_utf8(to_utf32(bytes));
      bytes.clear();
    };
    for (std::int32_t const id : ids) {
      auto const& piece = at(id);
      if (piece.type == piece_kind::byte) {
        bytes += static_cast<char>(detail::byte_of_piece(piece.text));
        continue;
      }
      flush();
      if (dropped_space || !out.empty()) at_start = false;
      dropped_space = false;
      if (piece.type == piece_kind::control) continue;
      if (piece.type == piece_kind::unknown) {
        out += model_.unknown_surface;
        continue;
      }
      std::string_view text = piece.text;
      if (at_start && (model_.add_dummy_prefix || model_.remove_extra_whitespaces) && text.starts_with(space)) {
        text.remove_prefix(space.size());
        dropped_space = !model_.remove_extra_whitespaces;
      }
      for (std::size_t found; (found = text.find(space)) != text.npos; text.remove_prefix(found + space.size())) {
        out += text.substr(0, found);
        out += ' ';
      }
      out += text;
    }
    flush();
    return out;
  }

  /// Pieces in the vocabulary.
  index_t size() const { return static_cast<index_t>(model_.pieces.size()); }
  std::string const& piece(std::int32_t id) const { return at(id).text; }
  std::int32_t unknown_id() const { return unknown_; }
  /// The id of the control piece `name`. Throws argument_error where it is none: text has no way to it.
  std::int32_t control_id(std::string_view name) const {
    for (std::size_t k = 0; k < model_.pieces.size(); ++k)
      if (model_.pieces[k].type == piece_kind::control && model_.pieces[k].text == name) return static_cast<std::int32_t>(k);
    throw argument_error(parapet::detail::concat("sentencepiece_tokenizer: '", name, "' is no control piece of ", model_.source));
  }

private:
  using piece_kind = sentencepiece_model::piece_kind;
  static constexpr std::string_view space = "\xE2\x96\x81";  // U+2581

  sentencepiece_model::piece const& at(std::int32_t id) const {
    if (id < 0 || id >= size()) throw argument_error(parapet::detail::concat("sentencepiece_tokenizer: id ", id, " of ", size()));
    return model_.pieces[static_cast<std::size_t>(id)];
  }

  // An id below -1 is a character that is in no piece.
  static std::int32_t unknown_character(std::int32_t code) { return -2 - code; }

  /// A pair of pieces merges where its union is a piece. Characters that are only in longer pieces get ids above the vocabulary.
  void prepare_bpe() {
    std::vector<float> scores;
    std::unordered_map<std::string_view, std::int32_t> ids;
    for (std::size_t k = 0; k < model_.pieces.size(); ++k) {
      auto const& piece = model_.pieces[k];
      if (piece.type != piece_kind::normal) continue;
      scores.push_back(piece.score);
      ids.emplace(piece.text, static_cast<std::int32_t>(k));
    }
    std::sort(scores.begin(), scores.end(), [](float a, float b) { return a > b; });
    scores.erase(std::unique(scores.begin(), scores.end()), scores.end());

    for (auto const& piece : model_.pieces) {
      if (piece.type != piece_kind::normal) continue;
      char32_t before = space_symbol;
      for (std::size_t begin = 0; begin < piece.text.size();) {
        utf8_char const c = decode_utf8(piece.text, begin);
        auto const bytes = static_cast<std::size_t>(c.bytes);
        auto const next = static_cast<std::int32_t>(model_.pieces.size() + beyond_.size());
        auto const [found, added] = ids.emplace(std::string_view(piece.text).substr(begin, bytes), next);
        if (added) beyond_.push_back(static_cast<std::int32_t>(c.code));
        if (c.code >= characters_.size()) characters_.resize(c.code + 1, -1);
        characters_[c.code] = found->second;
        if (c.code == space_symbol && before != space_symbol) space_starts_word_ = false;
        before = c.code;
        begin += bytes;
      }
    }
    for (std::size_t k = 0; k < model_.pieces.size(); ++k) {
      auto const& piece = model_.pieces[k];
      if (piece.type != piece_kind::normal) continue;
      auto const rank = static_cast<std::uint32_t>(std::lower_bound(scores.begin(), scores.end(), piece.score,
                                                                    [](float a, float b) { return a > b; }) - scores.begin());
      std::string_view const text = piece.text;
      for (std::size_t cut = 1; cut < text.size(); ++cut) {
        if ((text[cut] & 0xC0) == 0x80) continue;
        auto const left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
        if (left != ids.end() && right != ids.end()) merges_.add(left->second, right->second, {rank, static_cast<std::int32_t>(k)});
      }
    }
  }

  void prepare_unigram() {
    smallest_ = std::numeric_limits<float>::max();
    for (std::size_t k = 0; k < model_.pieces.size(); ++k) {
      auto const& piece = model_.pieces[k];
      if (piece.type == piece_kind::normal) smallest_ = std::min(smallest_, piece.score);
      if (piece.type == piece_kind::normal || piece.type == piece_kind::user_defined) pieces_.add(to_utf32(piece.text), static_cast<std::int32_t>(k));
    }
  }

  /// The longest user-defined piece at symbols[k], whose ids are still code points: its id and length, which is 0 where there is none.
  std::pair<std::int32_t, std::size_t> user_defined_at(std::pmr::vector<symbol> const& symbols, std::size_t k) const {
    std::pair<std::int32_t, std::size_t> longest{-1, 0};
    std::int32_t node = 0;
    for (std::size_t at = k; at < symbols.size(); ++at) {
      node = user_defined_.step(node, static_cast<char32_t>(symbols[at].id));
      if (node < 0) break;
      if (user_defined_.id(node) >= 0) longest = {user_defined_.id(node), at + 1 - k};
    }
    return longest;
  }

  /// Code points to pieces, in place. Words are merged one by one where no piece goes on from one word into the next.
  void segment_bpe(std::pmr::vector<symbol>& symbols) const {
    std::size_t kept = 0, word = 0;
    auto const end_word = [&] { word = kept = merges_.apply(symbols.data(), word, kept, symbols.get_allocator()); };
    bool const user_defined = !user_defined_.empty();
    auto before = static_cast<std::int32_t>(space_symbol);
    for (std::size_t k = 0; k < symbols.size();) {
      symbol const here = symbols[k];
      if (user_defined) {
        if (auto const [id, length] = user_defined_at(symbols, k); length != 0) {
          end_word();
          symbols[kept++] = {id, here.begin};
          word = kept;
          k += length;
          continue;
        }
      }
      if (space_starts_word_ && here.id == static_cast<std::int32_t>(space_symbol) && before != here.id) end_word();
      before = here.id;
      auto const code = static_cast<std::size_t>(here.id);
      std::int32_t const id = code < characters_.size() ? characters_[code] : -1;
      symbols[kept++] = {id >= 0 ? id : unknown_character(here.id), here.begin};
      ++k;
    }
    end_word();
    symbols.resize(kept);
  }

  void segment_unigram(std::pmr::vector<symbol>& symbols) const {
    struct state {
      float score = 0;
      std::int32_t id = -1;
      std::size_t begin = none;
    };
    std::pmr::vector<state> best(symbols.size() + 1, symbols.get_allocator());  // by the symbol before which the last piece ends
    float const unknown_score = smallest_ - 10.0f;
    std::size_t frontier = 0;  // the furthest end so far
    for (std::size_t begin = 0; begin < symbols.size(); ++begin) {
      // Sums are floats, and rounding decides between near equals: both as in the reference, which starts again from zero where they are large.
      if (float const offset = best[begin].score; std::abs(offset) > 100000.0f) {
        for (std::size_t k = begin; k <= frontier; ++k)
          if (k == begin || best[k].begin != none) best[k].score -= offset;
      }
      float const so_far = best[begin].score;
      bool alone = false;  // whether the character itself is a piece
      std::size_t bytes = 0;
      std::int32_t node = 0;
      for (std::size_t end = begin; end < symbols.size();) {
        auto const code = static_cast<char32_t>(symbols[end].id);
        node = pieces_.step(node, code);
        if (node < 0) break;
        bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        ++end;
        std::int32_t const id = pieces_.id(node);
        if (id < 0) continue;
        auto const& piece = model_.pieces[static_cast<std::size_t>(id)];
        bool const user_defined = piece.type == piece_kind::user_defined;  // worth more than what else is there
        float const score = user_defined ? static_cast<float>(0.1 * static_cast<double>(bytes - 1)) : piece.score;
        float const sum = score + so_far;
        if (best[end].begin == none || sum > best[end].score) best[end] = {sum, id, begin};
        frontier = std::max(frontier, end);
        alone = alone || end == begin + 1;
      }
      if (alone) continue;
      frontier = std::max(frontier, begin + 1);
      float const sum = unknown_score + so_far;
      if (state& next = best[begin + 1]; next.begin == none || sum > next.score) next = {sum, unknown_character(symbols[begin].id), begin};
    }
    std::size_t from = symbols.size();  // the pieces from the last to the first, written behind those already read
    for (std::size_t end = symbols.size(); end > 0; end = best[end].begin) {
      std::size_t const begin = best[end].begin;
      symbols[--from] = {best[end].id, symbols[begin].begin};
    }
    symbols.erase(symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(from));
  }

  void emit(std::pmr::vector<symbol> const& symbols, std::uint32_t last, std::vector<token>& out) const {
    out.reserve(out.size() + symbols.size());
    bool after_unknown = false;
    for (std::size_t k = 0; k < symbols.size(); ++k) {
      auto const [id, begin] = symbols[k];
      std::uint32_t const end = k + 1 < symbols.size() ? symbols[k + 1].begin : last;
      if (id >= 0 && id < size()) {
        out.push_back({id, begin, end});
        after_unknown = false;
      } else if (model_.byte_fallback) {
        std::string bytes;
        append_utf8(bytes, static_cast<char32_t>(id < 0 ? -2 - id : beyond_[static_cast<std::size_t>(id - size())]));
        for (char const byte : bytes) out.push_back({byte_ids_[static_cast<unsigned char>(byte)], begin, begin});
        out.back().end = end;  // the last of them stands for the character
      } else if (after_unknown) {
        out.back().end = end;  // unknown characters in a row are one token
      } else {
        out.push_back({unknown_, begin, end});
        after_unknown = true;
      }
    }
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  sentencepiece_model model_;
  sentencepiece_normalizer normalizer_;
  std::int32_t unknown_ = -1;
  std::int32_t byte_ids_[256] = {};
  code_trie user_defined_;

  merge_table merges_;                   // BPE
  std::vector<std::int32_t> characters_;  // by code point: its id, or -1
  std::vector<std::int32_t> beyond_;      // the characters of the ids above the vocabulary
  bool space_starts_word_ = true;

  code_trie pieces_;  // unigram
  float smallest_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::guard
