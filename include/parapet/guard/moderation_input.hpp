// How a guard reads an exchange: as the two texts of its tokeniser's template, "[CLS] prompt [SEP] response [SEP]".
//
// What is too long loses the end of its longer text. The input says what was lost; windowed_moderator loses nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/pooled_memory.hpp>
#include <parapet/guard/post_processor.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/verdict.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct moderation_input {
  std::vector<std::int32_t> ids, types;
  std::size_t cut_prompt = 0, cut_response = 0;  ///< bytes that were left out
};

/// What reading needs on the way. A caller who keeps it, and the input, allocates nothing after the longest exchange.
struct reading_workspace {
  pooled_memory memory;
  templated_tokens all;
  std::vector<token> prompt, response;
};

namespace detail {

/// The start of `text` that is at most `most` tokens.
inline std::string_view first_tokens(std::string_view text, std::vector<token> const& tokens, index_t most) {
  if (static_cast<index_t>(tokens.size()) <= most) return text;
  return text.substr(0, tokens[static_cast<std::size_t>(most)].begin);
}

}  // namespace detail

/// Writes the tokens of an exchange, at most `most`, into `out`. Throws argument_error where the template alone is longer.
template <class Tokenizer>
void read_exchange(Tokenizer const& tokenizer, exchange const& one, index_t most, moderation_input& out, reading_workspace& work) {
  std::string_view prompt = one.prompt, response = one.response.value_or("");
  auto const encode = [&](std::string_view first, std::string_view second) {
    tokenizer.encode_templated(first, one.response ? std::optional(second) : std::nullopt, work.all, work.memory);
    return static_cast<index_t>(work.all.tokens.size());
  };
  auto const encode_alone = [&](std::string_view text, std::vector<token>& tokens) {
    tokens.clear();
    tokenizer.encode(text, tokens, text_start::by_itself, work.memory);
    return static_cast<index_t>(tokens.size());
  };
  if (encode(prompt, response) > most) {
    index_t const n = encode_alone(prompt, work.prompt), m = encode_alone(response, work.response), around = encode("", "");
    index_t room = most;
    do {  // more than once only where cutting makes tokens
      index_t const both = room-- - around, half = both / 2;
      if (both < 1) throw argument_error(parapet::detail::concat("read_exchange: ", most, " tokens, of which the template takes ", around));
      prompt = detail::first_tokens(one.prompt, work.prompt, std::max(half, both - m));
      response = detail::first_tokens(one.response.value_or(""), work.response, std::max(both - half, both - n));
    } while (encode(prompt, response) > most);
  }
  out.ids.clear();
  for (token const& t : work.all.tokens) out.ids.push_back(t.id);
  out.types.assign(work.all.types.begin(), work.all.types.end());
  out.cut_prompt = one.prompt.size() - prompt.size();
  out.cut_response = one.response.value_or("").size() - response.size();
}

template <class Tokenizer>
moderation_input read_exchange(Tokenizer const& tokenizer, exchange const& one, index_t most) {
  moderation_input out;
  reading_workspace work;
  read_exchange(tokenizer, one, most, out, work);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
