// The rules of normalisation in a SentencePiece model ("precompiled_charsmap"): the longest prefix of the text that has a rule is
// replaced.
//
// Layout: the size of a double array in bytes (u32, little endian), its units (u32; darts-clone by S. Yata), then the
// replacements, each ended by a NUL. Nothing in it is trusted: each step of the double array is checked.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class charsmap {
public:
  struct match {
    std::size_t bytes = 0;  // of the text; 0: no rule
    std::string_view replacement{};
  };

  charsmap() = default;
  /// Throws io_error, which starts with `source`, where the layout is broken.
  charsmap(std::string_view blob, std::string const& source) {
    auto const fail = [&](char const* what) { throw io_error(parapet::detail::concat(source, ": precompiled_charsmap: ", what)); };
    if (blob.size() < 4) fail("shorter than its size field");
    std::size_t const bytes = unit(blob, 0);
    if (bytes == 0 || bytes % 4 != 0 || bytes > blob.size() - 4) fail("its double array does not fit");
    for (std::size_t at = 4; at < 4 + bytes; at += 4) units_.push_back(unit(blob, at));
    replacements_ = blob.substr(4 + bytes);
    if (!replacements_.empty() && replacements_.back() != '\0') fail("its last replacement has no end");
    std::size_t begin = 0;  // long replacements of single characters would make a small text a large one
    for (std::size_t at = 0; at < replacements_.size(); ++at) {
      if (at - begin > longest_replacement) fail("a replacement is longer than 1024 bytes");
      if (replacements_[at] == '\0') begin = at + 1;
    }
  }

  bool empty() const { return units_.empty(); }

  /// The rule of the longest prefix of the text.
  match find(std::string_view text) const { return find(text, false); }
  /// The rule of the shortest prefix of the text, which is what tokenizer.json files are read with.
  match find_shortest(std::string_view text) const { return find(text, true); }

private:
  match find(std::string_view text, bool shortest) const {
    match longest;
    if (empty()) return longest;
    std::size_t node = offset(units_[0]);
    for (std::size_t k = 0; k < text.size() && k < longest_rule; ++k) {
      auto const byte = static_cast<unsigned char>(text[k]);
      node ^= byte;
      if (node >= units_.size() || (units_[node] & 0x800000FFu) != byte) break;
      std::uint32_t const here = units_[node];
      node ^= offset(here);
      if ((here >> 8 & 1) == 0) continue;
      if (node >= units_.size()) break;
      std::size_t const at = units_[node] & 0x7FFFFFFF;
      if (at < replacements_.size()) longest = {k + 1, std::string_view(replacements_.data() + at)};  // NUL at the end: see above
      if (shortest) break;
    }
    return longest;
  }

  static constexpr std::size_t longest_replacement = 1024, longest_rule = 256;

  static std::uint32_t unit(std::string_view blob, std::size_t at) {
    auto const byte = [&](std::size_t k) { return static_cast<std::uint32_t>(static_cast<unsigned char>(blob[at + k])); };
    return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
  }
  static std::size_t offset(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & 0x200) >> 6); }

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
