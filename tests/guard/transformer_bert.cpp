#include "guard/transformer_models.hpp"

TEST_CASE_TEMPLATE("bert: hidden states and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_classifier<B, parapet::guard::bert>("bert_a");
  models::check_classifier<B, parapet::guard::bert>("bert_b");
}
