#include "guard/transformer_models.hpp"

TEST_CASE_TEMPLATE("distilbert: hidden states and labels are those of transformers", B, TEST_BACKENDS) {
  models::check_classifier<B, parapet::guard::distilbert>("distilbert_a");
  models::check_classifier<B, parapet::guard::distilbert>("distilbert_b");
}
