// A text as a sparse vector: how often it has each word, pair of words and run of 2 to 5 characters, by a hash of those.
//
// Words are runs of letters, digits, apostrophes and bytes above 127; characters are bytes, and their runs stay inside what spaces enclose, one
// space on either side counted in. ASCII letters count without case. The hash gives each of them a bucket among 2^bits (Weinberger et al., "Feature
// hashing for large scale multitask learning", ICML 2009): no dictionary, and texts of an attacker cannot make it grow.
//
// A block is the counts of one kind in one part of a text. Each is weighted by tf-idf, count * (1 + log((1 + n) / (1 + df))), and scaled to
// length 1, as scikit-learn does; buckets that fewer than two training texts have are left out.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {
namespace detail {
using parapet::detail::concat;
}

struct ngram_options {
  int bits = 18;  ///< 2^bits buckets; 8 to 24
  int longest_words = 2;
  int shortest_characters = 2, longest_characters = 5;
  friend bool operator==(ngram_options const&, ngram_options const&) = default;
};

struct sparse_value {
  std::uint32_t bucket;
  float value;
};
using sparse_row = std::vector<sparse_value>;

/// Counts the n-grams of texts. Keeps its memory from text to text; an object is used by one thread at a time.
class ngram_counter {
public:
  explicit ngram_counter(ngram_options const& options) : options_(options) {
    if (options.bits < 8 || options.bits > 24 || options.longest_words < 0 || options.longest_words > 8 || options.shortest_characters < 1 ||
        options.longest_characters > 16)
      throw argument_error(detail::concat("ngram_options: ", options.bits, " bits, ", options.longest_words, " words, ", options.shortest_characters, " to ",
                                          options.longest_characters, " characters; expected 8 to 24, 0 to 8, 1 to 16"));
  }
  ngram_options const& options() const { return options_; }

  /// Appends to `out` the buckets and counts of both blocks of a part. `part` tells a text's parts apart: the same words in another part
  /// have other buckets. `ends` gets the size of `out` after each block.
  void count(std::string_view text, std::uint32_t part, sparse_row& out, std::vector<std::size_t>& ends) {
    lower_.assign(text);
    for (char& c : lower_)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    hash_words(2 * part);
    add_block(out, ends);
    hash_characters(2 * part + 1);
    add_block(out, ends);
  }

private:
  static constexpr std::uint64_t prime = 0x100000001B3;  // of FNV-1a
  static constexpr std::uint64_t start_of(std::uint32_t block) { return 0xCBF29CE484222325 ^ (block * 0x9E3779B97F4A7C15); }
  static constexpr std::uint64_t step(std::uint64_t hash, char c) { return (hash ^ static_cast<unsigned char>(c)) * prime; }
  /// The upper bits of a well mixed hash.
  void add(std::uint64_t hash) {
    hash ^= hash >> 32;
    hash *= 0xD6E8FEB86659FD93;
    buckets_.push_back(static_cast<std::uint32_t>(hash >> (64 - options_.bits)));
  }

  static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  }
  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  void hash_words(std::uint32_t block) {
    words_.clear();
    for (std::size_t i = 0; i < lower_.size();) {
      std::size_t end = i;
      while (end < lower_.size() && in_word(lower_[end])) ++end;
      if (end > i) words_.push_back(std::string_view(lower_).substr(i, end - i));
      i = end + 1;
    }
    buckets_.clear();
    for (std::size_t w = 0; w < words_.size(); ++w) {
      std::uint64_t hash = start_of(block);
      for (std::size_t n = 0; n < static_cast<std::size_t>(options_.longest_words) && w + n < words_.size(); ++n) {
        for (char const c : words_[w + n]) hash = step(hash, c);
        hash = step(hash, ' ');
        add(hash);
      }
    }
  }

  void hash_characters(std::uint32_t block) {
    buckets_.clear();
    for (std::size_t i = 0; i < lower_.size();) {
      std::size_t end = i;
      while (end < lower_.size() && !is_space(lower_[end])) ++end;
      if (end > i) {
        padded_.assign(1, ' ').append(lower_, i, end - i).append(1, ' ');
        for (std::size_t from = 0; from < padded_.size(); ++from) {
          std::uint64_t hash = start_of(block);
          std::size_t const most = std::min(static_cast<std::size_t>(options_.longest_characters), padded_.size() - from);
          for (std::size_t n = 0; n < most; ++n) {
            hash = step(hash, padded_[from + n]);
            if (n + 1 >= static_cast<std::size_t>(options_.shortest_characters)) add(hash);
          }
        }
      }
      i = end + 1;
    }
  }

  void add_block(sparse_row& out, std::vector<std::size_t>& ends) {
    std::sort(buckets_.begin(), buckets_.end());
    for (std::size_t i = 0; i < buckets_.size();) {
      std::size_t end = i;
      while (end < buckets_.size() && buckets_[end] == buckets_[i]) ++end;
      out.push_back({buckets_[i], static_cast<float>(end - i)});
      i = end;
    }
    ends.push_back(out.size());
  }

  ngram_options options_;
  std::string lower_, padded_;
  std::vector<std::string_view> words_;
  std::vector<std::uint32_t> buckets_;
};

/// Inverse document frequencies of training texts, one for each bucket; 0 for those of fewer than two texts.
inline std::vector<float> inverse_document_frequency(std::span<sparse_row const> counts, int bits) {
  std::vector<std::uint32_t> texts(std::size_t{1} << bits, 0), last(texts.size(), 0);
  for (std::size_t t = 0; t < counts.size(); ++t)
    for (sparse_value const& v : counts[t])
      if (last[v.bucket] != t + 1) ++texts[v.bucket], last[v.bucket] = static_cast<std::uint32_t>(t + 1);
  std::vector<float> idf(texts.size(), 0);
  for (std::size_t b = 0; b < idf.size(); ++b)
    if (texts[b] >= 2) idf[b] = static_cast<float>(1 + std::log((1.0 + static_cast<double>(counts.size())) / (1.0 + texts[b])));
  return idf;
}

/// Turns the counts of one text, block by block, into tf-idf of length 1 a block, and drops what has no weight.
inline void weigh(sparse_row& row, std::span<std::size_t const> ends, std::span<float const> idf) {
  std::size_t kept = 0, i = 0;
  for (std::size_t const end : ends) {
    std::size_t const begin = kept;
    float square = 0;
    for (; i < end; ++i) {
      float const value = row[i].value * idf[row[i].bucket];
      if (value == 0) continue;
      row[kept++] = {row[i].bucket, value};
      square += value * value;
    }
    float const scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (std::size_t k = begin; k < kept; ++k) row[k].value *= scale;
  }
  row.resize(kept);
}

}  // namespace parapet::inline PARAPET_ABI::guard
