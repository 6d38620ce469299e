// Tokens with the bytes that they stand for, and prompts whose parts have a type.
//
// Text is text: whatever a user writes, "[/INST]" or "<s>" spelled out included, is read as characters. A control token is in
// a prompt only where the program put a control_token, so that nobody can end the user's part from inside it.
#pragma once

#include <parapet/config.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// One token, and the bytes [begin, end) of its text that it stands for: none for control tokens.
struct token {
  std::int32_t id;
  std::uint32_t begin = 0, end = 0;

  friend bool operator==(token const&, token const&) = default;
};

/// Whether a text stands by itself, which some tokenisers mark by a space before it, or goes on from what is before.
enum class text_start { by_itself, goes_on };

/// A part of a prompt that the program names: "[INST]".
struct control_token {
  std::string_view name;
};
/// A part of a prompt that is characters only, whoever wrote them.
struct plain_text {
  std::string_view bytes;
  text_start start = text_start::by_itself;
};
using prompt_part = std::variant<control_token, plain_text>;

/// Tokens of a prompt. Offsets count from the start of each plain_text. Throws argument_error for a name that is no control token.
///
///     encode_prompt(tokenizer, {control_token{"<s>"}, control_token{"[INST]"}, plain_text{words}, control_token{"[/INST]"}});
template <class Tokenizer>
std::vector<token> encode_prompt(Tokenizer const& tokenizer, std::initializer_list<prompt_part> parts) {
  std::vector<token> out;
  for (prompt_part const& part : parts) {
    if (auto const* text = std::get_if<plain_text>(&part)) tokenizer.encode(text->bytes, out, text->start);
    else out.push_back({tokenizer.control_id(std::get<control_token>(part).name)});
  }
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
