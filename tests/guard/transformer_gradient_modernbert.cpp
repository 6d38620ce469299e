#include "guard/transformer_gradients.hpp"

// Layer norm without a shift, no norm before the first attention, local blocks with positions of their own, GeGLU, fused tensors.
TEST_CASE_TEMPLATE("gradients of ModernBERT are those of differences", B, TEST_BACKENDS) {
  CHECK(models::transformer_gradient_error<B, parapet::guard::modernbert>(
            R"({"model_type": "modernbert", "vocab_size": 5, "hidden_size": 8, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 2,
                "local_attention": 2, "max_position_embeddings": 16})") < 1e-6);
}
