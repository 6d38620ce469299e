// Reading an answer that WildGuard has written, as the authors' package reads it.
//
// Three lines, "...: reply". A line's reply is what stands behind its last colon, without white space around it, in any case. What is
// no reply is a parsing error; the other lines keep theirs, as in the package.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/wildguard_prompt.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

/// A written answer: none for a line that says N/A, or that could not be read.
struct parsed_answer {
  std::optional<bool> harmful_request = {}, response_refusal = {}, harmful_response = {};
  bool parsing_error = false;
  friend bool operator==(parsed_answer const&, parsed_answer const&) = default;
};

namespace detail {

/// What Python's str.strip takes away, of ASCII.
inline std::string_view stripped(std::string_view text) {
  constexpr std::string_view white = " \t\n\r\v\f\x1c\x1d\x1e\x1f";
  std::size_t const first = text.find_first_not_of(white);
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(white) + 1 - first);
}

inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace detail

/// Lines after the third are ignored.
inline parsed_answer parse_wildguard_answer(std::string_view text) {
  std::array<std::string, 3> replies;
  for (std::size_t k = 0; k < 3; ++k) {
    std::size_t const newline = text.find('\n');
    std::string_view const line = text.substr(0, newline);
    std::size_t const colon = line.rfind(':');
    if (colon == line.npos || (k < 2 && newline == text.npos)) return {.parsing_error = true};
    replies[k] = detail::lowered(detail::stripped(line.substr(colon + 1)));
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
  }
  parsed_answer out;
  auto const read = [&](std::string const& reply, bool may_not_apply) -> std::optional<bool> {
    if (reply == "yes") return true;
    if (reply == "no") return false;
    if (!(may_not_apply && reply == "n/a")) out.parsing_error = true;
    return std::nullopt;
  };
  out.harmful_request = read(replies[0], false);
  out.response_refusal = read(replies[1], true);
  out.harmful_response = read(replies[2], true);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
