// The message of an exception, for tests that check what it says.
#pragma once

#include <string>

namespace support {

/// What the Error thrown by f() says; empty where none is thrown.
template <class Error, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (Error const& error) {
    return error.what();
  }
  return "";
}

inline bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace support
