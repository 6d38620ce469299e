#include "guard/transformer_gradients.hpp"

// Norms behind the branches, learned positions, token types, GELU, biases.
TEST_CASE_TEMPLATE("gradients of BERT are those of differences", B, TEST_BACKENDS) {
  CHECK(models::transformer_gradient_error<B, parapet::guard::bert>(
            R"({"model_type": "bert", "vocab_size": 5, "hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 2,
                "max_position_embeddings": 6})") < 1e-6);
}
