// What stands beside the weights in WildGuard's published folder: its tokeniser, and how that treats text behind a control token.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/guard/sentencepiece_model.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::guard {

/// The tokeniser of `tokenizer.model` in the folder. Throws io_error.
inline sentencepiece_tokenizer read_wildguard_tokenizer(std::string const& folder) {
  std::string const path = folder + "/tokenizer.model";
  return sentencepiece_tokenizer(read_sentencepiece_model(io::read_file(path), path));
}

/// Whether the tokeniser that the model was trained with put its space behind control tokens: "legacy" of
/// `tokenizer_config.json`, true where it says nothing, as in Hugging Face's slow tokenizer. Throws io_error.
inline text_start read_wildguard_text_start(std::string const& folder) {
  std::string const path = folder + "/tokenizer_config.json";
  io::json_value const root = io::parse_json(io::read_file(path, 1 << 24), path);
  io::json_value const* legacy = root.find("legacy");
  bool const prefixed = legacy == nullptr || legacy->type() == io::json_value::kind::null || legacy->boolean();
  return prefixed ? text_start::by_itself : text_start::goes_on;
}

}  // namespace parapet::inline PARAPET_ABI::guard
