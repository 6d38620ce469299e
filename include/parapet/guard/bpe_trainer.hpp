// Trains a byte-level BPE tokeniser on texts, and writes it as a tokenizer.json.
//
// Sennrich et al. (2016): of all pairs of neighbours in the words of the texts, the most frequent one becomes a token, until there are
// enough tokens. A heap has the pairs by their count; an entry whose count has changed since is put back with the new one when it comes
// up, so that n symbols of different words take about O(n log n). The result depends on the texts alone, not on their order: ties go to
// the pair of the smaller ids, as in Hugging Face's tokenizers.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/aligned_text.hpp>
#include <parapet/guard/byte_level.hpp>
#include <parapet/guard/pattern.hpp>
#include <parapet/guard/pattern_parser.hpp>
#include <parapet/guard/text_normalizer.hpp>
#include <parapet/guard/vocabulary.hpp>
#include <parapet/io/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct bpe_trainer_options {
  index_t vocabulary = 8192;                 ///< tokens in all: special ones, 256 bytes, merges
  std::vector<std::string> special_tokens{};  ///< get the ids 0, 1, ...
  std::string begin{}, end{};                ///< the special tokens around a text in its template, if any
  std::optional<normal_form> form{};         ///< of texts, in training and in use
  std::string split = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";  ///< cuts words
  index_t least_count = 2;                   ///< a pair that is seen less often is no token
};

/// Counts the words of texts, and then makes tokens of them.
class bpe_trainer {
public:
  /// Throws argument_error for a vocabulary without room for all bytes and special tokens, and a split that is no pattern.
  explicit bpe_trainer(bpe_trainer_options options) : options_(std::move(options)), split_(pattern::parse(options_.split)) {
    auto const least = static_cast<index_t>(256 + options_.special_tokens.size());
    if (options_.vocabulary < least || options_.vocabulary > 1 << 24)
      throw argument_error(parapet::detail::concat("bpe_trainer: a vocabulary of ", options_.vocabulary, ", not in [", least, ", 2^24]"));
    for (std::string const* name : {&options_.begin, &options_.end})
      if (!name->empty() && special_id(*name) < 0) throw argument_error("bpe_trainer: '" + *name + "' is no special token");
    for (std::string const& s : options_.special_tokens) {
      if (s.empty() || !add_token(s)) throw argument_error("bpe_trainer: the special token '" + s + "' is empty or there twice");
    }
    auto characters = bytes_as_characters.character;
    std::sort(characters.begin(), characters.end());
    for (char32_t const c : characters)
      if (!add_token(to_utf8(std::u32string_view(&c, 1)))) throw argument_error("bpe_trainer: a special token is a single byte");
  }

  /// Counts the words of a text. Those of more than 4096 bytes, which would cost the square of their length, are left out.
  void add(std::string_view bytes) {
    aligned_text text = aligned_text::of_bytes(bytes);
    if (options_.form) normalizing::form{*options_.form}(text);
    std::string_view const all = text.get();
    std::size_t at = 0;
    split_.find_all(all, [&](pattern::match m) {
      count(all.substr(at, m.begin - at));
      count(all.substr(m.begin, m.end - m.begin));
      at = m.end;
    });
    count(all.substr(at));
  }

  /// The tokenizer.json. Words that were added later do not change it.
  std::string train() {
    if (!trained_) merge();
    trained_ = true;
    return written();
  }

private:
  static constexpr std::size_t longest_word = 4096;
  using pair = std::pair<std::int32_t, std::int32_t>;
  struct pair_hash {
    std::size_t operator()(pair const& p) const {
      std::uint64_t const key = static_cast<std::uint64_t>(p.first) << 32 | static_cast<std::uint32_t>(p.second);
      std::uint64_t const mixed = key * 0x9E3779B97F4A7C15u;
      return static_cast<std::size_t>(mixed ^ mixed >> 32);
    }
  };
  struct word {
    std::vector<std::int32_t> symbols;
    std::int64_t count;
  };
  struct pair_state {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words{};  // that have had the pair, in order; some twice
  };
  struct candidate {
    std::int64_t count;
    pair which;

    friend bool operator<(candidate const& a, candidate const& b) { return a.count != b.count ? a.count < b.count : a.which > b.which; }
  };

  std::int32_t special_id(std::string_view name) const {
    auto const found = std::find(options_.special_tokens.begin(), options_.special_tokens.end(), name);
    return found == options_.special_tokens.end() ? -1 : static_cast<std::int32_t>(found - options_.special_tokens.begin());
  }
  bool add_token(std::string text) { return tokens_.add(std::move(text), static_cast<std::int32_t>(tokens_.size())); }

  void count(std::string_view text) {
    if (!text.empty() && text.size() <= longest_word) ++counts_[std::string(text)];
  }

  void see(pair const& p, std::int64_t change, std::uint32_t in_word) {
    pair_state& state = pairs_[p];
    state.count += change;
    if (change > 0 && (state.words.empty() || state.words.back() != in_word)) state.words.push_back(in_word);
  }

  void merge() {
    std::vector<word> words;
    {
      std::vector<std::pair<std::string, std::int64_t>> sorted(counts_.begin(), counts_.end());
      std::sort(sorted.begin(), sorted.end());
      std::array<std::int32_t, 256> id_of_byte{};
      for (std::size_t b = 0; b < 256; ++b) id_of_byte[b] = tokens_.find(to_utf8(std::u32string_view(&bytes_as_characters.character[b], 1)));
      for (auto const& [text, count] : sorted) {
        words.push_back({{}, count});
        for (char const c : text) words.back().symbols.push_back(id_of_byte[static_cast<unsigned char>(c)]);
      }
    }
    for (std::uint32_t w = 0; w < words.size(); ++w)
      for (std::size_t k = 0; k + 1 < words[w].symbols.size(); ++k) see({words[w].symbols[k], words[w].symbols[k + 1]}, words[w].count, w);

    std::priority_queue<candidate> heap;
    for (auto const& [which, state] : pairs_) heap.push({state.count, which});
    std::vector<pair> fresh;
    while (static_cast<index_t>(tokens_.size()) < options_.vocabulary && !heap.empty()) {
      candidate const top = heap.top();
      heap.pop();
      pair_state& state = pairs_[top.which];
      if (state.count != top.count) {
        if (state.count >= options_.least_count) heap.push({state.count, top.which});
        continue;
      }
      if (top.count < options_.least_count) break;
      auto const [left, right] = top.which;
      std::string text(tokens_.text(left));
      text += tokens_.text(right);
      std::int32_t both = tokens_.find(text);  // another pair may have made it
      if (both < 0) {
        both = static_cast<std::int32_t>(tokens_.size());
        add_token(std::move(text));
      }
      merges_.push_back(top.which);
      fresh.clear();
      std::vector<std::uint32_t> const in = std::move(state.words);
      state = {};
      for (std::uint32_t const w : in) replace(words[w], w, top.which, both, fresh);
      pairs_[top.which].count = 0;
      std::sort(fresh.begin(), fresh.end());
      fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
      for (pair const& p : fresh)
        if (std::int64_t const count = pairs_[p].count; count >= options_.least_count) heap.push({count, p});
    }
  }

  /// Merges the pair in a word, and notes which pairs came and went.
  void replace(word& in, std::uint32_t index, pair which, std::int32_t both, std::vector<pair>& fresh) {
    auto& s = in.symbols;
    std::size_t kept = 0;
    for (std::size_t k = 0; k < s.size();) {
      if (k + 1 == s.size() || s[k] != which.first || s[k + 1] != which.second) {
        s[kept++] = s[k++];
        continue;
      }
      if (kept > 0) {
        see({s[kept - 1], which.first}, -in.count, index);
        see({s[kept - 1], both}, in.count, index);
        fresh.emplace_back(s[kept - 1], both);
      }
      if (k + 2 < s.size()) {
        see({which.second, s[k + 2]}, -in.count, index);
        see({both, s[k + 2]}, in.count, index);
        fresh.emplace_back(both, s[k + 2]);
      }
      s[kept++] = both;
      k += 2;
    }
    s.resize(kept);
  }

  std::string written() const {
    using io::json_quote;
    std::string out = R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)";
    for (std::size_t k = 0; k < options_.special_tokens.size(); ++k) {
      out += parapet::detail::concat(k > 0 ? "," : "", "{\"id\":", k, ",\"content\":", json_quote(options_.special_tokens[k]),
                                     R"(,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})");
    }
    constexpr std::string_view forms[] = {"NFD", "NFC", "NFKD", "NFKC"};
    out += "],\"normalizer\":";
    out += options_.form ? parapet::detail::concat("{\"type\":\"", forms[static_cast<std::size_t>(*options_.form)], "\"}") : std::string("null");
    out += R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)" + json_quote(options_.split);
    out += R"(},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},"post_processor":)";
    out += written_template();
    out += R"(,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"model":{"type":"BPE",)";
    out += R"("dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,)"
           R"("byte_fallback":false,"ignore_merges":false,"vocab":{)";
    for (std::size_t k = 0; k < tokens_.size(); ++k)
      out += parapet::detail::concat(k > 0 ? "," : "", json_quote(tokens_.text(static_cast<std::int32_t>(k))), ":", k);
    out += "},\"merges\":[";
    for (std::size_t k = 0; k < merges_.size(); ++k)
      out += parapet::detail::concat(k > 0 ? "," : "", "[", json_quote(tokens_.text(merges_[k].first)), ",", json_quote(tokens_.text(merges_[k].second)), "]");
    return out + "]}}\n";
  }

  std::string written_template() const {
    if (options_.begin.empty() && options_.end.empty()) return "null";
    auto const special = [](std::string const& name, int type) {
      return name.empty() ? std::string() : parapet::detail::concat("{\"SpecialToken\":{\"id\":", io::json_quote(name), ",\"type_id\":", type, "}}");
    };
    auto const text = [](char id, int type) { return parapet::detail::concat("{\"Sequence\":{\"id\":\"", id, "\",\"type_id\":", type, "}}"); };
    auto const list = [](std::initializer_list<std::string> pieces) {
      std::string out;
      for (std::string const& p : pieces)
        if (!p.empty()) out += (out.empty() ? "" : ",") + p;
      return out;
    };
    std::string const &begin = options_.begin, &end = options_.end;
    auto const entry = [&](std::string const& name) {
      if (name.empty()) return std::string();
      std::string const quoted = io::json_quote(name);
      return parapet::detail::concat(quoted, ":{\"id\":", quoted, ",\"ids\":[", special_id(name), "],\"tokens\":[", quoted, "]}");
    };
    std::string const between = end.empty() ? begin : end;
    return parapet::detail::concat("{\"type\":\"TemplateProcessing\",\"single\":[", list({special(begin, 0), text('A', 0), special(end, 0)}), "],\"pair\":[",
                                   list({special(begin, 0), text('A', 0), special(between, 0), text('B', 1), special(end, 1)}), "],\"special_tokens\":{",
                                   list({entry(begin), begin == end ? std::string() : entry(end)}), "}}");
  }

  bpe_trainer_options options_;
  pattern split_;
  vocabulary tokens_;
  std::vector<pair> merges_;
  std::unordered_map<std::string, std::int64_t> counts_;
  std::unordered_map<pair, pair_state, pair_hash> pairs_;
  bool trained_ = false;
};

/// The tokenizer.json of a byte-level BPE tokeniser for `texts`, a range of strings.
template <class Texts>
std::string train_byte_level_bpe(Texts const& texts, bpe_trainer_options options = {}) {
  bpe_trainer trainer(std::move(options));
  for (std::string_view const text : texts) trainer.add(text);
  return trainer.train();
}

}  // namespace parapet::inline PARAPET_ABI::guard
