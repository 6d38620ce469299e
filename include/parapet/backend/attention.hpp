// Attention over packed sequences, written once on the waist: correct on every backend, fast on none.
//
//     s(i, j) = scale q_i . k_j, softly capped, + bias(i, j)     for the keys j that query i sees
//     out_i   = sum_j p(i, j) v_j,   p(i, j) = exp(s(i, j) - l_i),   l_i = log sum_j exp(s(i, j))
//     ds(i, j) = p(i, j) (dout_i . v_j - dout_i . out_i)          the backward pass, from l alone
//
// Vaswani et al., "Attention is all you need" (2017); grouped heads: Ainslie et al., "GQA" (2023); the backward pass that keeps
// one number per row: Dao et al., "FlashAttention" (2022). A backend overloads attend and attend_backward
// (backend/cpu/attention.hpp); callers go through nn/attention.hpp, which checks.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

#include <cstdint>
#include <span>

namespace parapet::inline PARAPET_ABI::backend {

/// Heads of one attention layer: kv_heads divides heads, and head h reads keys and values of head h / (heads / kv_heads).
struct attention_heads {
  index_t heads, kv_heads, head_dim;
  double scale = 0;     ///< of q . k; 0 stands for 1 / sqrt(head_dim)
  double soft_cap = 0;  ///< s becomes cap tanh(s / cap), as in Gemma 2; 0: no cap

  index_t group() const { return heads / kv_heads; }
  double applied_scale() const { return scale != 0 ? scale : 1 / math::sqrt(static_cast<double>(head_dim)); }
};

/// A query at position i sees the keys at positions i - left .. i + right.
struct attention_reach {
  static constexpr index_t unlimited = index_t{1} << 62;
  index_t left = unlimited, right = unlimited;

  static constexpr attention_reach full() { return {}; }
  static constexpr attention_reach causal() { return {unlimited, 0}; }
  /// The query itself and the window - 1 tokens before it, as `sliding_window` in Mistral's configuration.
  static constexpr attention_reach sliding(index_t window) { return {window - 1, 0}; }
  /// `width` / 2 tokens to each side, as `local_attention` in ModernBERT's configuration.
  static constexpr attention_reach local(index_t width) { return {width / 2, width / 2}; }
};

inline constexpr index_t most_tree_nodes = 64;

/// One sequence of a packed batch, a description in host memory. Its keys are the rows [prefix_begin, prefix_end) of k and v, which
/// other sequences may share, followed by the rows [keys_begin, keys_end); its queries are rows of q, and are the last of those positions.
///
/// With a tree the last `tree_nodes` queries are nodes: bit u of tree[t] says that node t sees node u (an ancestor, or itself).
/// Nodes see the keys before the tree as usual; the position of a node is its depth, the number of its ancestors. The reach is causal.
struct sequence {
  index_t queries_begin, queries_end, keys_begin, keys_end;
  std::uint64_t const* tree = nullptr;
  index_t tree_nodes = 0;
  index_t prefix_begin = 0, prefix_end = 0;

  index_t queries() const { return queries_end - queries_begin; }
  index_t prefix() const { return prefix_end - prefix_begin; }
  index_t keys() const { return prefix() + keys_end - keys_begin; }  ///< all of them
};

/// A query that sees a key: rows of q and of k, and position of the query less that of the key. What a bias is asked for.
struct attention_pair {
  index_t head, query, key, distance;
};

/// A bias is added to the score of a pair; in the backward pass it gets the gradient of that score twice: from the thread that has this
/// query and head to itself, and from the one that has this key and key head. It is a small struct that holds views.
struct no_bias {
  PARAPET_FN float operator()(attention_pair const&) const { return 0; }
  template <class T>
  PARAPET_FN void gradient_of_query(attention_pair const&, T) const {}
  template <class T>
  PARAPET_FN void gradient_of_key(attention_pair const&, T) const {}
};

namespace reference {

/// Who sees whom in one sequence; queries and keys count from its first.
struct attention_mask {
  index_t queries_begin, keys_begin, prefix_begin, prefix;
  index_t queries, keys, nodes;
  attention_reach reach;
  std::uint64_t tree[most_tree_nodes];
  std::uint8_t depth[most_tree_nodes];

  attention_mask() = default;
  attention_mask(sequence const& s, attention_reach const& seen)
      : queries_begin(s.queries_begin), keys_begin(s.keys_begin), prefix_begin(s.prefix_begin), prefix(s.prefix()), queries(s.queries()),
        keys(s.keys()), nodes(s.tree != nullptr ? s.tree_nodes : 0), reach(seen) {
    for (index_t t = 0; t < nodes; ++t) {
      tree[t] = s.tree[t] & ~std::uint64_t{0} >> (most_tree_nodes - nodes);
      depth[t] = 0;
      for (std::uint64_t above = tree[t] & ~(std::uint64_t{1} << t); above != 0; above &= above - 1) ++depth[t];
    }
  }

  PARAPET_FN index_t key_row(index_t key) const { return key < prefix ? prefix_begin + key : keys_begin + key - prefix; }
  /// Key that has the position of a query.
  PARAPET_FN index_t own_key(index_t query) const { return keys - queries + query; }
  PARAPET_FN index_t position(index_t key) const {
    index_t const before = keys - nodes;
    return key < before ? key : before + depth[key - before];
  }

  /// Keys outside of [first_key, end_key) are not seen.
  PARAPET_FN index_t first_key(index_t query) const {
    index_t const first = position(own_key(query)) - reach.left;
    return first < 0 ? 0 : first;
  }
  PARAPET_FN index_t end_key(index_t query) const {
    index_t const end = own_key(query) + 1;
    return reach.right < keys - end ? end + reach.right : keys;  // a node's position is at most its key
  }
  PARAPET_FN bool sees(index_t query, index_t key) const {
    index_t const own = own_key(query), before = keys - nodes, distance = position(own) - position(key);
    if (distance > reach.left || -distance > reach.right) return false;
    return key < before || (own >= before && (tree[own - before] >> (key - before) & 1) != 0);
  }
  PARAPET_FN attention_pair pair(index_t head, index_t query, index_t key) const {
    return {head, queries_begin + query, key_row(key), position(own_key(query)) - position(key)};
  }
};

/// Scores of one sequence.
template <class T, class Key, class Space, class Bias>
struct attention_scores {
  attention_mask mask;
  index_t group, head_dim;
  T scale, cap;
  matrix_view<T const, Space> q;    // (tokens, heads head_dim)
  matrix_view<Key const, Space> k;  // (keys, kv_heads head_dim)
  Bias bias;

  /// scale q . k after the cap, and its slope by q . k.
  PARAPET_FN T product(index_t head, index_t query, index_t key, T& slope) const {
    T const* const a = &q(mask.queries_begin + query, head * head_dim);
    Key const* const b = &k(mask.key_row(key), head / group * head_dim);
    T s = 0;
    for (index_t t = 0; t < head_dim; ++t) s += a[t] * static_cast<T>(b[t]);
    s *= scale;
    slope = scale;
    if (cap != T(0)) {
      T const bent = math::tanh(s / cap);
      slope *= T(1) - bent * bent;
      s = cap * bent;
    }
    return s;
  }
  PARAPET_FN T operator()(index_t head, index_t query, index_t key, T& slope) const {
    return product(head, query, key, slope) + static_cast<T>(bias(mask.pair(head, query, key)));
  }
};

template <class T, class Key, class Space, class Bias>
struct attention_row {
  attention_scores<T, Key, Space, Bias> score;
  matrix_view<Key const, Space> v;
  matrix_view<T, Space> out, log_sum;

  PARAPET_FN void operator()(index_t query, index_t head) const {
    attention_mask const& mask = score.mask;
    index_t const d = score.head_dim, begin = mask.first_key(query), end = mask.end_key(query), row = mask.queries_begin + query;
    T* const o = &out(row, head * d);
    T highest = -math::infinity<T>, total = 0, slope;
    for (index_t t = 0; t < d; ++t) o[t] = 0;
    for (index_t j = begin; j < end; ++j)
      if (mask.sees(query, j)) highest = math::max(highest, score(head, query, j, slope));
    for (index_t j = begin; j < end; ++j) {
      if (!mask.sees(query, j)) continue;
      T const p = math::exp(score(head, query, j, slope) - highest);
      Key const* const value = &v(mask.key_row(j), head / score.group * d);
      total += p;
      for (index_t t = 0; t < d; ++t) o[t] += p * static_cast<T>(value[t]);
    }
    if (total != T(0))  // a row that sees nothing stays 0
      for (index_t t = 0; t < d; ++t) o[t] /= total;
    if (!log_sum.empty()) log_sum(row, head) = total != T(0) ? highest + math::log(total) : -math::infinity<T>;
  }
};

/// What both halves of the backward pass share.
template <class T, class Space, class Bias>
struct attention_slopes {
  attention_scores<T, T, Space, Bias> score;
  matrix_view<T const, Space> v, out, log_sum, dout;

  PARAPET_FN T dot(T const* a, T const* b) const {
    T total = 0;
    for (index_t t = 0; t < score.head_dim; ++t) total += a[t] * b[t];
    return total;
  }
  /// Probability of a pair and the gradient of its score, which `slope` leads on to q . k.
  PARAPET_FN T operator()(index_t head, index_t query, index_t key, T& probability, T& slope) const {
    index_t const d = score.head_dim, row = score.mask.queries_begin + query;
    T const* const g = &dout(row, head * d);
    probability = math::exp(score(head, query, key, slope) - log_sum(row, head));
    return probability * (dot(g, &v(score.mask.key_row(key), head / score.group * d)) - dot(g, &out(row, head * d)));
  }
};

template <class T, class Space, class Bias>
struct attention_query_gradient {
  attention_slopes<T, Space, Bias> slopes;
  matrix_view<T, Space> dq;

  PARAPET_FN void operator()(index_t query, index_t head) const {
    auto const& score = slopes.score;
    attention_mask const& mask = score.mask;
    index_t const d = score.head_dim, end = mask.end_key(query);
    T* const g = &dq(mask.queries_begin + query, head * d);
    for (index_t t = 0; t < d; ++t) g[t] = 0;
    for (index_t j = mask.first_key(query); j < end; ++j) {
      if (!mask.sees(query, j)) continue;
      T p, slope;
      T const ds = slopes(head, query, j, p, slope);
      T const* const key = &score.k(mask.key_row(j), head / score.group * d);
      for (index_t t = 0; t < d; ++t) g[t] += ds * slope * key[t];
      score.bias.gradient_of_query(mask.pair(head, query, j), ds);
    }
  }
};

/// Adds: sequences may share keys. One thread goes through the heads that share a key, in order.
template <class T, class Space, class Bias>
struct attention_key_gradient {
  attention_slopes<T, Space, Bias> slopes;
  matrix_view<T, Space> dk, dv;

  PARAPET_FN void operator()(index_t key, index_t kv_head) const {
    auto const& score = slopes.score;
    attention_mask const& mask = score.mask;
    index_t const d = score.head_dim, row = mask.key_row(key);
    T *const gk = &dk(row, kv_head * d), *const gv = &dv(row, kv_head * d);
    for (index_t head = kv_head * score.group; head < (kv_head + 1) * score.group; ++head)
      for (index_t i = 0; i < mask.queries; ++i) {
        if (!mask.sees(i, key)) continue;
        T p, slope;
        T const ds = slopes(head, i, key, p, slope);
        T const* const query = &score.q(mask.queries_begin + i, head * d);
        T const* const g = &slopes.dout(mask.queries_begin + i, head * d);
        for (index_t t = 0; t < d; ++t) {
          gk[t] += ds * slope * query[t];
          gv[t] += p * g[t];
        }
        score.bias.gradient_of_key(mask.pair(head, i, key), ds);
      }
  }
};

template <class T, class Key, class Space, class Bias>
attention_scores<T, Key, Space, Bias> make_scores(attention_heads const& heads, attention_mask const& mask, matrix_view<T const, Space> const& q,
                                                  matrix_view<Key const, Space> const& k, Bias const& bias) {
  return {mask, heads.group(), heads.head_dim, static_cast<T>(heads.applied_scale()), static_cast<T>(heads.soft_cap), q, k, bias};
}

}  // namespace reference

/// out (tokens, heads head_dim) of q (tokens, heads head_dim), k and v (keys, kv_heads head_dim), rows as `sequences` say; the other
/// rows of `out` stay as they are. Keeps log_sum (tokens, heads) unless it is empty. A row that sees no key becomes 0.
template <class Backend, class T, class Key, class Space, class Bias>
void attend(Backend& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
            matrix_view<T const, Space> const& q, matrix_view<Key const, Space> const& k, matrix_view<Key const, Space> const& v,
            matrix_view<T, Space> const& out, matrix_view<T, Space> const& log_sum, Bias const& bias) {
  for (sequence const& s : sequences) {
    reference::attention_mask const mask(s, reach);
    for_each_index(be, extents{s.queries(), heads.heads},
                   reference::attention_row<T, Key, Space, Bias>{reference::make_scores(heads, mask, q, k, bias), v, out, log_sum});
  }
}

/// Gradients of attend: dq is written at the rows of the queries, dk and dv everywhere: sums over the heads and sequences that
/// share a key, in order, and 0 for a row that is nobody's key.
template <class Backend, class T, class Space, class Bias>
void attend_backward(Backend& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
                     matrix_view<T const, Space> const& q, matrix_view<T const, Space> const& k, matrix_view<T const, Space> const& v,
                     matrix_view<T const, Space> const& out, matrix_view<T const, Space> const& log_sum, matrix_view<T const, Space> const& dout,
                     matrix_view<T, Space> const& dq, matrix_view<T, Space> const& dk, matrix_view<T, Space> const& dv, Bias const& bias) {
  fill(be, dk, T(0));
  fill(be, dv, T(0));
  for (sequence const& s : sequences) {
    reference::attention_mask const mask(s, reach);
    reference::attention_slopes<T, Space, Bias> const slopes{reference::make_scores(heads, mask, q, k, bias), v, out, log_sum, dout};
    for_each_index(be, extents{s.queries(), heads.heads}, reference::attention_query_gradient<T, Space, Bias>{slopes, dq});
    for_each_index(be, extents{s.keys(), heads.kv_heads}, reference::attention_key_gradient<T, Space, Bias>{slopes, dk, dv});
  }
}

}  // namespace parapet::inline PARAPET_ABI::backend
