// The header of NumPy's .npy files, parsed without trust and compared with the size of the file.
//
//     "\x93NUMPY" 1 0 | 2 bytes N, little-endian | {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } padded to N | data
//
// Format: numpy/lib/format.py, version 1.0, which NumPy uses for every plain array. Column-major and big-endian arrays,
// structures, strings and halves are refused.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/text.hpp>

#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// What the header of a .npy file says, and the byte at which the data begin.
struct npy_layout {
  scalar_type type;
  std::vector<index_t> shape;
  index_t begin;
};

namespace detail {

inline constexpr index_t npy_prefix = 10;     // magic, version, N
inline constexpr index_t npy_max_rank = 32;   // NumPy's own limit before version 2

struct npy_type {
  scalar_type type;
  std::string_view descr;
};
inline constexpr npy_type npy_types[] = {
    {scalar_type::boolean, "|b1"}, {scalar_type::u8, "|u1"},  {scalar_type::i8, "|i1"},  {scalar_type::u16, "<u2"},
    {scalar_type::i16, "<i2"},     {scalar_type::u32, "<u4"}, {scalar_type::i32, "<i4"}, {scalar_type::u64, "<u8"},
    {scalar_type::i64, "<i8"},     {scalar_type::f32, "<f4"}, {scalar_type::f64, "<f8"}};

inline std::string_view npy_descr(scalar_type type) {
  for (npy_type const& known : npy_types)
    if (known.type == type) return known.descr;
  return {};
}

/// The header's Python dictionary: exactly the keys 'descr', 'fortran_order' and 'shape', each once, in any order.
class npy_header_parser {
public:
  npy_header_parser(std::string_view text, std::string const& source) : text_(text), source_(source) {}

  npy_layout parse() {
    npy_layout layout{scalar_type::f32, {}, npy_prefix + static_cast<index_t>(text_.size())};
    bool has_descr = false, has_order = false, has_shape = false;
    auto const once = [&](bool& seen) {
      if (std::exchange(seen, true)) fail("a key appears twice");
    };
    expect('{');
    while (!take('}')) {
      std::string_view const key = parse_string();
      expect(':');
      if (key == "descr") once(has_descr), layout.type = parse_type();
      else if (key == "fortran_order") once(has_order), parse_order();
      else if (key == "shape") once(has_shape), layout.shape = parse_shape();
      else fail("a key that is none of 'descr', 'fortran_order', 'shape'");
      if (!take(',') && peek() != '}') fail("expected ',' or '}'");
    }
    if (!has_descr || !has_order || !has_shape) fail("the header lacks one of 'descr', 'fortran_order', 'shape'");
    skip_space();
    if (text_.substr(at_) != "\n") fail("expected spaces and one line feed after the header");
    return layout;
  }

private:
  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(concat(source_, ": byte ", npy_prefix + static_cast<index_t>(at_), ": ", message));
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(concat("expected '", c, "'"));
  }

  std::string_view parse_string() {
    char const quote = peek();
    if (quote != '\'' && quote != '"') fail("expected a string");
    std::size_t const begin = ++at_;
    std::size_t const end = text_.find(quote, begin);
    if (end == text_.npos) fail("the header ends inside a string");
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }
  scalar_type parse_type() {
    if (peek() == '[') fail("arrays of structures are not supported");
    std::string_view const descr = parse_string();
    for (npy_type const& known : npy_types)
      if (known.descr == descr) return known.type;
    fail(concat("the type ", printable(descr), " is not supported",
                descr.starts_with('>') ? ": it is big-endian"
                : descr == "<f2"       ? ": convert it to float32"
                                       : ""));
  }
  void parse_order() {
    peek();
    if (text_.substr(at_, 4) == "True") fail("the array is column-major (Fortran order): save numpy.ascontiguousarray(x)");
    if (text_.substr(at_, 5) != "False") fail("expected True or False");
    at_ += 5;
  }
  std::vector<index_t> parse_shape() {
    std::vector<index_t> shape;
    expect('(');
    while (!take(')')) {
      peek();
      index_t extent = -1;
      auto const [end, status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (status != std::errc{} || extent < 0) fail("expected an extent of at most 63 bits");
      at_ = static_cast<std::size_t>(end - text_.data());
      shape.push_back(extent);
      if (static_cast<index_t>(shape.size()) > npy_max_rank) fail(concat("more than ", npy_max_rank, " axes"));
      if (!take(',') && (peek() != ')' || shape.size() == 1)) fail("expected ',' in the shape");  // Python writes (3,)
    }
    return shape;
  }

  std::string_view text_;
  std::string const& source_;
  std::size_t at_ = 0;
};

inline void check_has_npy_prefix(index_t file_size, std::string const& source) {
  if (file_size < npy_prefix) throw io_error(concat(source, ": has ", file_size, " bytes, too few for a .npy file"));
}

/// The length of the header out of the first bytes of a file.
inline index_t parse_npy_prefix(unsigned char const* prefix, index_t file_size, std::string const& source) {
  if (std::memcmp(prefix, "\x93NUMPY", 6) != 0) throw io_error(source + ": byte 0: not a .npy file");
  if (prefix[6] != 1 || prefix[7] != 0)
    throw io_error(
        concat(source, ": byte 6: format version ", int{prefix[6]}, ".", int{prefix[7]}, ", only 1.0 is supported"));
  index_t const length = prefix[8] | prefix[9] << 8;
  if (length > file_size - npy_prefix)
    throw io_error(concat(source, ": byte 8: the header has ", length, " bytes, but the file only ", file_size));
  return length;
}

/// Parses a header and compares what it says with the size of the file.
inline npy_layout parse_npy_header(std::string_view header, index_t file_size, std::string const& source) {
  npy_layout layout = npy_header_parser(header, source).parse();
  index_t span = size_of(layout.type);  // an extent of 0 counts as 1: strides must not overflow either
  bool empty = false;
  for (index_t const extent : layout.shape) {
    empty = empty || extent == 0;
    if (extent > 0 && span > std::numeric_limits<index_t>::max() / 2 / extent)
      throw io_error(concat(source, ": the shape ", shape_text(layout.shape), " is more than memory can hold"));
    span *= extent > 0 ? extent : 1;
  }
  index_t const bytes = empty ? 0 : span;
  if (bytes != file_size - layout.begin)
    throw io_error(concat(source, ": byte ", layout.begin, ": an array of ", name_of(layout.type), " ",
                          shape_text(layout.shape), " has ", bytes, " bytes, but ", file_size - layout.begin, " follow"));
  return layout;
}

/// Reads and checks the header of an open file.
inline npy_layout read_npy_layout(file_reader const& file) {
  unsigned char prefix[npy_prefix];
  check_has_npy_prefix(file.size(), file.path());
  file.read(0, prefix, npy_prefix);
  std::string header(static_cast<std::size_t>(parse_npy_prefix(prefix, file.size(), file.path())), '\0');
  file.read(npy_prefix, header.data(), static_cast<index_t>(header.size()));
  return parse_npy_header(header, file.size(), file.path());
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::io
