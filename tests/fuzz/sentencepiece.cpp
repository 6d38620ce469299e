// A SentencePiece model and a text. Tokens are of the vocabulary, and their bytes lie one after the other in the text.
#include "fuzz/target.hpp"

#include <parapet/guard/sentencepiece.hpp>

#include <vector>

using namespace parapet::guard;

FUZZ_TARGET(sentencepiece) {
  fuzz::file_and_text const input(bytes);
  std::string_view const text = input.text();
  sentencepiece_tokenizer const tokenizer(read_sentencepiece_model(input.file(), "fuzz"));
  std::vector<token> const tokens = tokenizer.encode(text);
  std::vector<std::int32_t> ids;
  std::uint32_t begin = 0;
  for (token const& t : tokens) {
    fuzz::require(t.id >= 0 && t.id < tokenizer.size() && t.begin >= begin && t.end >= t.begin && t.end <= text.size());
    begin = t.begin;
    ids.push_back(t.id);
  }
  tokenizer.decode(ids);
}
