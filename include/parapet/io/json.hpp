// JSON as RFC 8259 has it, and no more: no comments, no trailing commas, no NaN, no byte order mark.
//
// For headers and settings that come from files nobody vouches for. The text must be UTF-8, nesting and the number of
// values are limited, an object that names a key twice is refused (two programs would read it in two ways), and an
// integer is read exactly or not at all. Every error names the source and the byte.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {
/// Where the reader stops before a small file makes it use much time or memory.
struct json_limits {
  int max_depth = 64;              ///< arrays and objects inside one another
  index_t max_values = 1'000'000;  ///< values of any kind in one text
};

/// `text` as a JSON string with its quotes. Throws argument_error where it is not UTF-8.
inline std::string json_quote(std::string_view text) {
  if (index_t const bad = find_invalid_utf8(text); bad >= 0)
    throw argument_error(detail::concat("json_quote: byte ", bad, " of the text is not UTF-8"));
  constexpr char const* hex = "0123456789abcdef";
  std::string out = "\"";
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += {'\\', c};
    else if (byte < 0x20) out += {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    else out += c;
  }
  return out += '"';
}

namespace detail {
class json_parser;
}

/// One value of a JSON text. The accessors throw io_error, with source and byte, where the value is of another kind.
class json_value {
public:
  enum class kind { null, boolean, number, string, array, object };

  kind type() const { return type_; }
  /// Byte of the source at which the value starts.
  index_t offset() const { return offset_; }

  bool boolean() const {
    expect(kind::boolean);
    return text_ == "true";
  }
  std::string const& string() const {
    expect(kind::string);
    return text_;
  }
  double number() const {
    expect(kind::number);
    double value = 0;
    auto const [end, status] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (status != std::errc{}) fail("the number does not fit into a double");
    return value;
  }
  /// A number as it is written.
  std::string const& literal() const {
    expect(kind::number);
    return text_;
  }
  /// A number written without fraction or exponent.
  index_t integer() const {
    expect(kind::number);
    index_t value = 0;
    auto const [end, status] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (status != std::errc{} || end != text_.data() + text_.size()) fail("expected an integer of at most 63 bits");
    return value;
  }

  /// The elements of an array, or the values of an object in the order of the text.
  std::vector<json_value> const& items() const {
    if (type_ != kind::array) expect(kind::object);
    return items_;
  }
  /// The keys of an object, in the order of items().
  std::vector<std::string> const& keys() const {
    expect(kind::object);
    return keys_;
  }
  /// The value under `key`, or null.
  json_value const* find(std::string_view key) const {
    expect(kind::object);
    auto const found =
        std::lower_bound(by_key_.begin(), by_key_.end(), key, [&](std::size_t k, std::string_view wanted) { return keys_[k] < wanted; });
    return found != by_key_.end() && keys_[*found] == key ? &items_[*found] : nullptr;
  }
  json_value const& at(std::string_view key) const {
    if (json_value const* value = find(key)) return *value;
    fail(detail::concat("the object has no key '", key, "'"));
  }

  /// Throws an io_error about this value.
  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(detail::concat(*source_, ": byte ", offset_, ": ", message));
  }

private:
  friend class detail::json_parser;

  void expect(kind wanted) const {
    constexpr char const* names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};
    if (type_ != wanted)
      fail(detail::concat("expected ", names[static_cast<int>(wanted)], ", found ", names[static_cast<int>(type_)]));
  }

  kind type_ = kind::null;
  index_t offset_ = 0;
  std::shared_ptr<std::string const> source_;
  std::string text_;  // a string's characters, the literal of a number or of true and false
  std::vector<std::string> keys_;
  std::vector<std::size_t> by_key_;  // places of the keys in their alphabetic order
  std::vector<json_value> items_;
};

namespace detail {

/// Recursive descent over one text; the depth limit bounds the recursion.
class json_parser {
public:
  json_parser(std::string_view text, std::string source, json_limits const& limits, index_t first_byte)
      : text_(text),
        source_(std::make_shared<std::string const>(std::move(source))),
        limits_(limits),
        first_byte_(first_byte) {}

  json_value parse() {
    if (index_t const bad = find_invalid_utf8(text_); bad >= 0) {
      at_ = static_cast<std::size_t>(bad);
      fail("the text is not UTF-8");
    }
    json_value value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("the text goes on after its value");
    return value;
  }

private:
  using kind = json_value::kind;

  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(concat(*source_, ": byte ", first_byte_ + static_cast<index_t>(at_), ": ", message));
  }

  /// The next character, or 0 at the end; a 0 inside the text is refused wherever it is not expected.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  json_value parse_value(int depth) {
    skip_space();
    if (++values_ > limits_.max_values) fail(concat("more than ", limits_.max_values, " values"));
    if (depth > limits_.max_depth) fail(concat("nested deeper than ", limits_.max_depth));
    json_value value;
    value.offset_ = first_byte_ + static_cast<index_t>(at_);
    value.source_ = source_;
    switch (peek()) {
      case '{': parse_object(value, depth); break;
      case '[': parse_array(value, depth); break;
      case '"':
        value.type_ = kind::string;
        value.text_ = parse_string();
        break;
      case 't': parse_literal(value, kind::boolean, "true"); break;
      case 'f': parse_literal(value, kind::boolean, "false"); break;
      case 'n': parse_literal(value, kind::null, "null"); break;
      default: parse_number(value);
    }
    return value;
  }

  void parse_literal(json_value& value, kind type, std::string_view word) {
    if (text_.substr(at_, word.size()) != word) fail("expected a value");
    at_ += word.size();
    value.type_ = type;
    value.text_ = word;
  }

  void skip_digits() {
    if (!(peek() >= '0' && peek() <= '9')) fail("expected a digit");
    while (peek() >= '0' && peek() <= '9') ++at_;
  }

  void parse_number(json_value& value) {
    std::size_t const begin = at_;
    bool const negative = take('-');
    if (!negative && !(peek() >= '0' && peek() <= '9'))
      fail(at_ == text_.size() ? "the text ends too early" : "expected a value");
    if (!take('0')) skip_digits();
    if (take('.')) skip_digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      skip_digits();
    }
    value.type_ = kind::number;
    value.text_ = text_.substr(begin, at_ - begin);
  }

  unsigned parse_hex4() {
    unsigned code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      char const c = peek();
      unsigned const value = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                                    : 16;
      if (value == 16) fail("expected four hexadecimal digits");
      code = code * 16 + value;
      ++at_;
    }
    return code;
  }

  /// What follows "\u": one code unit, or a pair of surrogates.
  void parse_unicode_escape(std::string& out) {
    unsigned code = parse_hex4();
    if (code >= 0xDC00 && code < 0xE000) fail("a low surrogate without a high one");
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take('\\') || !take('u')) fail("a high surrogate without a low one");
      unsigned const low = parse_hex4();
      if (low < 0xDC00 || low >= 0xE000) fail("a high surrogate without a low one");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    auto const byte = [&](unsigned bits) { out += static_cast<char>(bits); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) byte(0xC0 | code >> 6);
    else if (code < 0x10000) byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 63));
    else byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63));
    byte(0x80 | (code & 63));
  }

  std::string parse_string() {
    if (!take('"')) fail("expected a string");
    std::string out;
    while (!take('"')) {
      if (at_ == text_.size()) fail("the text ends inside a string");
      char const c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character inside a string");
      ++at_;
      if (c != '\\') {
        out += c;
        continue;
      }
      constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
      char const escape = peek();
      ++at_;
      if (escape == 'u') parse_unicode_escape(out);
      else if (std::size_t const which = names.find(escape); which != names.npos) out += meanings[which];
      else fail("an escape that JSON does not have");
    }
    return out;
  }

  void parse_array(json_value& value, int depth) {
    value.type_ = kind::array;
    take('[');
    skip_space();
    if (take(']')) return;
    do {
      value.items_.push_back(parse_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take(']')) fail("expected ',' or ']'");
  }

  void parse_object(json_value& value, int depth) {
    value.type_ = kind::object;
    take('{');
    skip_space();
    if (take('}')) return;
    do {
      skip_space();
      value.keys_.push_back(parse_string());
      skip_space();
      if (!take(':')) fail("expected ':'");
      value.items_.push_back(parse_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take('}')) fail("expected ',' or '}'");

    std::vector<std::string> const& keys = value.keys_;
    value.by_key_.resize(keys.size());
    std::iota(value.by_key_.begin(), value.by_key_.end(), std::size_t{0});
    std::sort(value.by_key_.begin(), value.by_key_.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
    for (std::size_t k = 1; k < keys.size(); ++k)
      if (std::string const& key = keys[value.by_key_[k]]; key == keys[value.by_key_[k - 1]])
        value.fail(concat("the object has the key ", printable(key), " twice"));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  index_t values_ = 0;
  std::shared_ptr<std::string const> source_;
  json_limits limits_;
  index_t first_byte_;
};

}  // namespace detail

/// Reads one JSON text. `source` names the file in messages; `first_byte` is where the text starts in it.
inline json_value parse_json(std::string_view text, std::string source, json_limits const& limits = {},
                             index_t first_byte = 0) {
  return detail::json_parser(text, std::move(source), limits, first_byte).parse();
}

}  // namespace parapet::inline PARAPET_ABI::io
