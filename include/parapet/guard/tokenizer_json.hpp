// Tokenisers from `tokenizer.json` (Hugging Face tokenizers 0.23): BPE, byte-level BPE, WordPiece, Unigram, WordLevel.
//
//     text -> added tokens out -> normalizer -> added tokens out -> pre-tokenizer -> model, word by word -> offsets, template
//
// A text has no way to a special token: what it spells is characters, also where the model's vocabulary has the token. Special tokens
// come from the file's template (encode_templated) or from the program (token.hpp). An option turns that off, for comparisons.
// A field that is not known is refused, since its meaning would be missing. A tokeniser is const in use: threads may share it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/added_tokens.hpp>
#include <parapet/guard/aligned_text.hpp>
#include <parapet/guard/bpe_model.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/post_processor.hpp>
#include <parapet/guard/pre_tokenizer.hpp>
#include <parapet/guard/text_normalizer.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/token_decoder.hpp>
#include <parapet/guard/unigram_model.hpp>
#include <parapet/guard/vocabulary.hpp>
#include <parapet/guard/word_model.hpp>
#include <parapet/io/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// What a tokenizer.json means beyond the file itself.
struct tokenizer_json_options {
  bool special_tokens_in_text = false;  ///< as transformers does by default: a user who spells one has it
};

class json_tokenizer {
public:
  /// Reads a tokenizer.json from its bytes; `source` is its name for messages. Throws io_error, which says where, for what is broken
  /// or not supported. Truncation and padding in the file are not done: what is too long is never cut in silence.
  json_tokenizer(std::string_view json, std::string source, tokenizer_json_options const& options = {})
      : source_(std::move(source)), options_(options) {
    io::json_value const file = io::parse_json(json, source_, {64, 20'000'000});
    json_fields f(file, "");
    if (f.string("version", "1.0") != "1.0") f.fail("version", "is not 1.0");
    f.find("truncation"), f.find("padding");
    if (auto const* value = f.find("post_processor")) post_processor_ = post_processor(*value, "post_processor");
    if (auto const* value = f.find("normalizer")) normalizer_ = text_normalizer(*value, "normalizer");
    if (auto const* value = f.find("pre_tokenizer")) pre_tokenizer_ = pre_tokenizer(*value, "pre_tokenizer");
    if (auto const* value = f.find("decoder")) decoder_ = token_decoder(*value, "decoder");
    read_model(f.at("model"), f.find("added_tokens"));
    f.finish();
    count_spaces();
  }

  /// Appends the tokens of `text` to `out`, without a template. A text that goes on gets no space in front of it. Invalid UTF-8 is read
  /// as U+FFFD, a byte at a time. `memory` is for what it needs on the way: with a pooled_memory (core/pooled_memory.hpp) that was used
  /// for such a text before, nothing is allocated. Throws argument_error above 1 GiB.
  void encode(std::string_view text, std::vector<token>& out, text_start start = text_start::by_itself,
              std::pmr::memory_resource& memory = *std::pmr::get_default_resource()) const {
    if (text.size() > (std::size_t{1} << 30)) throw argument_error("json_tokenizer::encode: the text is longer than 1 GiB");
    work w{out, std::pmr::vector<symbol>(&memory), std::pmr::vector<std::pair<std::size_t, edges>>(&memory), out.size()};
    aligned_text const all = aligned_text::of_bytes(text, &memory);
    find(raw_finder_, all, w, [&](std::size_t begin, std::size_t end) {
      bool const prefixes = start == text_start::by_itself || begin != 0;
      aligned_text part = all.part(begin, end);
      normalizer_(part, prefixes);
      find(normal_finder_, part, w, [&](std::size_t b, std::size_t e) {
        if (b == 0 && e == part.get().size()) return encode_words(part, prefixes, w);
        aligned_text inner = part.part(b, e);
        encode_words(inner, prefixes || b != 0, w);
      });
    });
    if (post_processor_.trims()) {
      post_processor_.trim(text, out.data() + w.first, out.size() - w.first, [&](std::size_t k) {
        auto const found = std::lower_bound(w.added.begin(), w.added.end(), k + w.first, [](auto const& a, std::size_t index) { return a.first < index; });
        if (found != w.added.end() && found->first == k + w.first) return found->second;
        return spaces_[static_cast<std::size_t>(out[w.first + k].id)];
      });
    }
  }
  std::vector<token> encode(std::string_view text, text_start start = text_start::by_itself) const {
    std::vector<token> out;
    encode(text, out, start);
    return out;
  }

  /// The tokens of one text, or two, in the file's template: "[CLS] first [SEP] second [SEP]". Offsets count from the start of each text.
  templated_tokens encode_templated(std::string_view first, std::optional<std::string_view> second = {}) const {
    templated_tokens out;
    encode_templated(first, second, out);
    return out;
  }
  /// The same into `out`, in place of what it had.
  void encode_templated(std::string_view first, std::optional<std::string_view> second, templated_tokens& out,
                        std::pmr::memory_resource& memory = *std::pmr::get_default_resource()) const {
    post_processor_.fill(out, second.has_value(), [&](int which) { encode(which == 0 ? first : *second, out.tokens, text_start::by_itself, memory); });
  }

  /// The text of the tokens. Special tokens have none. Throws argument_error for an id that is no token.
  std::string decode(std::span<std::int32_t const> ids) const {
    std::vector<std::string> texts;
    for (std::int32_t const id : ids) {
      std::int32_t const added = added_of(id);
      if (added < 0 && !tokens_.contains(id)) throw argument_error(parapet::detail::concat("json_tokenizer: id ", id, " is no token of ", source_));
      std::string_view const text = added >= 0 ? std::string_view(added_[static_cast<std::size_t>(added)].normal) : tokens_.text(id);
      if (special_.find(text) < 0) texts.emplace_back(text);
    }
    return decoder_(std::move(texts));
  }

  /// One more than the largest id.
  index_t size() const { return static_cast<index_t>(spaces_.size()); }
  /// The text of a token as the vocabulary has it. Throws argument_error for an id that is no token.
  std::string_view piece(std::int32_t id) const {
    if (std::int32_t const added = added_of(id); added >= 0) return added_[static_cast<std::size_t>(added)].content;
    if (!tokens_.contains(id)) throw argument_error(parapet::detail::concat("json_tokenizer: id ", id, " is no token of ", source_));
    return tokens_.text(id);
  }
  /// The id of the special token `name`. Throws argument_error where it is none.
  std::int32_t control_id(std::string_view name) const {
    if (std::int32_t const id = special_.find(name); id >= 0) return id;
    for (auto const& t : post_processor_.control_tokens())
      if (t.name == name) return t.id;
    throw argument_error(parapet::detail::concat("json_tokenizer: '", name, "' is no special token of ", source_));
  }

private:
  using model = std::variant<std::monostate, bpe_model, wordpiece_model, word_level_model, unigram_model>;
  using edges = std::pair<std::uint32_t, std::uint32_t>;  // characters of white space that a token begins and ends with

  struct work {
    std::vector<token>& out;
    std::pmr::vector<symbol> symbols;
    std::pmr::vector<std::pair<std::size_t, edges>> added;  // added tokens: index in out
    std::size_t first;
  };

  /// Appends the added tokens in `text`, and calls between(begin, end) for the rest.
  template <class Between>
  void find(added_token_finder const& finder, aligned_text const& text, work& w, Between between) const {
    if (text.empty()) return;
    if (finder.empty()) return between(std::size_t{0}, text.get().size());
    auto const ignore = [&](added_token const& t) { return t.special && !options_.special_tokens_in_text; };
    finder(text.get(), added_, ignore, [&](std::int32_t which, std::size_t begin, std::size_t end) {
      if (which < 0) return between(begin, end);
      byte_span const from = text.origin(begin, end);
      w.added.emplace_back(w.out.size(), edges_of(text.get().substr(begin, end - begin)));
      w.out.push_back({added_[static_cast<std::size_t>(which)].id, from.begin, from.end});
    });
  }

  void encode_words(aligned_text& text, bool prefixes, work& w) const {
    if (text.empty()) return;
    std::pmr::vector<word_span> const words = pre_tokenizer_(text, prefixes);
    std::visit([&](auto const& one) { encode_words(one, text, words, w); }, model_);
  }
  static void encode_words(std::monostate, aligned_text const&, std::pmr::vector<word_span> const&, work&) {}
  template <class Model>
  static void encode_words(Model const& one, aligned_text const& text, std::pmr::vector<word_span> const& words, work& w) {
    std::string_view const all = text.get();
    for (word_span const word : words) {
      if (word.begin == word.end) continue;
      one(all.substr(word.begin, word.end - word.begin), w.symbols, [&](std::int32_t id, std::size_t begin, std::size_t end) {
        byte_span const from = text.origin(word.begin + begin, word.begin + end);
        w.out.push_back({id, from.begin, from.end});
      });
    }
  }

  void read_model(io::json_value const& value, io::json_value const* added) {
    json_fields f(value, "model");
    bool const is_list = f.at("vocab").type() == io::json_value::kind::array;
    char const* guess = "WordLevel";  // old files do not say
    if (is_list) guess = "Unigram";
    else if (f.find("merges") != nullptr) guess = "BPE";
    else if (f.find("max_input_chars_per_word") != nullptr) guess = "WordPiece";
    std::string const type = f.string("type", guess);
    std::vector<double> scores;
    if (is_list != (type == "Unigram")) f.fail("vocab", "a list is for Unigram, and an object for the others");
    if (is_list) read_scored_tokens(f, scores);
    else read_tokens(f);
    if (added != nullptr) read_added_tokens(*added);
    std::vector<bool> blocked(tokens_.size());
    if (!options_.special_tokens_in_text) {
      auto const block = [&](std::int32_t id) {
        if (static_cast<std::size_t>(id) < blocked.size()) blocked[static_cast<std::size_t>(id)] = true;
      };
      for (added_token const& t : added_)
        if (t.special) block(t.id);
      for (auto const& t : post_processor_.control_tokens()) block(t.id);
    }
    if (type == "BPE") {
      bool const takes_bytes = pre_tokenizer_.ends_in_bytes() && bpe_model::can_take_bytes(f, tokens_);
      if (takes_bytes) pre_tokenizer_.leave_bytes();
      model_.emplace<bpe_model>(f, tokens_, blocked, takes_bytes);
    } else if (type == "WordPiece") model_.emplace<wordpiece_model>(f, tokens_, blocked);
    else if (type == "WordLevel") model_.emplace<word_level_model>(f, tokens_, blocked);
    else if (type == "Unigram") model_.emplace<unigram_model>(f, tokens_, std::move(scores), blocked);
    else f.fail("type", "the model " + io::detail::printable(type) + " is not known");
    f.finish();
  }

  static constexpr index_t most_tokens = 1 << 24;
  static constexpr std::size_t longest_token = 4096;

  void read_tokens(json_fields& f) {
    io::json_value const& vocab = f.at("vocab");
    json_fields entries(vocab, f.path_of("vocab"));
    for (std::size_t k = 0; k < vocab.keys().size(); ++k) {
      io::json_value const& value = vocab.items()[k];
      std::string const& text = vocab.keys()[k];
      std::string const path = "model.vocab." + io::detail::printable(text);
      if (value.type() != io::json_value::kind::number) json_fields::fail(value, path, "an id is expected");
      index_t const id = value.integer();
      if (id < 0 || id >= most_tokens) json_fields::fail(value, path, "the id is out of range");
      if (text.size() > longest_token) json_fields::fail(value, path, "a token of more than 4096 bytes");
      if (!tokens_.add(text, static_cast<std::int32_t>(id))) json_fields::fail(value, path, "the id is there twice");
    }
    if (tokens_.size() > 4 * tokens_.count() + 65536) f.fail("vocab", "ids that are far apart");
  }

  void read_scored_tokens(json_fields& f, std::vector<double>& scores) {
    for_each_element(f.array("vocab"), "model.vocab", [&](io::json_value const& value, std::string const& path) {
      using kind = io::json_value::kind;
      bool const pair = value.type() == kind::array && value.items().size() == 2;
      bool const fits = pair && value.items()[0].type() == kind::string && value.items()[1].type() == kind::number;
      if (!fits) json_fields::fail(value, path, "a token and its score are expected");
      std::string const& text = value.items()[0].string();
      if (text.empty() || text.size() > longest_token) json_fields::fail(value, path, "a token of 1 to 4096 bytes is expected");
      if (!tokens_.add(text, static_cast<std::int32_t>(scores.size()))) json_fields::fail(value, path, "a token that is there already");
      scores.push_back(detail::read_score(value.items()[1].literal()));
      if (!(scores.back() < 1e300 && scores.back() > -1e300)) json_fields::fail(value, path, "a score that is out of range");
    });
    if (scores.empty()) f.fail("vocab", "is empty");
  }

  void read_added_tokens(io::json_value const& list) {
    if (list.type() != io::json_value::kind::array) json_fields::fail(list, "added_tokens", "an array is expected");
    std::size_t next = tokens_.count();  // what a token gets that is not in the model, in the order of the file
    for_each_element(list.items(), "added_tokens", [&](io::json_value const& value, std::string const& path) {
      json_fields f(value, path);
      added_token t;
      t.content = f.string("content");
      t.id = static_cast<std::int32_t>(f.integer("id", 0, most_tokens));
      t.single_word = f.boolean("single_word"), t.lstrip = f.boolean("lstrip"), t.rstrip = f.boolean("rstrip");
      t.normalized = f.boolean("normalized"), t.special = f.boolean("special");
      f.finish();
      if (t.content.empty() || t.content.size() > longest_token) f.fail("content", "1 to 4096 bytes are expected");
      std::int32_t const known = tokens_.find(t.content);
      std::int32_t const given = known >= 0 ? known : static_cast<std::int32_t>(next);
      if (t.id != given) f.fail("id", parapet::detail::concat("is not ", given, ", which the vocabulary and the order of these tokens give"));
      if (known < 0) ++next;
      t.normal = t.content;
      if (t.normalized) {
        aligned_text text(t.content);
        normalizer_(text);
        t.normal = text.get();
        if (t.normal.empty()) f.fail("content", "its normal form is empty");
      }
      added_token_finder& finder = t.normalized ? normal_finder_ : raw_finder_;
      if (!finder.add(t.normal, added_.size())) f.fail("content", "is there already, or has the normal form of another");
      if (static_cast<std::size_t>(t.id) >= added_of_.size()) added_of_.resize(static_cast<std::size_t>(t.id) + 1, -1);
      added_of_[static_cast<std::size_t>(t.id)] = static_cast<std::int32_t>(added_.size());
      if (t.special) special_.add(t.content, t.id);
      added_.push_back(std::move(t));
    });
  }

  std::int32_t added_of(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < added_of_.size() ? added_of_[static_cast<std::size_t>(id)] : -1;
  }

  static edges edges_of(std::string_view text) {
    auto const is_space = [](char32_t c) { return is_white_space(c) || c == 0x120; };  // U+0120 is the space of byte-level alphabets
    std::uint32_t leading = 0, trailing = 0, characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) {
      utf8_char const c = decode_utf8(text, at);
      at += static_cast<std::size_t>(c.bytes);
      bool const space = is_space(c.code);
      if (space && leading == characters) ++leading;
      trailing = space ? trailing + 1 : 0;
    }
    return {leading, trailing};
  }

  void count_spaces() {
    spaces_.resize(std::max(tokens_.size(), added_of_.size()));
    for (std::size_t k = 0; k < spaces_.size(); ++k)
      if (tokens_.contains(static_cast<std::int32_t>(k))) spaces_[k] = edges_of(tokens_.text(static_cast<std::int32_t>(k)));
    for (auto const& [name, id] : post_processor_.control_tokens())
      if (id >= size()) throw io_error(parapet::detail::concat(source_, ": post_processor: the id ", id, " of ", io::detail::printable(name), " is no token"));
  }

  std::string source_;
  tokenizer_json_options options_;
  text_normalizer normalizer_;
  pre_tokenizer pre_tokenizer_;
  post_processor post_processor_;
  token_decoder decoder_;
  vocabulary tokens_;  // of the model
  vocabulary special_;
  std::vector<added_token> added_;
  std::vector<std::int32_t> added_of_;  // by id: index in added_, or -1
  added_token_finder raw_finder_, normal_finder_;
  model model_;
  std::vector<edges> spaces_;  // by id
};

/// json_tokenizer by a function's name.
inline json_tokenizer parse_tokenizer_json(std::string_view json, std::string source, tokenizer_json_options const& options = {}) {
  return json_tokenizer(json, std::move(source), options);
}

}  // namespace parapet::inline PARAPET_ABI::guard
