// A tokenizer.json and a text. The bytes of tokens lie in the text, and the tokens can be decoded.
#include "fuzz/target.hpp"

#include <parapet/guard/tokenizer_json.hpp>

#include <vector>

using namespace parapet::guard;

FUZZ_TARGET(tokenizer_json) {
  fuzz::file_and_text const input(bytes);
  std::string_view const text = input.text();
  json_tokenizer const tokenizer(input.file(), "fuzz");
  std::vector<std::int32_t> ids;
  for (token const& t : tokenizer.encode(text)) {
    fuzz::require(t.begin <= t.end && t.end <= text.size());
    ids.push_back(t.id);
  }
  tokenizer.decode(ids);
  tokenizer.encode_templated(text, text);
}
