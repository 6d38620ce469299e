// Text that comes out of files: whether it is UTF-8, and whether it may stand in a message or be the name of a file.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::io {

/// Offset of the first byte of `text` that is not UTF-8 (overlong forms and surrogates are not), or -1.
inline index_t find_invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    auto const byte = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
    unsigned const first = byte(0);
    std::size_t const length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    bool valid = length != 0 && i + length <= text.size();
    for (std::size_t k = 1; valid && k < length; ++k) valid = (byte(k) & 0xC0u) == 0x80u;
    if (valid && first == 0xE0) valid = byte(1) >= 0xA0;
    if (valid && first == 0xED) valid = byte(1) < 0xA0;
    if (valid && first == 0xF0) valid = byte(1) >= 0x90;
    if (valid && first == 0xF4) valid = byte(1) < 0x90;
    if (!valid) return static_cast<index_t>(i);
    i += length;
  }
  return -1;
}

namespace detail {

using parapet::detail::concat;
using parapet::detail::printable;

/// Whether `name` is the name of a file in some folder: no path, no "..", nothing that a terminal would act on.
inline bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return false;
  for (char const c : name)
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  return true;
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::io
