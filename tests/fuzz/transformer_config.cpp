// The config.json of a transformer. What is accepted has sizes that a layer can have.
#include "fuzz/target.hpp"

#include <parapet/guard/transformer_config.hpp>

FUZZ_TARGET(transformer_config) {
  auto const config = parapet::guard::parse_transformer_config(fuzz::text_of(bytes), "fuzz");
  fuzz::require(config.hidden > 0 && config.layers > 0 && config.vocabulary > 0);
  fuzz::require(config.max_positions > 0 && static_cast<parapet::index_t>(config.local.size()) <= config.layers);
  fuzz::require(config.heads > 0 && config.kv_heads > 0 && config.heads % config.kv_heads == 0 && config.head_dim > 0);
}
