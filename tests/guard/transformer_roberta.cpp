#include "guard/transformer_models.hpp"

TEST_CASE_TEMPLATE("roberta: hidden states and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_classifier<B, parapet::guard::roberta>("roberta_a");
  models::check_classifier<B, parapet::guard::roberta>("roberta_b");
}
