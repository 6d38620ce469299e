// The field "normalizer" of a tokenizer.json: what is done to a text before it is cut into words.
//
// Each step rewrites an aligned_text as the same step of Hugging Face's tokenizers does, its peculiarities included (see `rules`).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/aligned_text.hpp>
#include <parapet/guard/byte_level.hpp>
#include <parapet/guard/charsmap.hpp>
#include <parapet/guard/code_set.hpp>
#include <parapet/guard/grapheme.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/pattern.hpp>
#include <parapet/guard/pattern_parser.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// `{"String": " "}` or `{"Regex": " {2,}"}`.
class text_pattern {
public:
  explicit text_pattern(std::string text) : literal_(std::move(text)), pattern_(pattern::literal(literal_)) {}
  explicit text_pattern(pattern p) : pattern_(std::move(p)) {}

  template <class OnMatch>
  void operator()(std::string_view text, OnMatch&& on_match) const {
    if (literal_.empty()) return pattern_.find_all(text, on_match);
    for (std::size_t at = 0; (at = text.find(literal_, at)) != text.npos; at += literal_.size()) on_match(pattern::match{at, at + literal_.size()});
  }

private:
  std::string literal_;
  pattern pattern_;
};

inline text_pattern read_text_pattern(json_fields& owner, std::string_view key) {
  json_fields fields(owner.at(key), owner.path_of(key));
  if (fields.find("String") != nullptr) {
    std::string const& text = fields.string("String");
    fields.finish();
    if (text.empty()) fields.fail("String", "matches nothing");
    return text_pattern(text);
  }
  std::string const& expression = fields.string("Regex");
  fields.finish();
  try {
    return text_pattern(pattern::parse(expression));
  } catch (argument_error const& e) {
    fields.fail("Regex", e.what());
  }
}

namespace detail {

inline std::pmr::vector<changed_char> unchanged(aligned_text const& from) {
  std::string_view const text = from.get();
  std::pmr::vector<changed_char> out(from.get_allocator());
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    utf8_char const c = decode_utf8(text, at);
    out.push_back({c.code, 0});
    at += static_cast<std::size_t>(c.bytes);
  }
  return out;
}

inline std::string decode_base64(std::string_view text, json_fields& owner, std::string_view key) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t const padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  if (text.size() % 4 != 0) owner.fail(key, "is no base64: its length is not a multiple of 4");
  text.remove_suffix(padding);
  for (char const c : text) {
    std::uint32_t const value = c >= 'A' && c <= 'Z'   ? static_cast<std::uint32_t>(c - 'A')
                                : c >= 'a' && c <= 'z' ? static_cast<std::uint32_t>(c - 'a' + 26)
                                : c >= '0' && c <= '9' ? static_cast<std::uint32_t>(c - '0' + 52)
                                : c == '+'             ? 62
                                : c == '/'             ? 63
                                                       : 64;
    if (value == 64) owner.fail(key, "is no base64");
    bits = bits << 6 | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xFF);
  }
  return out;
}

}  // namespace detail

namespace normalizing {

/// Removes the characters that are not kept.
template <class Keep>
void filter(aligned_text& text, Keep keep) {
  std::pmr::vector<changed_char> out(text.get_allocator());
  std::size_t removed = 0;
  bool any = false;
  for (changed_char const c : detail::unchanged(text)) {
    if (keep(c.code)) {
      out.push_back(c);
    } else {
      any = true;
      if (out.empty()) ++removed;
      else --out.back().change;
    }
  }
  if (any) text.rewrite(out, removed);
}

/// Puts map(code) for each character.
template <class Map>
void map(aligned_text& text, Map map) {
  std::pmr::vector<changed_char> out = detail::unchanged(text);
  for (changed_char& c : out) c.code = map(c.code);
  text.rewrite(out);
}

struct form {
  normal_form which;

  void operator()(aligned_text& text) const {
    // No character below U+0300 composes or, but for compatibility, has another composed form; none below U+0080 has any.
    unsigned char const first_lead = which == normal_form::nfc ? 0xCC : 0x80;
    bool affected = false;
    for (char const c : text.get()) affected = affected || (static_cast<unsigned char>(c) >= first_lead);
    if (!affected) return;
    std::pmr::u32string codes(text.get_allocator());
    append_utf32(codes, text.get());
    text.rewrite(normalize_changes(codes, which, text.get_allocator()));
  }
};

struct lowercase {
  void operator()(aligned_text& text) const {
    if (text.is_ascii()) return text.change_ascii([](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    std::pmr::vector<changed_char> out(text.get_allocator());
    std::u32string lower;
    out.reserve(text.get().size());
    for (changed_char const c : detail::unchanged(text)) {
      lower.clear();
      append_lower(lower, c.code);
      for (std::size_t k = 0; k < lower.size(); ++k) out.push_back({lower[k], k > 0});
    }
    text.rewrite(out);
  }
};

struct strip {
  bool left, right;

  void operator()(aligned_text& text) const {
    std::pmr::vector<changed_char> all = detail::unchanged(text);
    std::size_t begin = 0, end = all.size();
    if (left)
      while (begin < end && is_white_space(all[begin].code)) ++begin;
    if (right)
      while (end > begin && is_white_space(all[end - 1].code)) --end;
    if (begin == 0 && end == all.size()) return;
    all.resize(end);
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(begin));
    text.rewrite(all, begin);
  }
};

struct strip_accents {
  void operator()(aligned_text& text) const {
    filter(text, [](char32_t c) { return c < 0x300 || !is_mark(category_of(c)); });
  }
};

struct replace {
  text_pattern what;
  std::string with;

  void operator()(aligned_text& text) const { text.replace(what, with); }
};

struct prepend {
  std::string front;

  void operator()(aligned_text& text) const { text.prepend(front); }
};

struct byte_level {
  void operator()(aligned_text& text) const {
    std::pmr::vector<changed_char> out(text.get_allocator());
    std::string bytes;
    for (changed_char const c : detail::unchanged(text)) {
      bytes.clear();
      append_utf8(bytes, c.code);
      for (std::size_t k = 0; k < bytes.size(); ++k) out.push_back({bytes_as_characters.character[static_cast<unsigned char>(bytes[k])], k > 0});
    }
    text.rewrite(out);
  }
};

/// What BERT does: no control characters, white space as spaces, spaces around CJK ideographs, no accents, lower case.
struct bert {
  bool clean_text, handle_chinese_chars, strip_accents, lowercase;

  void operator()(aligned_text& text) const {
    if (clean_text) clean(text);
    if (text.is_ascii()) {
      if (lowercase) normalizing::lowercase{}(text);
      return;
    }
    if (handle_chinese_chars) space_out(text);
    if (strip_accents) {
      form{normal_form::nfd}(text);
      filter(text, [](char32_t c) { return c < 0x300 || category_of(c) != general_category::mn; });
    }
    if (lowercase) normalizing::lowercase{}(text);
  }

private:
  static bool is_control(char32_t c) {
    if (c < 0x80) return (c < 0x20 && c != U'\t' && c != U'\n' && c != U'\r') || c == 0x7F;
    general_category const its = category_of(c);
    return c == 0xFFFD || its == general_category::cc || its == general_category::cf || its == general_category::co;
  }

  static void clean(aligned_text& text) {
    filter(text, [](char32_t c) { return !is_control(c); });
    bool others = false;
    for (char const c : text.get()) others = others || static_cast<unsigned char>(c) >= 0x80;
    if (others) return map(text, [](char32_t c) { return is_white_space(c) ? U' ' : c; });
    text.change_ascii([](char c) { return c == '\t' || c == '\n' || c == '\r' ? ' ' : c; });
  }

  static bool is_ideograph(char32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
  }

  static void space_out(aligned_text& text) {
    std::pmr::vector<changed_char> out(text.get_allocator());
    bool any = false;
    for (changed_char const c : detail::unchanged(text)) {
      if (!is_ideograph(c.code)) {
        out.push_back(c);
        continue;
      }
      any = true;
      out.push_back({U' ', 0}), out.push_back({c.code, 1}), out.push_back({U' ', 1});
    }
    if (any) text.rewrite(out);
  }
};

/// The rules of a SentencePiece model. Clusters of up to five bytes are looked up whole and replaced by the rule of their shortest
/// beginning; other characters one by one. Removed characters count for the character written before, if there is one.
struct rules {
  charsmap map;
  std::array<bool, 128> ascii{};  // whether the character alone has a rule

  explicit rules(charsmap m) : map(std::move(m)) {
    for (std::size_t c = 0; c < ascii.size(); ++c) {
      char const text = static_cast<char>(c);
      ascii[c] = map.find_shortest({&text, 1}).bytes != 0;
    }
  }

  void operator()(aligned_text& text) const {
    std::string_view const old = text.get();
    std::pmr::vector<changed_char> out(text.get_allocator());
    bool any = false;
    auto const put = [&](std::string_view part) {
      charsmap::match const found = map.find_shortest(part);
      if (found.bytes == 0) return false;
      any = true;
      std::size_t const before = out.size();
      std::ptrdiff_t const characters = count(part);
      for (std::size_t at = 0; at < found.replacement.size();) {
        utf8_char const c = decode_utf8(found.replacement, at);
        out.push_back({c.code, static_cast<std::ptrdiff_t>(out.size() - before) >= characters});
        at += static_cast<std::size_t>(c.bytes);
      }
      auto const missing = static_cast<std::int32_t>(characters - static_cast<std::ptrdiff_t>(out.size() - before));
      if (missing > 0 && !out.empty()) out.back().change -= missing;
      return true;
    };
    for (std::size_t at = 0; at < old.size();) {
      auto const byte = static_cast<unsigned char>(old[at]);
      bool const alone = at + 1 == old.size() || static_cast<unsigned char>(old[at + 1]) < 0x80;
      if (byte < 0x80 && alone && byte != '\r' && !ascii[byte]) {
        out.push_back({byte, 0});
        ++at;
        continue;
      }
      std::size_t const end = grapheme_end(old, at);
      if (end - at < 6 && put(old.substr(at, end - at))) {
        at = end;
        continue;
      }
      while (at < end) {
        utf8_char const c = decode_utf8(old, at);
        auto const bytes = static_cast<std::size_t>(c.bytes);
        if (!put(old.substr(at, bytes))) out.push_back({c.code, 0});
        at += bytes;
      }
    }
    if (any) text.rewrite(out);
  }

private:
  static std::ptrdiff_t count(std::string_view text) {
    std::ptrdiff_t characters = 0;
    for (char const c : text) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return characters;
  }
};

/// What SentencePiece's "nmt" does to control characters and spaces.
struct nmt {
  void operator()(aligned_text& text) const {
    filter(text, [](char32_t c) {
      return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F);
    });
    map(text, [](char32_t c) {
      bool const space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      return space ? U' ' : c;
    });
  }
};

}  // namespace normalizing

/// The steps of a normalizer, in order. const in use.
class text_normalizer {
public:
  text_normalizer() = default;
  text_normalizer(io::json_value const& value, std::string const& path) { read(value, path, 0); }

  bool empty() const { return steps_.empty(); }
  /// Without `prefixes`, nothing is put in front of the text.
  void operator()(aligned_text& text, bool prefixes = true) const {
    for (step const& s : steps_) {
      if (text.empty()) return;
      if (!prefixes && std::holds_alternative<normalizing::prepend>(s)) continue;
      std::visit([&](auto const& apply) { apply(text); }, s);
    }
  }

private:
  using step = std::variant<normalizing::form, normalizing::lowercase, normalizing::strip, normalizing::strip_accents, normalizing::replace,
                            normalizing::prepend, normalizing::byte_level, normalizing::bert, normalizing::rules, normalizing::nmt>;

  void read(io::json_value const& value, std::string const& path, int depth) {
    json_fields f(value, path);
    std::string const type = f.string("type");
    if (depth > 8) f.fail("type", "sequences in sequences, deeper than 8");
    if (type == "Sequence") {
      for_each_element(f.array("normalizers"), f.path_of("normalizers"), [&](io::json_value const& v, std::string const& p) { read(v, p, depth + 1); });
    } else if (type == "NFC") steps_.push_back(normalizing::form{normal_form::nfc});
    else if (type == "NFD") steps_.push_back(normalizing::form{normal_form::nfd});
    else if (type == "NFKC") steps_.push_back(normalizing::form{normal_form::nfkc});
    else if (type == "NFKD") steps_.push_back(normalizing::form{normal_form::nfkd});
    else if (type == "Lowercase") steps_.push_back(normalizing::lowercase{});
    else if (type == "Strip") {
      bool const left = f.boolean("strip_left"), right = f.boolean("strip_right");
      steps_.push_back(normalizing::strip{left, right});
    } else if (type == "StripAccents") steps_.push_back(normalizing::strip_accents{});
    else if (type == "Replace") {
      text_pattern what = read_text_pattern(f, "pattern");
      steps_.push_back(normalizing::replace{std::move(what), f.string("content")});
    } else if (type == "Prepend") steps_.push_back(normalizing::prepend{f.string("prepend")});
    else if (type == "ByteLevel") steps_.push_back(normalizing::byte_level{});
    else if (type == "Nmt") steps_.push_back(normalizing::nmt{});
    else if (type == "BertNormalizer") {
      bool const clean = f.boolean("clean_text"), chinese = f.boolean("handle_chinese_chars"), lower = f.boolean("lowercase");
      steps_.push_back(normalizing::bert{clean, chinese, f.boolean("strip_accents", lower), lower});
    } else if (type == "Precompiled") {
      std::string const blob = detail::decode_base64(f.string("precompiled_charsmap"), f, "precompiled_charsmap");
      try {
        steps_.push_back(normalizing::rules(charsmap(blob, "the rules")));
      } catch (io_error const& e) {
        f.fail("precompiled_charsmap", e.what());
      }
    } else f.fail("type", "the normalizer " + io::detail::printable(type) + " is not known");
    f.finish();
  }

  std::vector<step> steps_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
