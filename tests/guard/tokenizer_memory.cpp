// Tokenisers of all kinds on a caller's memory: the tokens are the same, and after the longest text nothing is allocated.
#include "guard/token_goldens.hpp"
#include "support/allocation_counter.hpp"

#include <parapet/core/pooled_memory.hpp>
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/io/file.hpp>

#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace parapet;

namespace {

/// Edge cases of Unicode, of patterns and of special tokens, and long words.
std::vector<std::string> texts() {
  std::set<std::string> all{"the robot must stop before the wall", std::string(300, 'a'), "marks: a\u0316\u0301\u0323\u0316 e\u0301"};
  std::istringstream lines(io::read_file("goldens/guard/tokenizer_json.txt"));
  for (std::string line, name, mode, hex; std::getline(lines, line);) {
    std::istringstream fields(line);
    for (std::string* const field : {&name, &mode, &hex}) std::getline(fields, *field, '|');
    all.insert(support::from_hex(hex));
  }
  return {all.begin(), all.end()};
}

template <class Tokenizer>
void check(Tokenizer const& tokenizer) {
  static std::vector<std::string> const all = texts();
  std::string longest;
  for (std::string const& text : all) longest += text;
  pooled_memory memory;
  std::vector<guard::token> tokens;
  auto const encode = [&](std::string const& text) {
    tokens.clear();
    tokenizer.encode(text, tokens, guard::text_start::by_itself, memory);
  };
  encode(longest);
  CHECK(tokens == tokenizer.encode(longest));
  encode(longest);
  long allocations = 0, wrong = 0;
  for (std::string const& text : all) {
    long const before = support::allocation_count();
    encode(text);
    allocations += support::allocation_count() - before;
    wrong += tokens != tokenizer.encode(text);
  }
  CHECK(wrong == 0);
  CHECK(allocations == 0);
}

}  // namespace

TEST_CASE("tokenizer.json: the same tokens on a caller's memory, and no allocation after the longest text") {
  for (char const* name : {"bert", "bert_cased", "clip", "falcon", "gpt2", "llama2", "llama3", "mistral", "o200k", "qwen2", "roberta", "subword", "trained",
                           "unigram_bytes", "words", "xlm_roberta"})
    for (bool const in_text : {false, true}) {
      CAPTURE(name);
      CAPTURE(in_text);
      std::string const file = std::string("goldens/guard/tokenizers/") + name + ".json";
      check(guard::json_tokenizer(io::read_file(file), file, {.special_tokens_in_text = in_text}));
    }
}

TEST_CASE("sentencepiece: the same tokens on a caller's memory, and no allocation after the longest text") {
  for (std::string const file : {"goldens/guard/bpe.model", "goldens/guard/unigram.model"}) {
    CAPTURE(file);
    check(guard::sentencepiece_tokenizer(guard::read_sentencepiece_model(io::read_file(file), file)));
  }
}

TEST_CASE("a template is filled again without an allocation") {
  std::string const file = "goldens/guard/tokenizers/bert.json";
  guard::json_tokenizer const tokenizer(io::read_file(file), file);
  std::string const first = "the robot must stop before the wall", second = "and then \u00c9 it goes on";
  pooled_memory memory;
  guard::templated_tokens out;
  tokenizer.encode_templated(first, second, out, memory);
  auto const wanted = tokenizer.encode_templated(first, second);
  CHECK(out.tokens == wanted.tokens);
  CHECK(out.types == wanted.types);
  long const before = support::allocation_count();
  tokenizer.encode_templated(second, first, out, memory);
  tokenizer.encode_templated(first, {}, out, memory);
  long const counted = support::allocation_count() - before;
  CHECK(counted == 0);
  CHECK(out.tokens == tokenizer.encode_templated(first).tokens);
}
