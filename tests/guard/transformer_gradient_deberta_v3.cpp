#include "guard/transformer_gradients.hpp"

// Relative positions, whose table goes through the projections of every block.
TEST_CASE_TEMPLATE("gradients of DeBERTa are those of differences", B, TEST_BACKENDS) {
  CHECK(models::transformer_gradient_error<B, parapet::guard::deberta_v3>(
            R"({"model_type": "deberta-v2", "vocab_size": 5, "hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 2, "num_attention_heads": 2,
                "max_position_embeddings": 8, "relative_attention": true, "position_buckets": 2, "norm_rel_ebd": "layer_norm", "share_att_key": true,
                "pos_att_type": "p2c|c2p", "position_biased_input": false, "type_vocab_size": 0})") < 1e-6);
}
