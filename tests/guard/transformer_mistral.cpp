#include "guard/transformer_models.hpp"
#include "support/backends.hpp"

TEST_CASE_TEMPLATE("mistral: hidden states and logits are those of transformers", B, TEST_BACKENDS) {
  models::check_against_transformers<B, parapet::guard::mistral>("mistral_a");
  models::check_against_transformers<B, parapet::guard::mistral>("mistral_b");
}
