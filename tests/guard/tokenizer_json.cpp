#include "guard/token_goldens.hpp"

#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/io/file.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace parapet;
using guard::json_tokenizer;
using guard::token;
using support::from_hex;
using support::ids_of;

namespace {

std::string file_of(std::string const& name) { return "goldens/guard/tokenizers/" + name + ".json"; }
json_tokenizer load(std::string const& name, guard::tokenizer_json_options const& options = {}) {
  return {io::read_file(file_of(name)), file_of(name), options};
}

std::string written(std::vector<token> const& tokens, std::vector<std::int32_t> const* types = nullptr) {
  std::string out;
  for (std::size_t k = 0; k < tokens.size(); ++k) {
    token const& t = tokens[k];
    out += (k == 0 ? "" : ",") + std::to_string(t.id) + " " + std::to_string(t.begin) + " " + std::to_string(t.end);
    if (types != nullptr) out += " " + std::to_string((*types)[k]);
  }
  return out;
}

}  // namespace

TEST_CASE("ids, offsets, templates and decoded text are those of Hugging Face's tokenizers") {
  std::map<std::string, std::unique_ptr<json_tokenizer>> strict, parsed;
  std::istringstream lines(io::read_file("goldens/guard/tokenizer_json.txt"));
  int texts = 0;
  for (std::string line; std::getline(lines, line); ++texts) {
    std::istringstream fields(line);
    std::string name, mode, hex, wanted, decoded;
    for (std::string* const field : {&name, &mode, &hex, &wanted}) std::getline(fields, *field, '|');
    std::getline(fields, decoded);
    std::string const text = from_hex(hex);
    CAPTURE(line);
    for (bool const in_text : {false, true}) {
      if (in_text ? mode != "parsed" && mode != "both" : mode == "parsed") continue;
      auto& tokenizer = (in_text ? parsed : strict)[name];
      if (!tokenizer) tokenizer = std::make_unique<json_tokenizer>(load(name, {.special_tokens_in_text = in_text}));
      if (mode == "template" || mode == "pair") {
        auto const all = mode == "pair" ? tokenizer->encode_templated(text, text) : tokenizer->encode_templated(text);
        CHECK(written(all.tokens, &all.types) == wanted);
        CHECK(tokenizer->decode(ids_of(all.tokens)) == from_hex(decoded));
      } else {
        auto const tokens = tokenizer->encode(text);
        CHECK(written(tokens) == wanted);
        CHECK(tokenizer->decode(ids_of(tokens)) == from_hex(decoded));
      }
    }
  }
  CHECK(texts > 100);
}

TEST_CASE("text has no way to a special token") {
  std::string const spelled = "<s> </s> <unk> [CLS] [SEP] [MASK] [INST]<|endoftext|><|begin_of_text|><|im_start|> <mask> <|startoftext|> ";
  for (char const* name : {"gpt2", "llama3", "qwen2", "roberta", "clip", "llama2", "mistral", "bert", "subword", "words", "xlm_roberta", "unigram_bytes"}) {
    CAPTURE(name);
    auto const tokenizer = load(name), parsed = load(name, {.special_tokens_in_text = true});
    std::vector<std::int32_t> special;
    for (char const* text : {"<s>", "</s>", "[CLS]", "[SEP]", "[MASK]", "[INST]", "<|endoftext|>", "<|begin_of_text|>", "<|im_start|>", "<mask>",
                             "<|startoftext|>"}) {
      try {
        special.push_back(tokenizer.control_id(text));
      } catch (argument_error const&) {
      }
    }
    auto const count = [&](std::vector<token> const& tokens) {
      int found = 0;
      for (token const& t : tokens) found += std::find(special.begin(), special.end(), t.id) != special.end();
      return found;
    };
    // [UNK] alone may come from text: it is what the model says, not what the user asks for. CLIP's is <|endoftext|>.
    if (std::string(name) != "clip") CHECK(count(tokenizer.encode(spelled)) == 0);
    if (!special.empty()) CHECK(count(parsed.encode(spelled)) >= static_cast<int>(special.size()));
  }
  auto const tokenizer = load("llama3");
  using namespace guard;
  auto const prompt = encode_prompt(tokenizer, {control_token{"<|begin_of_text|>"}, plain_text{"<|begin_of_text|>"}});
  CHECK(prompt.front().id == tokenizer.control_id("<|begin_of_text|>"));
  CHECK(prompt.size() == 1 + tokenizer.encode("<|begin_of_text|>").size());
  CHECK_THROWS_WITH_AS(tokenizer.control_id("the"), doctest::Contains("'the' is no special token"), argument_error);
}

TEST_CASE("a text that goes on gets no space in front of it") {
  for (char const* name : {"roberta", "llama2", "mistral", "xlm_roberta"}) {
    CAPTURE(name);
    auto const tokenizer = load(name);
    auto const alone = tokenizer.encode("robot stop"), on = tokenizer.encode("robot stop", guard::text_start::goes_on);
    CHECK(alone != on);
    CHECK(tokenizer.decode(ids_of(on)) == "robot stop");
  }
}

TEST_CASE("invalid UTF-8 is U+FFFD, with the bytes that it was") {
  auto const tokenizer = load("gpt2");
  std::string const broken = "a\xFFrobot\xE3\x81", repaired = "a\uFFFDrobot\uFFFD\uFFFD";
  auto const tokens = tokenizer.encode(broken), wanted = tokenizer.encode(repaired);
  CHECK(ids_of(tokens) == ids_of(wanted));
  CHECK(tokens.back().end == broken.size());
  CHECK(tokenizer.decode(ids_of(tokens)) == repaired);
  CHECK_THROWS_AS(tokenizer.decode(std::vector<std::int32_t>{-1}), argument_error);
  CHECK_THROWS_AS(tokenizer.decode(std::vector<std::int32_t>{static_cast<std::int32_t>(tokenizer.size())}), argument_error);
}

// Quadratic time would be minutes here, and a test that hangs.
TEST_CASE("a megabyte without a space") {
  for (char const* name : {"gpt2", "llama3", "o200k", "llama2", "bert", "words", "xlm_roberta"}) {
    auto const tokenizer = load(name);
    for (std::string_view unit : {"s", "A", " ", "\xE3\x81\x82", "<|end"}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      CHECK(tokenizer.encode(text).size() <= text.size() + 1);
    }
  }
}

namespace {

doctest::String message_of(std::string const& json) {
  try {
    json_tokenizer(json, "file.json");
  } catch (io_error const& e) {
    return e.what();
  }
  return "none";
}

std::string changed(std::string const& what, std::string const& with) {
  std::string json = io::read_file(file_of("bert"));
  std::size_t const at = json.find(what);
  REQUIRE(at != json.npos);
  return json.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("what is not understood is refused, with its place") {
  using doctest::Contains;
  CHECK(message_of("{}") == "file.json: byte 0: model: is missing");
  CHECK(message_of(changed("\"clean_text\":true", "\"clean_text\":1")) == Contains("normalizer.clean_text: true or false is expected"));
  CHECK(message_of(changed("\"lowercase\":true", "\"lowercase\":true,\"upper\":1")) == Contains("normalizer: the field 'upper' is not known"));
  CHECK(message_of(changed("\"BertNormalizer\"", "\"Other\"")) == Contains("normalizer.type: the normalizer 'Other' is not known"));
  CHECK(message_of(changed("\"BertPreTokenizer\"", "\"UnicodeScripts\"")) ==
        Contains("pre_tokenizer.type: the pre-tokenizer 'UnicodeScripts' is not supported"));
  CHECK(message_of(changed("{\"type\":\"BertPreTokenizer\"}", R"({"type":"Split","pattern":{"Regex":"(?<=a)b"},"behavior":"Isolated","invert":false})")) ==
        Contains("pre_tokenizer.pattern.Regex: pattern, character 1: this kind of group is not supported"));
  CHECK(message_of(changed("\"unk_token\":\"[UNK]\"", "\"unk_token\":\"none\"")) == Contains("model.unk_token: is not in the vocabulary"));
  CHECK(message_of(changed("\"[PAD]\":0", "\"[PAD]\":1")) == Contains("the id is there twice"));
  CHECK(message_of(changed("\"[PAD]\":0", "\"[PAD]\":-1")) == Contains("model.vocab.'[PAD]': the id is out of range"));
  CHECK(message_of(changed("\"id\":0", "\"id\":77")) == Contains("added_tokens[0].id: is not 0"));
  CHECK(message_of(changed("\"ids\":[2]", "\"ids\":[999999]")) == Contains("post_processor: the id 999999 of '[CLS]' is no token"));
  CHECK(message_of(changed("\"model\":{", "\"model\":{\"dropout\":0.1,")) == Contains("model: the field 'dropout' is not known"));
  CHECK(message_of(changed("\"version\":\"1.0\"", "\"version\":\"2.0\"")) == Contains("version: is not 1.0"));
}

TEST_CASE("files that are broken anywhere are refused, or read, but nothing else") {
  for (char const* name : {"llama2", "roberta", "bert", "xlm_roberta"}) {
    std::string const file = io::read_file(file_of(name));
    int refused = 0;
    for (std::size_t at = 3; at < file.size(); at += file.size() / 60) {
      std::string broken = file;
      broken[at] = static_cast<char>(broken[at] ^ 1 << at % 7);
      for (std::string const& json : {file.substr(0, at), broken}) {
        try {
          json_tokenizer const tokenizer(json, "file.json");
          (void)tokenizer.encode("the robot <s> \xF0\x9F\x98\x80");
        } catch (io_error const&) {
          ++refused;
        }
      }
    }
    CHECK(refused > 60);
  }
}
