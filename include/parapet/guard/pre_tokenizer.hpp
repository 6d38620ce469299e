// The field "pre_tokenizer" of a tokenizer.json: how a normal text is cut into words, each of which the model then sees alone.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/aligned_text.hpp>
#include <parapet/guard/byte_level.hpp>
#include <parapet/guard/code_set.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/pattern.hpp>
#include <parapet/guard/pattern_parser.hpp>
#include <parapet/guard/text_normalizer.hpp>
#include <parapet/guard/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// A word: bytes [begin, end) of a text.
struct word_span {
  std::size_t begin, end;
};

/// What becomes of the matches that a text is split at.
enum class delimiter { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Takes matches and what lies between them, from left to right, and makes words of them.
class word_builder {
public:
  word_builder(delimiter behavior, std::pmr::vector<word_span>& out) : behavior_(behavior), out_(out), first_(out.size()) {}

  void add(std::size_t begin, std::size_t end, bool is_match) {
    bool const before = std::exchange(was_match_, is_match);
    bool const any = out_.size() > first_;
    switch (behavior_) {
      case delimiter::isolated: break;
      case delimiter::removed:
        if (is_match) return;
        break;
      case delimiter::contiguous:
        if (any && before == is_match) {
          out_.back().end = end;
          return;
        }
        break;
      case delimiter::merged_with_previous:
        if (any && is_match && !before) {
          out_.back().end = end;
          return;
        }
        break;
      case delimiter::merged_with_next:
        if (any && !is_match && before) {
          out_.back().end = end;
          return;
        }
        break;
    }
    out_.push_back({begin, end});
  }

private:
  delimiter behavior_;
  std::pmr::vector<word_span>& out_;
  std::size_t first_;
  bool was_match_ = false;
};

/// Splits each word where find_all(text, on_match) finds something. `invert` exchanges matches and what lies between.
template <class FindAll>
void split_words(std::string_view text, std::pmr::vector<word_span>& words, delimiter behavior, bool invert, FindAll const& find_all) {
  std::pmr::vector<word_span> out(words.get_allocator());
  out.reserve(words.size() + text.size() / 4);
  for (word_span const w : words) {
    word_builder builder(behavior, out);
    std::size_t at = w.begin;
    find_all(text.substr(w.begin, w.end - w.begin), [&](pattern::match m) {
      std::size_t const begin = w.begin + m.begin, end = w.begin + m.end;
      if (begin > at) builder.add(at, begin, invert);
      builder.add(begin, end, !invert);
      at = end;
    });
    if (at < w.end) builder.add(at, w.end, invert);
  }
  words = std::move(out);
}

/// Finds each character of a set.
struct each_of {
  code_set const& set;

  template <class OnMatch>
  void operator()(std::string_view text, OnMatch&& on_match) const {
    for (std::size_t at = 0; at < text.size();) {
      utf8_char const c = decode_utf8(text, at);
      std::size_t const end = at + static_cast<std::size_t>(c.bytes);
      if (set.contains(c.code)) on_match(pattern::match{at, end});
      at = end;
    }
  }
};

namespace splitting {

/// Changes the text of each word by itself.
template <class Change>
void rewrite_words(aligned_text& text, std::pmr::vector<word_span>& words, Change change) {
  if (words.size() == 1 && words[0].begin == 0 && words[0].end == text.get().size()) {
    change(text);
    words[0].end = text.get().size();
    return;
  }
  aligned_text out("", 0, text.get_allocator());
  for (word_span& w : words) {
    aligned_text part = text.part(w.begin, w.end);
    change(part);
    std::size_t const begin = out.get().size();
    out.append(part);
    w = {begin, out.get().size()};
  }
  text = std::move(out);
}

struct by_pattern {
  text_pattern what;
  delimiter behavior;
  bool invert;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const { split_words(text.get(), words, behavior, invert, what); }
};

struct by_set {
  code_set const* set;
  delimiter behavior;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const { split_words(text.get(), words, behavior, false, each_of{*set}); }
};

struct by_character {
  code_set set;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const {
    split_words(text.get(), words, delimiter::removed, false, each_of{set});
  }
};

/// White space goes, punctuation is words of one character.
struct bert {
  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const {
    code_set const &space = white_space_set(), &punctuation = punctuation_set();
    std::string_view const all = text.get();
    std::pmr::vector<word_span> out(words.get_allocator());
    out.reserve(words.size() + all.size() / 4);
    for (word_span const w : words) {
      std::size_t begin = w.begin;
      for (std::size_t at = w.begin; at < w.end;) {
        utf8_char const c = decode_utf8(all, at);
        std::size_t const end = at + static_cast<std::size_t>(c.bytes);
        bool const alone = punctuation.contains(c.code);
        if (alone || space.contains(c.code)) {
          if (begin < at) out.push_back({begin, at});
          if (alone) out.push_back({at, end});
          begin = end;
        }
        at = end;
      }
      if (begin < w.end) out.push_back({begin, w.end});
    }
    words = std::move(out);
  }
};

/// `\w+|[^\w\s]+`
struct whitespace {
  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const {
    code_set const &space = white_space_set(), &word = word_set();
    std::string_view const all = text.get();
    std::pmr::vector<word_span> out(words.get_allocator());
    out.reserve(words.size() + all.size() / 4);
    for (word_span const w : words) {
      int before = 0;  // 0 space, 1 word, 2 else
      for (std::size_t at = w.begin; at < w.end;) {
        utf8_char const c = decode_utf8(all, at);
        std::size_t const end = at + static_cast<std::size_t>(c.bytes);
        int const now = word.contains(c.code) ? 1 : space.contains(c.code) ? 0 : 2;
        if (now != 0 && now == before) out.back().end = end;
        else if (now != 0) out.push_back({at, end});
        before = now;
        at = end;
      }
    }
    words = std::move(out);
  }
};

struct metaspace {
  enum class scheme { first, never, always };
  std::string replacement;
  text_pattern space, mark;
  scheme prepend;
  bool split;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool prefixes) const {
    rewrite_words(text, words, [&](aligned_text& t) {
      t.replace(space, replacement);
      bool const wanted = std::exchange(prefixes, true) && (prepend == scheme::always || (prepend == scheme::first && t.origin(0, 1).begin == 0));
      if (wanted && !t.get().starts_with(replacement)) t.prepend(replacement);
    });
    if (split) split_words(text.get(), words, delimiter::merged_with_next, false, mark);
  }
};

/// GPT-2's words, and each byte as a character of the alphabet (byte_level.hpp), unless the model takes bytes.
struct byte_level {
  bool add_prefix_space, use_regex, leave_bytes = false;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool prefixes) const {
    if (add_prefix_space) {
      rewrite_words(text, words, [&](aligned_text& t) {
        if (std::exchange(prefixes, true) && !t.get().starts_with(' ')) t.prepend(" ");
      });
    }
    if (use_regex) {
      static pattern const gpt2 = pattern::parse(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
      split_words(text.get(), words, delimiter::isolated, false, [](std::string_view t, auto&& on_match) { gpt2.find_all(t, on_match); });
    }
    if (leave_bytes) return;
    aligned_text out("", 0, text.get_allocator());
    for (word_span& w : words) {
      std::size_t const begin = out.get().size();
      out.append_bytes(text, w.begin, w.end, bytes_as_characters.character);
      w = {begin, out.get().size()};
    }
    text = std::move(out);
  }
};

struct fixed_length {
  std::size_t length;

  void operator()(aligned_text& text, std::pmr::vector<word_span>& words, bool) const {
    std::pmr::vector<word_span> out(words.get_allocator());
    for (word_span const w : words) {
      std::size_t begin = w.begin, count = 0;
      for (std::size_t at = w.begin; at < w.end;) {
        at += static_cast<std::size_t>(decode_utf8(text.get(), at).bytes);
        if (++count < length && at < w.end) continue;
        out.push_back({begin, at});
        begin = at;
        count = 0;
      }
    }
    words = std::move(out);
  }
};

}  // namespace splitting

/// The steps of a pre-tokenizer, in order. const in use.
class pre_tokenizer {
public:
  pre_tokenizer() = default;
  pre_tokenizer(io::json_value const& value, std::string const& path) { read(value, path, 0); }

  /// Whether the last step writes bytes as characters.
  bool ends_in_bytes() const { return !steps_.empty() && std::holds_alternative<splitting::byte_level>(steps_.back()); }
  /// The last step leaves bytes as they are.
  void leave_bytes() { std::get<splitting::byte_level>(steps_.back()).leave_bytes = true; }

  /// The words of `text`, which may change. Without `prefixes`, nothing is put in front of the first.
  std::pmr::vector<word_span> operator()(aligned_text& text, bool prefixes = true) const {
    std::pmr::vector<word_span> words({{0, text.get().size()}}, text.get_allocator());
    for (step const& s : steps_) std::visit([&](auto const& apply) { apply(text, words, prefixes); }, s);
    return words;
  }

private:
  using step = std::variant<splitting::by_pattern, splitting::by_set, splitting::by_character, splitting::bert, splitting::whitespace,
                            splitting::metaspace, splitting::byte_level, splitting::fixed_length>;

  static delimiter read_behavior(json_fields& f, std::string_view otherwise) {
    std::string const name = otherwise.empty() ? f.string("behavior") : f.string("behavior", otherwise);
    constexpr std::string_view names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    for (std::size_t k = 0; k < 5; ++k)
      if (name == names[k]) return static_cast<delimiter>(k);
    f.fail("behavior", io::detail::printable(name) + " is not known");
  }

  void read(io::json_value const& value, std::string const& path, int depth) {
    json_fields f(value, path);
    std::string const type = f.string("type");
    if (depth > 8) f.fail("type", "sequences in sequences, deeper than 8");
    if (type == "Sequence") {
      for_each_element(f.array("pretokenizers"), f.path_of("pretokenizers"),
                       [&](io::json_value const& v, std::string const& p) { read(v, p, depth + 1); });
    } else if (type == "ByteLevel") {
      f.boolean("trim_offsets", true);  // of the post-processor only
      bool const prefix = f.boolean("add_prefix_space");
      steps_.push_back(splitting::byte_level{prefix, f.boolean("use_regex", true)});
    } else if (type == "Metaspace") {
      steps_.push_back(read_metaspace(f));
    } else if (type == "Split") {
      text_pattern what = read_text_pattern(f, "pattern");
      delimiter const behavior = read_behavior(f, "");
      steps_.push_back(splitting::by_pattern{std::move(what), behavior, f.boolean("invert")});
    } else if (type == "Digits") {
      steps_.push_back(splitting::by_set{&number_set(), f.boolean("individual_digits") ? delimiter::isolated : delimiter::contiguous});
    } else if (type == "Punctuation") {
      steps_.push_back(splitting::by_set{&punctuation_set(), read_behavior(f, "Isolated")});
    } else if (type == "WhitespaceSplit") {
      steps_.push_back(splitting::by_set{&white_space_set(), delimiter::removed});
    } else if (type == "CharDelimiterSplit") {
      std::u32string const one = to_utf32(f.string("delimiter"));
      if (one.size() != 1) f.fail("delimiter", "one character is expected");
      steps_.push_back(splitting::by_character{code_set(code_ranges{{one[0], one[0]}})});
    } else if (type == "Whitespace") steps_.push_back(splitting::whitespace{});
    else if (type == "BertPreTokenizer") steps_.push_back(splitting::bert{});
    else if (type == "FixedLength") steps_.push_back(splitting::fixed_length{static_cast<std::size_t>(f.integer("length", 1, 1 << 20))});
    else f.fail("type", "the pre-tokenizer " + io::detail::printable(type) + " is not supported");
    f.finish();
  }

  static splitting::metaspace read_metaspace(json_fields& f) {
    std::string const mark = f.string("replacement");
    if (to_utf32(mark).size() != 1) f.fail("replacement", "one character is expected");
    f.string("str_rep", mark);
    std::string const name = f.string("prepend_scheme", "always");
    using scheme = splitting::metaspace::scheme;
    scheme const prepend = name == "first" ? scheme::first : name == "never" ? scheme::never : scheme::always;
    if (name != "first" && name != "never" && name != "always") f.fail("prepend_scheme", io::detail::printable(name) + " is not known");
    if (!f.boolean("add_prefix_space", true) && prepend != scheme::never) f.fail("add_prefix_space", "contradicts prepend_scheme");
    return {mark, text_pattern(" "), text_pattern(mark), prepend, f.boolean("split", true)};
  }

  std::vector<step> steps_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
