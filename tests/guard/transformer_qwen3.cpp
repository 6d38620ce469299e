#include "guard/transformer_models.hpp"

TEST_CASE_TEMPLATE("qwen3: hidden states, logits and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_against_transformers<B, parapet::guard::qwen3>("qwen3_a");
  models::check_classifier<B, parapet::guard::qwen3>("qwen3_b");
}
