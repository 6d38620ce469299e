// Attention on the CPU, backward: the probabilities of a block come back from log_sum, and five products give the gradients.
//
//     p = exp(s - l),   ds = p (dout . v - dout . out)
//     dq_i += ds_ij k_j,   dk_j += ds_ij q_i,   dv_j += p_ij dout_i
//
// Dao et al., "FlashAttention" (2022), algorithm 4. One thread has a key head to itself and goes through sequences, rows and keys in
// order: sums of dk and dv over shared heads and shared prefixes have one order, for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/backend/cpu/attention_rows.hpp>

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::backend {

namespace detail {

template <class T>
struct attention_backward_memory {
  index_t head_dim, count;  ///< of all keys
  T *keys = nullptr, *values = nullptr, *dkeys = nullptr, *dvalues = nullptr;  // (keys, d), of the whole sequence
  T *q = nullptr, *dout = nullptr, *dq = nullptr;                              // (d, rows)
  T *q_rows = nullptr, *dout_rows = nullptr;                                   // (rows, d)
  T *probability = nullptr, *dscore = nullptr, *slope = nullptr;               // (keys, rows)
  T* nodes = nullptr;                                                          // (keys, lanes)
  T *log_sum = nullptr, *projection = nullptr;                                 // (rows)

  index_t tiled() const { return tiled_rows(head_dim); }
  index_t padded() const { return (head_dim + pack<T>::lanes - 1) / pack<T>::lanes * pack<T>::lanes; }
  index_t rows() const { return tiled_rows(count) + low_tile; }  ///< the last tile may end behind the last key

  void take(carved<T>& memory) {
    constexpr index_t width = attention_width<T>;
    for (T** x : {&keys, &values}) *x = memory.take(rows() * tiled());
    for (T** x : {&dkeys, &dvalues}) *x = memory.take(rows() * padded());
    for (T** x : {&q, &dout, &dq}) *x = memory.take(tiled() * width);
    for (T** x : {&q_rows, &dout_rows}) *x = memory.take(width * padded());
    for (T** x : {&probability, &dscore, &slope}) *x = memory.take(attention_keys * width);
    nodes = memory.take(attention_keys * pack<T>::lanes);
    for (T** x : {&log_sum, &projection}) *x = memory.take(width);
  }
};

/// out(r, t) = factor x(row r, head r, t), zeros where there is none.
template <class T>
void load_rows(attention_rows<T> const& rows, matrix_view<T const> const& x, index_t head_dim, index_t stride, T factor, T* out) {
  for (index_t r = 0; r < rows.packs() * pack<T>::lanes; ++r, out += stride) {
    index_t const present = r < rows.count() ? head_dim : 0;
    T const* const from = present > 0 ? rows.at(x, r, head_dim) : nullptr;
    for (index_t t = 0; t < present; ++t) out[t] = factor * from[t];
    std::fill(out + present, out + stride, T(0));
  }
}

/// Gradients of the scores of pack g with a block of keys: from q . k and dout . v to p and ds. Rows from `count` to the end of the last
/// tile become 0: they are keys that nobody here sees.
template <class T, class Bias>
void differentiate_scores(attention_backward_memory<T> const& m, attention_rows<T> const& rows, index_t g, index_t block, index_t count, T cap,
                          Bias const& bias) {
  constexpr index_t width = attention_width<T>, lanes = pack<T>::lanes;
  index_t const lane = g * lanes;
  T *const p = m.probability + lane, *const ds = m.dscore + lane, *const slope = m.slope + lane;
  finish_scores<true>(rows, g, block, count, cap, bias, p, slope);
  auto const sees = rows.window_of(g, block, count, m.nodes);
  auto const log_sum = pack<T>::load(m.log_sum + lane), projection = pack<T>::load(m.projection + lane);
  for (index_t j = 0; j < count; ++j) {
    pack<T> probability = math::exp(pack<T>::load(p + j * width) - log_sum);
    if (!sees.all) probability = where(sees(j), probability, T(0));
    probability.store(p + j * width);
    (probability * (pack<T>::load(ds + j * width) - projection)).store(ds + j * width);
  }
  for (index_t j = count; j < tiled_rows(count); ++j) {
    pack<T>(T(0)).store(p + j * width);
    pack<T>(T(0)).store(ds + j * width);
  }
  if constexpr (!std::is_same_v<Bias, no_bias>)
    for (index_t r = lane; r < std::min(lane + lanes, rows.count()); ++r)
      for (index_t j = 0; j < count; ++j) {
        if (!rows.mask().sees(rows.query(r), block + j)) continue;
        attention_pair const pair = rows.mask().pair(rows.head(r), rows.query(r), block + j);
        bias.gradient_of_query(pair, m.dscore[j * width + r]);
        bias.gradient_of_key(pair, m.dscore[j * width + r]);
      }
  if (cap != T(0))
    for (index_t j = 0; j < count; ++j) (pack<T>::load(ds + j * width) * pack<T>::load(slope + j * width)).store(ds + j * width);
}

template <class T>
T dot_product(T const* a, T const* b, index_t count) {
  constexpr index_t lanes = pack<T>::lanes;
  pack<T> sum = T(0);
  index_t t = 0;
  for (; t + lanes <= count; t += lanes) sum = multiply_add(pack<T>::load(a + t), pack<T>::load(b + t), sum);
  T total = sum_lanes(sum);
  for (; t < count; ++t) total += a[t] * b[t];
  return total;
}

/// dkeys and dvalues of the sequence += what one block of rows gives; writes dq of these rows.
template <class T, class Bias>
void attend_rows_backward(attention_backward_memory<T> const& m, attention_rows<T> const& rows, attention_heads const& heads,
                          matrix_view<T const> const& q, matrix_view<T const> const& out, matrix_view<T const> const& log_sum,
                          matrix_view<T const> const& dout, matrix_view<T> const& dq, Bias const& bias) {
  constexpr index_t width = attention_width<T>, lanes = pack<T>::lanes;
  index_t const d = heads.head_dim, tiled = m.tiled(), padded = m.padded(), packs = rows.packs();
  T const scale = static_cast<T>(heads.applied_scale());
  rows.load_transposed(q, d, scale, m.q);
  rows.load_transposed(dout, d, T(1), m.dout);
  load_rows(rows, q, d, padded, scale, m.q_rows);
  load_rows(rows, dout, d, padded, T(1), m.dout_rows);
  std::fill(m.dq, m.dq + tiled * width, T(0));
  for (index_t r = 0; r < packs * lanes; ++r) {
    m.log_sum[r] = r < rows.count() ? log_sum(rows.row(r), rows.head(r)) : T(0);
    m.projection[r] = r < rows.count() ? dot_product(rows.at(dout, r, d), rows.at(out, r, d), d) : T(0);
  }
  index_t const end = rows.end();
  for (index_t block = rows.begin(); block < end; block += attention_keys) {
    index_t const count = std::min(attention_keys, end - block), tiled_count = tiled_rows(count);
    T const *const keys = m.keys + block * tiled, *const values = m.values + block * tiled;
    auto const [first, last] = rows.packs_that_meet(block, count);
    if (first == last) continue;
    index_t const from = first * lanes, depth = (last - first) * lanes, to = block * padded;
    lane_product<false, tile_start::zero>(tiled_count, last - first, lane_operands<T>{keys, tiled, m.q + from, width, m.probability + from, width}, d);
    lane_product<false, tile_start::zero>(tiled_count, last - first, lane_operands<T>{values, tiled, m.dout + from, width, m.dscore + from, width}, d);
    for (index_t g = first; g < last; ++g) differentiate_scores(m, rows, g, block, count, static_cast<T>(heads.soft_cap), bias);
    lane_product<true, tile_start::sum>(tiled, last - first, lane_operands<T>{keys, tiled, m.dscore + from, width, m.dq + from, width}, count);
    lane_product<false, tile_start::sum>(tiled_count, padded / lanes,
                                         lane_operands<T>{m.dscore + from, width, m.q_rows + from * padded, padded, m.dkeys + to, padded}, depth);
    lane_product<false, tile_start::sum>(tiled_count, padded / lanes,
                                         lane_operands<T>{m.probability + from, width, m.dout_rows + from * padded, padded, m.dvalues + to, padded}, depth);
  }
  std::fill(m.projection, m.projection + width, scale);
  rows.store_transposed(m.dq, d, m.projection, dq);
}

/// x(row of key j, head) += from(j, :).
template <class T>
void add_keys(reference::attention_mask const& mask, T const* from, index_t stride, index_t kv_head, index_t head_dim, matrix_view<T> const& x) {
  for (index_t j = 0; j < mask.keys; ++j) {
    T* const to = &x(mask.key_row(j), kv_head * head_dim);
    for (index_t t = 0; t < head_dim; ++t) to[t] += from[j * stride + t];
  }
}

/// All sequences of one key head after each other.
template <class T, class Cpu, class Bias>
void attend_head_backward(Cpu& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences, index_t kv_head,
                          matrix_view<T const> const& q, matrix_view<T const> const& k, matrix_view<T const> const& v,
                          matrix_view<T const> const& out, matrix_view<T const> const& log_sum, matrix_view<T const> const& dout,
                          matrix_view<T> const& dq, matrix_view<T> const& dk, matrix_view<T> const& dv, Bias const& bias) {
  for (sequence const& s : sequences) {
    if (s.queries() == 0) continue;
    reference::attention_mask const mask(s, reach);
    auto const m = carve<T>(be.scratch(), attention_backward_memory<T>{heads.head_dim, mask.keys});
    copy_keys(mask, k, kv_head, heads.head_dim, 0, mask.keys, m.rows(), m.tiled(), m.keys);
    copy_keys(mask, v, kv_head, heads.head_dim, 0, mask.keys, m.rows(), m.tiled(), m.values);
    std::fill(m.dkeys, m.dkeys + m.rows() * m.padded(), T(0));
    std::fill(m.dvalues, m.dvalues + m.rows() * m.padded(), T(0));
    for (index_t first = 0; first < mask.queries * heads.group(); first += attention_width<T>)
      attend_rows_backward(m, attention_rows<T>(mask, heads.group(), kv_head, first), heads, q, out, log_sum, dout, dq, bias);
    add_keys(mask, m.dkeys, m.padded(), kv_head, heads.head_dim, dk);
    add_keys(mask, m.dvalues, m.padded(), kv_head, heads.head_dim, dv);
  }
}

template <class T, class Cpu, class F>
void for_each_key_head(Cpu& be, attention_heads const& heads, std::span<sequence const> sequences, F const& f) {
  index_t keys = 0;
  for (sequence const& s : sequences) keys = std::max(keys, s.keys());
  be.reserve_worker_scratch(carved_bytes<T>(attention_backward_memory<T>{heads.head_dim, keys}));
  for_each_shard(be, heads.kv_heads, f);
}

}  // namespace detail

/// As the generic attend_backward of backend/attention.hpp.
template <class T, class Bias>
void attend_backward(cpu& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
                     matrix_view<T const> const& q, matrix_view<T const> const& k, matrix_view<T const> const& v, matrix_view<T const> const& out,
                     matrix_view<T const> const& log_sum, matrix_view<T const> const& dout, matrix_view<T> const& dq, matrix_view<T> const& dk,
                     matrix_view<T> const& dv, Bias const& bias) {
  fill(be, dk, T(0));
  fill(be, dv, T(0));
  detail::for_each_key_head<T>(be, heads, sequences, [&](auto& worker, index_t kv_head) {
    detail::attend_head_backward(worker, heads, reach, sequences, kv_head, q, k, v, out, log_sum, dout, dq, dk, dv, bias);
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend
