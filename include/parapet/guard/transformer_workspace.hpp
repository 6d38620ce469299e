// The memory of a transformer's passes, planned once for a largest number of tokens.
//
// For inference all blocks work in the memory of one. For training each block keeps what its backward pass reads:
//
//     input --norm--> normed --> query, key, value --attention--> attended --> middle --norm--> mlp_normed --> gate, up --> product
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/nn/parameters.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// What one block writes, rows for the largest number of tokens. Views that a block does not need are those of another.
template <class Norm, class T, class Space>
struct block_workspace {
  using matrix = matrix_view<T, Space>;
  matrix input, normed;                // (tokens, hidden)
  matrix query, key, value, attended;  // (tokens, width), (tokens, kv_width) twice, (tokens, width)
  matrix plain_query, plain_key;       // before the norms of heads
  matrix log_sum;                      // (tokens, heads), for training
  matrix middle, mlp_normed;           // (tokens, hidden)
  matrix gate, up, product;            // (tokens, intermediate)
  typename Norm::template kept<T, Space> attention_norm, mlp_norm;
  vector_view<T, Space> query_inverse, key_inverse;  // (tokens heads), (tokens kv_heads): of the norms of heads
  matrix position_key, position_query;               // (2 buckets, width): relative positions in this block
  vector_view<T, Space> by_query, by_key;            // as nn::disentangled_attention has them

  /// The first n rows of everything.
  block_workspace rows(index_t n, transformer_config const& c) const {
    auto const part = [n](matrix const& m) { return m.shape()[0] == 0 ? m : m.rows(0, n); };
    auto const heads = [n](vector_view<T, Space> const& v, index_t per_token) { return v.extent(0) == 0 ? v : v.rows(0, n * per_token); };
    return {part(input),   part(normed),      part(query),    part(key),       part(value),          part(attended),   part(plain_query),
            part(plain_key), part(log_sum),   part(middle),   part(mlp_normed), part(gate),           part(up),         part(product),
            attention_norm.rows(n), mlp_norm.rows(n), heads(query_inverse, c.heads), heads(key_inverse, c.kv_heads),
            position_key,   position_query,   by_query,      by_key};
  }
};

template <class Norm, class T, class Space>
struct transformer_workspace {
  index_t tokens = 0;
  nn::mode keep = nn::mode::inference;
  std::vector<block_workspace<Norm, T, Space>> blocks;  // one for inference
  matrix_view<T, Space> embedded;                       // (tokens, hidden), before the norm of the embedding
  matrix_view<T, Space> state, branch, output;          // (tokens, hidden): behind the last block, of a branch, the result
  typename Norm::template kept<T, Space> embedding_norm, final_norm, relative_norm;
  matrix_view<T, Space> relative;                       // (2 buckets, hidden), behind its norm

  block_workspace<Norm, T, Space> const& block(index_t l) const {
    return blocks[keep == nn::mode::training ? static_cast<std::size_t>(l) : 0];
  }
  /// Where block l finds its input, and block l - 1 leaves its output.
  matrix_view<T, Space> const& input(index_t l) const {
    return keep == nn::mode::training && l < static_cast<index_t>(blocks.size()) ? block(l).input : state;
  }
};

/// Takes the memory of passes over up to `tokens` tokens. With relative positions: `relative_size` numbers for each of the two vectors of
/// nn::disentangled_attention, and rows for the positions of every block with `relative_rows`.
template <class Architecture, class T, class Space>
transformer_workspace<typename Architecture::norm, T, Space> make_transformer_workspace(arena<Space>& memory, transformer_config const& c, index_t tokens,
                                                                                        nn::mode keep, index_t relative_size = 0,
                                                                                        bool relative_rows = false) {
  using norm = typename Architecture::norm;
  bool const training = keep == nn::mode::training;
  auto const matrix = [&](index_t columns) { return memory.template take<T>(extents{tokens, columns}); };
  auto const kept = [&] { return norm::template make_kept<T>(memory, tokens, c.hidden); };
  transformer_workspace<norm, T, Space> w;
  w.tokens = tokens;
  w.keep = keep;
  w.state = matrix(c.hidden);
  w.branch = matrix(c.hidden);
  w.output = matrix(c.hidden);
  w.embedded = training ? matrix(c.hidden) : w.state;
  w.embedding_norm = kept();
  w.final_norm = training ? kept() : w.embedding_norm;
  if (relative_rows) {
    w.relative = memory.template take<T>(extents{2 * c.position_buckets, c.hidden});
    w.relative_norm = norm::template make_kept<T>(memory, 2 * c.position_buckets, c.hidden);
  }
  for (index_t l = 0; l < (training ? c.layers : std::min<index_t>(c.layers, 1)); ++l) {
    block_workspace<norm, T, Space> b;
    b.input = training ? matrix(c.hidden) : w.state;
    b.middle = training ? matrix(c.hidden) : w.state;
    b.normed = matrix(c.hidden);
    b.mlp_normed = training ? matrix(c.hidden) : b.normed;
    b.query = matrix(c.width());
    b.key = matrix(c.kv_width());
    b.value = matrix(c.kv_width());
    b.attended = matrix(c.width());
    b.plain_query = training && Architecture::head_norms ? matrix(c.width()) : b.query;
    b.plain_key = training && Architecture::head_norms ? matrix(c.kv_width()) : b.key;
    if (Architecture::gated) b.gate = matrix(c.intermediate);
    b.up = matrix(c.intermediate);
    b.product = training ? matrix(c.intermediate) : b.up;
    b.attention_norm = training ? kept() : w.embedding_norm;
    b.mlp_norm = training ? kept() : w.embedding_norm;
    if (training) b.log_sum = matrix(c.heads);
    if (Architecture::head_norms) {
      b.query_inverse = memory.template take<T>(extents{tokens * c.heads});
      b.key_inverse = memory.template take<T>(extents{tokens * c.kv_heads});
    }
    if (relative_rows) {
      b.position_key = memory.template take<T>(extents{2 * c.position_buckets, c.width()});
      b.position_query = memory.template take<T>(extents{2 * c.position_buckets, c.width()});
    }
    if (relative_size > 0) {
      b.by_query = memory.template take<T>(extents{relative_size});
      b.by_key = memory.template take<T>(extents{relative_size});
    }
    w.blocks.push_back(b);
  }
  return w;
}

}  // namespace parapet::inline PARAPET_ABI::guard
