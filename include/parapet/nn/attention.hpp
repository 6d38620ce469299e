// Attention of a transformer over packed sequences: forward and backward, with everything that a mask may say.
//
//     attention_forward(be, heads, attention_reach::causal(), sequences, q, k, v, out, log_sum);
//     attention_backward(be, heads, attention_reach::causal(), sequences, q, k, v, out, log_sum, dout, dq, dk, dv);
//
// Activations of several sequences stand one after the other, without padding: q and out (tokens, heads head_dim), k and v (keys,
// kv_heads head_dim), rows may have a pitch (columns of a fused product). A row of the result is the same bits whatever else is in
// the batch, and for any number of threads. The equations are in backend/attention.hpp, the page is docs/transformer_layers.md.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/attention.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>

#include <span>

namespace parapet::inline PARAPET_ABI::nn {

using backend::attention_heads;
using backend::attention_pair;
using backend::attention_reach;
using backend::no_bias;
using backend::sequence;

namespace detail {

/// Throws argument_error unless [begin, end) lies in `rows` rows.
inline void check_rows(char const* what, index_t which, index_t begin, index_t end, index_t rows) {
  if (begin < 0 || begin > end || end > rows)
    throw argument_error(parapet::detail::concat("attention: sequence ", which, " has ", what, " [", begin, ", ", end, ") of ", rows, " rows"));
}

/// Throws argument_error for heads or sequences that cannot be.
inline void check_attention(attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences, index_t query_rows,
                            index_t key_rows) {
  using parapet::detail::concat;
  if (heads.kv_heads < 1 || heads.head_dim < 1 || heads.heads < 1 || heads.heads % heads.kv_heads != 0)
    throw argument_error(concat("attention: ", heads.heads, " heads of ", heads.head_dim, " over ", heads.kv_heads,
                                " key heads, expected a multiple and at least 1 of each"));
  if (heads.soft_cap < 0) throw argument_error(concat("attention: a soft cap of ", heads.soft_cap, ", expected at least 0"));
  if (reach.left < 0 || reach.right < 0)
    throw argument_error(concat("attention: a reach of ", reach.left, " to the left and ", reach.right, " to the right, expected at least 0"));
  for (index_t which = 0; sequence const& s : sequences) {
    check_rows("queries", which, s.queries_begin, s.queries_end, query_rows);
    check_rows("keys", which, s.keys_begin, s.keys_end, key_rows);
    check_rows("a prefix", which, s.prefix_begin, s.prefix_end, key_rows);
    if (s.queries() > s.keys())
      throw argument_error(concat("attention: sequence ", which, " has ", s.queries(), " queries and ", s.keys(),
                                  " keys: its queries are the last of its keys"));
    if (s.tree != nullptr && (s.tree_nodes < 0 || s.tree_nodes > backend::most_tree_nodes || s.tree_nodes > s.queries()))
      throw argument_error(concat("attention: sequence ", which, " has a tree of ", s.tree_nodes, " nodes, expected at most 64, and at most its ",
                                  s.queries(), " queries"));
    if (s.tree != nullptr && reach.right != 0) throw argument_error(concat("attention: sequence ", which, " has a tree, whose reach must be causal"));
    for (index_t t = 0; s.tree != nullptr && t + 1 < s.tree_nodes; ++t)
      if (s.tree[t] >> (t + 1) != 0) throw argument_error(concat("attention: sequence ", which, ": node ", t, " of the tree sees a node after it"));
    ++which;
  }
}

template <class Space, class Q, class K>
void check_attention_shapes(attention_heads const& heads, matrix_view<Q const, Space> const& q, matrix_view<K const, Space> const& k,
                            matrix_view<K const, Space> const& v) {
  check_shape("attention: q", q.shape(), extents{q.extent(0), heads.heads * heads.head_dim});
  check_shape("attention: k", k.shape(), extents{k.extent(0), heads.kv_heads * heads.head_dim});
  check_shape("attention: v", v.shape(), k.shape());
}

/// Heads are read as rows of consecutive elements.
template <class... Views>
void check_unit_columns(Views const&... views) {
  if (((views.stride(1) != 1 && views.extent(1) > 1) || ...)) throw shape_error("attention: the elements of a row must be consecutive");
}

}  // namespace detail

/// out (tokens, heads head_dim) = attention of q (tokens, heads head_dim) to k and v (keys, kv_heads head_dim), for the rows that
/// `sequences` names; keeps log_sum (tokens, heads) for the backward pass unless it is empty. A row that sees no key becomes 0.
/// k and v may be of another element type, which converts to T. Throws shape_error, argument_error.
template <class Backend, class T, class Key, class Space, class Bias = no_bias>
void attention_forward(Backend& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
                       input<T, 2, Space> const& q, matrix_view<Key, Space> const& k, input<Key, 2, Space> const& v,
                       matrix_view<T, Space> const& out, output<T, 2, Space> const& log_sum = {}, Bias const& bias = {}) {
  detail::check_attention(heads, reach, sequences, q.extent(0), k.extent(0));
  detail::check_attention_shapes(heads, q, input<Key, 2, Space>(k), v);
  check_shape("attention: output", out.shape(), q.shape());
  if (!log_sum.empty()) check_shape("attention: log_sum", log_sum.shape(), extents{q.extent(0), heads.heads});
  detail::check_unit_columns(q, k, v, out);
  using backend::attend;  // the generic one, for a backend of another namespace
  attend(be, heads, reach, sequences, q, input<Key, 2, Space>(k), v, out, log_sum, bias);
}

/// dq, dk, dv (shapes of q, k, v) from dout (shape of out) and what the forward pass left in `out` and log_sum. dq is written at the
/// rows of the queries; dk and dv are written whole: sums over the heads and sequences that share a key. Throws as forward.
template <class Backend, class T, class Space, class Bias = no_bias>
void attention_backward(Backend& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
                        input<T, 2, Space> const& q, input<T, 2, Space> const& k, input<T, 2, Space> const& v,
                        input<T, 2, Space> const& out, input<T, 2, Space> const& log_sum, input<T, 2, Space> const& dout,
                        matrix_view<T, Space> const& dq, output<T, 2, Space> const& dk, output<T, 2, Space> const& dv,
                        Bias const& bias = {}) {
  detail::check_attention(heads, reach, sequences, q.extent(0), k.extent(0));
  detail::check_attention_shapes(heads, q, k, v);
  check_shape("attention: output", out.shape(), q.shape());
  check_shape("attention: log_sum", log_sum.shape(), extents{q.extent(0), heads.heads});
  check_shape("attention: gradient of the output", dout.shape(), q.shape());
  check_shape("attention: gradient of q", dq.shape(), q.shape());
  check_shape("attention: gradient of k", dk.shape(), k.shape());
  check_shape("attention: gradient of v", dv.shape(), v.shape());
  detail::check_unit_columns(q, k, v, out, dout, dq, dk, dv);
  using backend::attend_backward;
  attend_backward(be, heads, reach, sequences, q, k, v, out, log_sum, dout, dq, dk, dv, bias);
}

}  // namespace parapet::inline PARAPET_ABI::nn
