// expect: a moderator must provide 'void classify(std::span<guard::exchange const>, std::span<guard::verdict>)'
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/guard/windowed_moderator.hpp>

using namespace parapet;

struct rule {
  guard::verdict classify(guard::exchange const&) { return {}; }
#ifndef MISTAKE
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
#endif
};

guard::verdict read(rule& model, guard::json_tokenizer const& tokenizer) {
  guard::windowed_moderator reader(model, tokenizer);
  return reader.classify({.prompt = "What is for dinner?"});
}
