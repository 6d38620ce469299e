#include "guard/transformer_rule.hpp"

#include <doctest/doctest.h>

using namespace parapet;

// All presets: bench_transformer_precision.
TEST_CASE("a classifier has the same labels with weights in bfloat16 and int8") {
  backend::cpu be(1);
  std::string const folder = "goldens/guard/transformers/bert_b";
  index_t const count = 2000;
  auto const labels = models::labels_of<guard::bert, float, true>(be, folder, models::texts::of_the_rule, count);
  std::vector<index_t> right;
  for (index_t k = 0; k < count; ++k) right.push_back(k % 2);
  CHECK(models::agreement(labels, right) > 0.97);  // it has learnt something
  CHECK(models::agreement(labels, models::labels_of<guard::bert, bfloat16, true>(be, folder, models::texts::of_the_rule, count)) >= 0.999);
  CHECK(models::agreement(labels, models::labels_of<guard::bert, std::int8_t, true>(be, folder, models::texts::of_the_rule, count)) >= 0.995);
}
