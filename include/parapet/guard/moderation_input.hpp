// How a guard reads an exchange: as the two texts of its tokeniser's template, "[CLS] prompt [SEP] response [SEP]".
//
// What is too long loses the end of its longer text. The input says what was lost; windowed_moderator loses nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/verdict.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct moderation_input {
  std::vector<std::int32_t> ids, types;
  std::size_t cut_prompt = 0, cut_response = 0;  ///< bytes that were left out
};

namespace detail {

/// The start of `text` that is at most `most` tokens.
inline std::string_view first_tokens(std::string_view text, std::vector<token> const& tokens, index_t most) {
  if (static_cast<index_t>(tokens.size()) <= most) return text;
  return text.substr(0, tokens[static_cast<std::size_t>(most)].begin);
}

}  // namespace detail

/// The tokens of an exchange, at most `most`. Throws argument_error where the template alone is longer.
template <class Tokenizer>
moderation_input read_exchange(Tokenizer const& tokenizer, exchange const& one, index_t most) {
  auto encoded = tokenizer.encode_templated(one.prompt, one.response);
  std::string_view prompt = one.prompt, response = one.response.value_or("");
  for (index_t room = most; static_cast<index_t>(encoded.tokens.size()) > most; --room) {  // more than once only where cutting makes tokens
    auto const a = tokenizer.encode(one.prompt), b = tokenizer.encode(one.response.value_or(""));
    auto const n = static_cast<index_t>(a.size()), m = static_cast<index_t>(b.size());
    auto const around = static_cast<index_t>(tokenizer.encode_templated("", one.response ? std::optional<std::string_view>("") : std::nullopt).tokens.size());
    index_t const both = room - around, half = both / 2;
    if (both < 1) throw argument_error(parapet::detail::concat("read_exchange: ", most, " tokens, of which the template takes ", around));
    prompt = detail::first_tokens(one.prompt, a, std::max(half, both - m));
    response = detail::first_tokens(one.response.value_or(""), b, std::max(both - half, both - n));
    encoded = tokenizer.encode_templated(prompt, one.response ? std::optional(response) : std::nullopt);
  }
  moderation_input out;
  for (token const& t : encoded.tokens) out.ids.push_back(t.id);
  out.types.assign(encoded.types.begin(), encoded.types.end());
  out.cut_prompt = one.prompt.size() - prompt.size();
  out.cut_response = one.response.value_or("").size() - response.size();
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
