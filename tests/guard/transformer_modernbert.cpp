#include "guard/transformer_models.hpp"
#include "support/backends.hpp"

TEST_CASE_TEMPLATE("modernbert: hidden states and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_classifier<B, parapet::guard::modernbert>("modernbert_a");
  models::check_classifier<B, parapet::guard::modernbert>("modernbert_b");
}
