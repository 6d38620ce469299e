// A setting of a GGUF file: a number, a truth value, text, or an array of such, nested too.
//
//     for (io::gguf_value const& token : file.at("tokenizer.ggml.tokens").items()) add(token.string());
//
// A value is a pair of type and bytes; the bytes stay in the file's memory and are checked once, when the file is opened.
// Text is given as it stands in the file; nobody promises that it is UTF-8.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/text.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// Types of values, numbered as in the file.
enum class gguf_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

constexpr char const* name_of(gguf_type type) {
  constexpr char const* names[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "a bool", "a string", "an array", "u64", "i64", "f64"};
  return names[static_cast<int>(type)];
}

namespace detail {

/// Reads numbers and text from front to back, and never behind the end.
class gguf_cursor {
public:
  using source_name = std::shared_ptr<std::string const>;

  /// `first_byte` is where the bytes start in the file, for messages.
  gguf_cursor(std::string_view bytes, source_name source, index_t first_byte = 0)
      : bytes_(bytes), source_(std::move(source)), first_byte_(first_byte) {}

  source_name const& source() const { return source_; }
  index_t offset() const { return first_byte_ + static_cast<index_t>(at_); }
  std::string_view since(index_t offset) const {
    auto const begin = static_cast<std::size_t>(offset - first_byte_);
    return bytes_.substr(begin, at_ - begin);
  }

  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(concat(*source_, ": byte ", offset(), ": ", message));
  }

  /// The next `count` elements of `size` bytes.
  std::string_view take(std::uint64_t count, std::size_t size = 1) {
    std::size_t const left = bytes_.size() - at_;
    if (count > left / size) fail(concat(count, " elements of ", size, " bytes, but only ", left, " bytes are left"));
    std::string_view const taken = bytes_.substr(at_, static_cast<std::size_t>(count) * size);
    at_ += taken.size();
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(1, sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view string() { return take(number<std::uint64_t>()); }

  gguf_type type() {
    auto const number_of_type = number<std::uint32_t>();
    if (number_of_type > static_cast<std::uint32_t>(gguf_type::f64)) fail(concat("a value of type ", number_of_type, ", which is not known here"));
    return static_cast<gguf_type>(number_of_type);
  }

  /// Goes past a value; an array may hold others `depth` deep.
  void skip(gguf_type type, int depth) {
    if (type == gguf_type::string) {
      string();
    } else if (type == gguf_type::array) {
      if (depth == 0) fail("arrays are nested too deep");
      gguf_type const element = this->type();
      auto const count = number<std::uint64_t>();
      if (std::size_t const size = size_of(element)) check_booleans(element, take(count, size));
      else
        for (std::uint64_t k = 0; k < count; ++k) skip(element, depth - 1);  // each takes bytes, or fails
    } else {
      check_booleans(type, take(1, size_of(type)));
    }
  }

private:
  /// Bytes of a number or bool; 0 for the types that differ in length.
  static constexpr std::size_t size_of(gguf_type type) {
    constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return sizes[static_cast<std::size_t>(type)];
  }
  void check_booleans(gguf_type type, std::string_view bytes) const {
    if (type != gguf_type::boolean) return;
    for (char const byte : bytes)
      if (byte != 0 && byte != 1) fail("a bool that is neither 0 nor 1 ends here");
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  source_name source_;
  index_t first_byte_;
};

}  // namespace detail

/// One value; it points into the file's memory. The accessors throw io_error, with file and byte, where it is of another type.
class gguf_value {
public:
  /// Takes the value at the cursor, whose arrays may be nested `depth` deep.
  gguf_value(detail::gguf_cursor& at, gguf_type type, int depth) : type_(type), offset_(at.offset()), source_(at.source()) {
    at.skip(type, depth);
    bytes_ = at.since(offset_);
  }

  gguf_type type() const { return type_; }
  /// Byte of the file at which the value starts.
  index_t offset() const { return offset_; }

  bool boolean() const {
    expect(gguf_type::boolean);
    return bytes_[0] != 0;
  }
  std::string_view string() const {
    expect(gguf_type::string);
    return cursor().string();
  }
  /// A number of an integer type.
  index_t integer() const {
    return visit<index_t>([&](auto value) {
      if (std::is_floating_point_v<decltype(value)>) fail(detail::concat("expected an integer, found ", name_of(type_)));
      if (std::is_same_v<decltype(value), std::uint64_t> && value > static_cast<decltype(value)>(std::numeric_limits<index_t>::max()))
        fail("expected an integer of at most 63 bits");
      return static_cast<index_t>(value);
    });
  }
  /// A number of any type, to the nearest double.
  double number() const {
    return visit<double>([](auto value) { return static_cast<double>(value); });
  }

  /// The elements of an array.
  std::vector<gguf_value> items() const {
    expect(gguf_type::array);
    detail::gguf_cursor at = cursor();
    gguf_type const element = at.type();
    auto const count = at.number<std::uint64_t>();
    std::vector<gguf_value> values;
    values.reserve(static_cast<std::size_t>(count));  // not more than there are bytes
    for (std::uint64_t k = 0; k < count; ++k) values.emplace_back(at, element, std::numeric_limits<int>::max());
    return values;
  }

  /// Throws an io_error about this value.
  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(detail::concat(*source_, ": byte ", offset_, ": ", message));
  }

private:
  detail::gguf_cursor cursor() const { return {bytes_, source_, offset_}; }
  void expect(gguf_type wanted) const {
    if (type_ != wanted) fail(detail::concat("expected ", name_of(wanted), ", found ", name_of(type_)));
  }
  /// f(number) with the number in its own type.
  template <class Result, class F>
  Result visit(F f) const {
    detail::gguf_cursor at = cursor();
    switch (type_) {
      case gguf_type::u8: return f(at.number<std::uint8_t>());
      case gguf_type::i8: return f(at.number<std::int8_t>());
      case gguf_type::u16: return f(at.number<std::uint16_t>());
      case gguf_type::i16: return f(at.number<std::int16_t>());
      case gguf_type::u32: return f(at.number<std::uint32_t>());
      case gguf_type::i32: return f(at.number<std::int32_t>());
      case gguf_type::u64: return f(at.number<std::uint64_t>());
      case gguf_type::i64: return f(at.number<std::int64_t>());
      case gguf_type::f32: return f(at.number<float>());
      case gguf_type::f64: return f(at.number<double>());
      default: fail(detail::concat("expected a number, found ", name_of(type_)));
    }
  }

  gguf_type type_;
  index_t offset_;
  detail::gguf_cursor::source_name source_;
  std::string_view bytes_;
};

}  // namespace parapet::inline PARAPET_ABI::io
