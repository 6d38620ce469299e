// Disentangled attention of DeBERTa: scores of what tokens are, plus scores of what they are with how far they are apart.
//
//     s(i, j) = (q_i . k_j + q_i . pk_r + k_j . pq_r) / sqrt(3 head_dim),   r = row(i - j)
//
// pk and pq (2 buckets, heads head_dim) are the key and query projections of a table of relative positions, which all layers share.
// Distances below buckets / 2 have rows of their own, longer ones share by the logarithm. He, Gao, Chen, "DeBERTaV3" (2023); He et
// al., "DeBERTa" (2021), equations 4 to 6, with the content-to-position and position-to-content terms.
//
// q_i . pk_r and k_j . pq_r are products of matrices, for the rows that the batch can reach; attention adds them up as a bias. On the
// CPU in floats a row of the result is the same bits whatever else is in the batch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/attention.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>
#include <parapet/nn/attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

/// Which row of the table a distance has; configuration keys position_buckets and max_relative_positions (or, where that is
/// below 1, max_position_embeddings).
struct relative_buckets {
  index_t buckets = 256;       ///< to each side
  index_t max_distance = 512;  ///< the last bucket begins below it

  /// Bucket of a distance of at least 0: itself at first, then by the logarithm, rounded up; beyond max_distance past `buckets`.
  index_t bucket(index_t distance) const {
    index_t const middle = buckets / 2;
    if (distance <= middle) return distance;
    double const m = static_cast<double>(middle);
    return middle + static_cast<index_t>(std::ceil(std::log(static_cast<double>(distance) / m) / std::log(static_cast<double>(max_distance - 1) / m) * (m - 1)));
  }
  /// Row of the distance query - key, cut to the table.
  index_t row(index_t distance) const {
    index_t const signed_bucket = distance < 0 ? -bucket(-distance) : bucket(distance);
    return std::clamp(signed_bucket + buckets, index_t{0}, 2 * buckets - 1);
  }
};

/// The two position terms as a bias: products with positions, (rows of q or k, heads columns), picked by distance.
template <class T, class Space>
struct disentangled_bias {
  vector_view<std::int32_t const, Space> row;  ///< of distance + `zero`
  index_t zero, first_row, columns;
  T scale;
  matrix_view<T const, Space> by_query, by_key;
  matrix_view<T, Space> dby_query, dby_key;  ///< gradients, for the backward pass

  PARAPET_FN T operator()(attention_pair const& p) const { return scale * (by_query(p.query, at(p)) + by_key(p.key, at(p))); }
  PARAPET_FN void gradient_of_query(attention_pair const& p, T ds) const { dby_query(p.query, at(p)) += scale * ds; }
  PARAPET_FN void gradient_of_key(attention_pair const& p, T ds) const { dby_key(p.key, at(p)) += scale * ds; }

  /// score[j stride] += the bias of `first` and of the `count` - 1 keys in the rows behind its key, each one nearer to the query.
  void add_to_keys(attention_pair const& first, index_t count, T* score, index_t stride) const {
    std::int32_t const* const r = row.data() + zero + first.distance;
    T const *const q = by_query.data() + first.query * by_query.stride(0) + first.head * columns,
            *const k = by_key.data() + first.key * by_key.stride(0) + first.head * columns;
    for (index_t j = 0; j < count; ++j) score[j * stride] += scale * (q[r[-j] - first_row] + k[j * by_key.stride(0) + r[-j] - first_row]);
  }

private:
  PARAPET_FN index_t at(attention_pair const& p) const { return p.head * columns + row[p.distance + zero] - first_row; }
};

/// Attention of one configuration for sequences up to a longest one.
template <class T, class Space = host_space>
class disentangled_attention {
public:
  /// Products of queries and of keys with positions: (tokens, heads columns) each, in vectors that hold `size` elements.
  struct workspace {
    vector_view<T, Space> by_query, by_key;
  };

  disentangled_attention() = default;
  /// `heads` without shared key heads; its scale is set here. Throws argument_error.
  template <class Backend>
  disentangled_attention(Backend& be, attention_heads const& heads, relative_buckets const& buckets, index_t longest)
      : heads_(heads), buckets_(buckets), longest_(longest) {
    if (heads.heads != heads.kv_heads || longest < 1 || buckets.buckets < 2 || buckets.max_distance - 1 <= buckets.buckets / 2)
      throw argument_error(parapet::detail::concat("disentangled_attention: ", heads.heads, " heads over ", heads.kv_heads, " key heads, ", buckets.buckets,
                                                   " buckets to a distance of ", buckets.max_distance, ", sequences up to ", longest));
    heads_.scale = 1 / std::sqrt(3 * static_cast<double>(heads.head_dim));
    buffer<std::int32_t> host(2 * longest - 1);
    for (index_t i = 0; i < host.size(); ++i) host.data()[i] = static_cast<std::int32_t>(buckets.row(i - longest + 1));
    rows_ = buffer<std::int32_t, Space>(host.size());
    copy(be, vector_view<std::int32_t const>(host.view()), rows_.view());
    synchronize(be);
  }

  /// Elements of each vector of a workspace for `tokens` rows in sequences of at most `longest` keys.
  index_t workspace_size(index_t tokens, index_t longest) const { return tokens * heads_.heads * reached(longest).columns(); }

  /// out (tokens, heads head_dim) from q, k, v of that shape and the projected positions (2 buckets, heads head_dim). Keeps log_sum
  /// (tokens, heads) unless it is empty, and the workspace for the backward pass. Throws shape_error, argument_error.
  template <class Backend>
  void forward(Backend& be, std::span<sequence const> sequences, input<T, 2, Space> const& q, input<T, 2, Space> const& k, input<T, 2, Space> const& v,
               input<T, 2, Space> const& position_keys, input<T, 2, Space> const& position_queries, workspace const& memory,
               output<T, 2, Space> const& out, output<T, 2, Space> const& log_sum = {}) const {
    rows_range const rows = check(sequences, q, k, position_keys, position_queries, memory);
    auto const by_query = as_matrix(memory.by_query, q.extent(0), rows), by_key = as_matrix(memory.by_key, k.extent(0), rows);
    for_each_shard(be, heads_.heads, [&](auto& worker, index_t h) {
      multiply_transposed(worker, head(q, h), head(position_keys, h).rows(rows.begin, rows.end), columns(by_query, h, rows));
      multiply_transposed(worker, head(k, h), head(position_queries, h).rows(rows.begin, rows.end), columns(by_key, h, rows));
    });
    attention_forward(be, heads_, attention_reach::full(), sequences, q, k, v, out, log_sum, bias(rows, by_query, by_key, {}, {}));
  }

  /// All gradients, written whole but for rows of dq that are no queries; `memory` as the forward pass left it, `gradients` of the same size.
  template <class Backend>
  void backward(Backend& be, std::span<sequence const> sequences, input<T, 2, Space> const& q, input<T, 2, Space> const& k, input<T, 2, Space> const& v,
                input<T, 2, Space> const& position_keys, input<T, 2, Space> const& position_queries, workspace const& memory, workspace const& gradients,
                input<T, 2, Space> const& out, input<T, 2, Space> const& log_sum, input<T, 2, Space> const& dout, output<T, 2, Space> const& dq,
                output<T, 2, Space> const& dk, output<T, 2, Space> const& dv, output<T, 2, Space> const& dposition_keys,
                output<T, 2, Space> const& dposition_queries) const {
    rows_range const rows = check(sequences, q, k, position_keys, position_queries, memory);
    check(sequences, q, k, dposition_keys, dposition_queries, gradients);
    auto const by_query = as_matrix(memory.by_query, q.extent(0), rows), by_key = as_matrix(memory.by_key, k.extent(0), rows);
    auto const dby_query = as_matrix(gradients.by_query, q.extent(0), rows), dby_key = as_matrix(gradients.by_key, k.extent(0), rows);
    for (auto const& x : {dby_query, dby_key, dposition_keys, dposition_queries}) fill(be, x, T(0));
    attention_backward(be, heads_, attention_reach::full(), sequences, q, k, v, out, log_sum, dout, dq, dk, dv,
                       bias(rows, by_query, by_key, dby_query, dby_key));
    for_each_shard(be, heads_.heads, [&](auto& worker, index_t h) {
      auto const scores = [&](auto const& x) { return columns(input<T, 2, Space>(x), h, rows); };
      gemm(worker, scores(dby_query), head(position_keys, h).rows(rows.begin, rows.end), head(dq, h), true);
      gemm(worker, scores(dby_key), head(position_queries, h).rows(rows.begin, rows.end), head(dk, h), true);
      gemm(worker, transposed(scores(dby_query)), head(q, h), head(dposition_keys, h).rows(rows.begin, rows.end), true);
      gemm(worker, transposed(scores(dby_key)), head(k, h), head(dposition_queries, h).rows(rows.begin, rows.end), true);
    });
  }

private:
  /// Rows of the table that a batch reaches.
  struct rows_range {
    index_t begin, end;
    index_t columns() const { return end - begin; }
  };
  rows_range reached(index_t longest) const { return {buckets_.row(1 - longest), buckets_.row(longest - 1) + 1}; }

  rows_range check(std::span<sequence const> sequences, input<T, 2, Space> const& q, input<T, 2, Space> const& k, input<T, 2, Space> const& position_keys,
                   input<T, 2, Space> const& position_queries, workspace const& memory) const {
    extents<2> const table{{2 * buckets_.buckets, heads_.heads * heads_.head_dim}};
    check_shape("disentangled_attention: q", q.shape(), extents{q.extent(0), table[1]});
    check_shape("disentangled_attention: k", k.shape(), extents{k.extent(0), table[1]});
    check_shape("disentangled_attention: position keys", position_keys.shape(), table);
    check_shape("disentangled_attention: position queries", position_queries.shape(), table);
    index_t longest = 1;
    for (sequence const& s : sequences) longest = std::max(longest, s.keys());
    if (longest > longest_)
      throw argument_error(parapet::detail::concat("disentangled_attention: a sequence of ", longest, " keys, expected at most ", longest_));
    check_size(memory.by_query, workspace_size(q.extent(0), longest));
    check_size(memory.by_key, workspace_size(k.extent(0), longest));
    return reached(longest);
  }

  static void check_size(vector_view<T, Space> const& given, index_t wanted) {
    if (given.extent(0) < wanted)
      throw shape_error(parapet::detail::concat("disentangled_attention: a workspace of ", given.extent(0), " elements, expected at least ", wanted));
  }

  template <class View>
  View head(View const& x, index_t h) const { return x.columns(h * heads_.head_dim, (h + 1) * heads_.head_dim); }
  template <class View>
  static View columns(View const& x, index_t h, rows_range const& rows) { return x.columns(h * rows.columns(), (h + 1) * rows.columns()); }
  matrix_view<T, Space> as_matrix(vector_view<T, Space> const& memory, index_t tokens, rows_range const& rows) const {
    return {memory.data(), extents{tokens, heads_.heads * rows.columns()}};
  }
  disentangled_bias<T, Space> bias(rows_range const& rows, input<T, 2, Space> const& by_query, input<T, 2, Space> const& by_key,
                                   output<T, 2, Space> const& dby_query, output<T, 2, Space> const& dby_key) const {
    return {rows_.view(), longest_ - 1, rows.begin, rows.columns(), static_cast<T>(heads_.scale), by_query, by_key, dby_query, dby_key};
  }

  /// y = x w': by the product whose rows have the same bits in any batch, where there is one of the type.
  template <class Worker>
  static void multiply_transposed(Worker& be, input<T, 2, Space> const& x, input<T, 2, Space> const& w, matrix_view<T, Space> const& y) {
    if constexpr (std::is_same_v<T, float>) {
      using backend::project;
      project(be, x, w, y);
    } else {
      gemm(be, x, transposed(w), y);
    }
  }

  attention_heads heads_{};
  relative_buckets buckets_;
  index_t longest_ = 0;
  buffer<std::int32_t, Space> rows_;  // of distance + longest - 1
};

}  // namespace parapet::inline PARAPET_ABI::nn
