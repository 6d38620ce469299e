#include "guard/transformer_models.hpp"

TEST_CASE_TEMPLATE("llama3: hidden states and logits are those of transformers", B, TEST_BACKENDS) {
  models::check_against_transformers<B, parapet::guard::llama3>("llama3_a");
  models::check_against_transformers<B, parapet::guard::llama3>("llama3_b");
}
