#include "guard/transformer_gradients.hpp"
#include "support/backends.hpp"

// Grouped queries, norms of heads, a window in the second block, RMS norm, SwiGLU.
TEST_CASE_TEMPLATE("gradients of a decoder are those of differences", B, TEST_BACKENDS) {
  CHECK(models::transformer_gradient_error<B, parapet::guard::qwen3>(
            R"({"model_type": "qwen3", "vocab_size": 5, "hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 2, "head_dim": 4, "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1,
                "attention_bias": true})") < 1e-6);
}
