#include "guard/transformer_models.hpp"
#include "support/backends.hpp"

TEST_CASE_TEMPLATE("deberta_v3: hidden states and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_classifier<B, parapet::guard::deberta_v3>("deberta_v3_a");
  models::check_classifier<B, parapet::guard::deberta_v3>("deberta_v3_b");
}
