// What tests of tokenisers read from their golden files.
#pragma once

#include <parapet/guard/token.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace support {

/// The bytes that a text in hexadecimal stands for.
inline std::string from_hex(std::string const& hex) {
  std::string out;
  for (std::size_t k = 0; k + 1 < hex.size(); k += 2) out += static_cast<char>(std::stoi(hex.substr(k, 2), nullptr, 16));
  return out;
}

inline std::vector<std::int32_t> ids_of(std::vector<parapet::guard::token> const& tokens) {
  std::vector<std::int32_t> ids;
  for (parapet::guard::token const& t : tokens) ids.push_back(t.id);
  return ids;
}

}  // namespace support
