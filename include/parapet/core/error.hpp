// Exceptions. Bad input is caught once, at the public edge, with a message that says what was given, what
// was expected and where: both shapes, the file and the byte offset, or the argument and its range.
#pragma once

#include <parapet/config.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace parapet::inline PARAPET_ABI {

/// Base of every exception that the library throws on purpose.
class error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Extents that do not fit together.
class shape_error : public error {
public:
  using error::error;
};

/// An argument or option outside its range.
class argument_error : public error {
public:
  using error::error;
};

/// A file that cannot be read, written, or trusted. The message starts with the path.
class io_error : public error {
public:
  using error::error;
};

namespace detail {

inline void append(std::string& out, std::string_view text) { out += text; }
inline void append(std::string& out, char c) { out += c; }

template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
void append(std::string& out, T value) {
  out += std::to_string(value);
}

inline void append(std::string& out, double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  out += text;
}
inline void append(std::string& out, float value) { append(out, static_cast<double>(value)); }

/// Joins text and numbers into one message (g++ 12 has no std::format).
template <class... Parts>
std::string concat(Parts const&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

/// A name out of a file in quotes, fit for one line of a message: short, and without control characters.
inline std::string printable(std::string_view text) {
  std::string out = "'";
  for (char const c : text.substr(0, 200)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out + (text.size() > 200 ? "...'" : "'");
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI
