// How often a model gives the same label with its weights in bfloat16 and int8 as in float: every preset, two small models each.
//
//     bench_transformer_precision [texts] [folder]     from the root of the repository
//
// The models are those of tests/goldens/guard/transformers, which have learnt a rule. Texts are such as they were trained on, and,
// as a hard case, words at random, where a label says nothing and margins are as small as they come.
#include "../guard/transformer_rule.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace parapet;

template <class Architecture, bool is_classifier>
void compare(std::string const& folder, char const* name, index_t count) {
  backend::cpu be(1);
  std::string const path = folder + '/' + name;
  std::printf("%-14s", name);
  for (auto const kind : {models::texts::of_the_rule, models::texts::of_any_words}) {
    auto const expected = models::labels_of<Architecture, float, is_classifier>(be, path, kind, count);
    auto const half = models::labels_of<Architecture, bfloat16, is_classifier>(be, path, kind, count);
    auto const byte = models::labels_of<Architecture, std::int8_t, is_classifier>(be, path, kind, count);
    std::printf("   bf16 %7.3f %%  int8 %7.3f %%", 100 * models::agreement(expected, half), 100 * models::agreement(expected, byte));
  }
  std::printf("\n");
}

}  // namespace

int main(int arguments, char** argument) {
  index_t const count = arguments > 1 ? std::atoll(argument[1]) : 5000;
  std::string const folder = arguments > 2 ? argument[2] : "tests/goldens/guard/transformers";
  std::printf("%-14s   texts of the rule               words at random\n", "model");
  compare<guard::mistral, false>(folder, "mistral_a", count);
  compare<guard::mistral, false>(folder, "mistral_b", count);
  compare<guard::llama3, false>(folder, "llama3_a", count);
  compare<guard::llama3, false>(folder, "llama3_b", count);
  compare<guard::qwen3, false>(folder, "qwen3_a", count);
  compare<guard::qwen3, true>(folder, "qwen3_b", count);
  compare<guard::bert, true>(folder, "bert_a", count);
  compare<guard::bert, true>(folder, "bert_b", count);
  compare<guard::distilbert, true>(folder, "distilbert_a", count);
  compare<guard::distilbert, true>(folder, "distilbert_b", count);
  compare<guard::roberta, true>(folder, "roberta_a", count);
  compare<guard::roberta, true>(folder, "roberta_b", count);
  compare<guard::deberta_v3, true>(folder, "deberta_v3_a", count);
  compare<guard::deberta_v3, true>(folder, "deberta_v3_b", count);
  compare<guard::modernbert, true>(folder, "modernbert_a", count);
  compare<guard::modernbert, true>(folder, "modernbert_b", count);
}
