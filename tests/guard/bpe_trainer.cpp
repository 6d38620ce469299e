#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/io/file.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

using namespace parapet;

namespace {

std::vector<std::string> corpus() {
  std::istringstream in(io::read_file("goldens/guard/bpe_corpus.txt"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

guard::bpe_trainer_options options() {
  guard::bpe_trainer_options out;
  out.vocabulary = 380;
  out.special_tokens = {"<pad>", "[CLS]", "[SEP]"};
  out.begin = "[CLS]", out.end = "[SEP]";
  out.form = guard::normal_form::nfkc;
  return out;
}

/// Whether two JSON values are the same but for the order of keys.
bool same(io::json_value const& a, io::json_value const& b) {
  using kind = io::json_value::kind;
  if (a.type() != b.type()) return false;
  if (a.type() == kind::string) return a.string() == b.string();
  if (a.type() == kind::number) return a.number() == b.number();
  if (a.type() == kind::boolean) return a.boolean() == b.boolean();
  if (a.type() == kind::null) return true;
  if (a.items().size() != b.items().size()) return false;
  for (std::size_t k = 0; k < a.items().size(); ++k) {
    io::json_value const* const other = a.type() == kind::array ? &b.items()[k] : b.find(a.keys()[k]);
    if (other == nullptr || !same(a.items()[k], *other)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the trained tokenizer.json is the one of Hugging Face's tokenizers, field by field") {
  std::string const wanted = io::read_file("goldens/guard/tokenizers/trained.json"), got = guard::train_byte_level_bpe(corpus(), options());
  CHECK(same(io::parse_json(got, "trained"), io::parse_json(wanted, "golden")));
  guard::json_tokenizer const tokenizer(got, "trained");
  CHECK(tokenizer.size() == 380);
  CHECK(tokenizer.control_id("[SEP]") == 2);
  auto const prompt = tokenizer.encode_templated("the robot", "must stop");
  CHECK(prompt.tokens.front().id == 1);
  CHECK(std::count(prompt.types.begin(), prompt.types.end(), 1) > 1);
}

TEST_CASE("the order of the texts changes nothing, and a small corpus gives fewer tokens") {
  auto lines = corpus();
  std::string const first = guard::train_byte_level_bpe(lines, options());
  std::reverse(lines.begin(), lines.end());
  CHECK(guard::train_byte_level_bpe(lines, options()) == first);

  guard::bpe_trainer_options few;
  few.vocabulary = 1000;
  guard::json_tokenizer const tokenizer(guard::train_byte_level_bpe(std::vector<std::string>{"abab abab", "abab"}, few), "few");
  CHECK(tokenizer.size() < 262);
  CHECK(tokenizer.encode("abab").size() == 1);
  CHECK(tokenizer.encode("\xF0\x9F\x98\x80").size() == 4);
}

TEST_CASE("the trainer refuses what cannot be") {
  guard::bpe_trainer_options o;
  o.vocabulary = 255;
  CHECK_THROWS_WITH_AS(guard::bpe_trainer{o}, doctest::Contains("a vocabulary of 255, not in [256, 2^24]"), argument_error);
  o.vocabulary = 1000;
  o.begin = "[CLS]";
  CHECK_THROWS_WITH_AS(guard::bpe_trainer{o}, doctest::Contains("'[CLS]' is no special token"), argument_error);
  o.special_tokens = {"[CLS]", "[CLS]"};
  CHECK_THROWS_WITH_AS(guard::bpe_trainer{o}, doctest::Contains("there twice"), argument_error);
  o.special_tokens = {"[CLS]"};
  o.split = "(";
  CHECK_THROWS_WITH_AS(guard::bpe_trainer{o}, doctest::Contains("a '(' is not closed"), argument_error);
}

// Quadratic time would be minutes here.
TEST_CASE("one long word, and one character many times") {
  guard::bpe_trainer_options o;
  o.vocabulary = 300;
  std::string const many(1'000'000, 'a');
  std::string words;
  for (int k = 0; k < 100'000; ++k) words += "ab ";
  CHECK(guard::json_tokenizer(guard::train_byte_level_bpe(std::vector<std::string>{many, words}, o), "t").size() > 256);
}
