// Attention on the CPU, forward: blocks of rows in lanes against blocks of keys, with the softmax carried along.
//
//     m' = max(m, max_j s_j),   c = exp(m - m'),   l' = c l + sum_j exp(s_j - m'),   o' = c o + sum_j exp(s_j - m') v_j
//
// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao et al., "FlashAttention" (2022). Nothing of the size
// of tokens x tokens is ever stored. A worker computes alone; the backend that owns threads hands out blocks of rows. A block is
// made by one thread and a row's sums have one order, so results are the same bits for any number of threads and any batch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/backend/cpu/attention_rows.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace detail {

template <class T>
struct attention_memory {
  index_t head_dim;
  T *q = nullptr, *out = nullptr;        // (d, rows)
  T *keys = nullptr, *values = nullptr;  // (keys, d)
  T *score = nullptr, *nodes = nullptr;  // (keys, rows), (keys, lanes)
  T *highest = nullptr, *total = nullptr, *factor = nullptr;  // (rows)

  void take(carved<T>& memory) {
    constexpr index_t width = attention_width<T>;
    index_t const tiled = tiled_rows(head_dim);
    q = memory.take(head_dim * width);
    out = memory.take(tiled * width);
    score = memory.take(attention_keys * width);
    keys = memory.take(attention_keys * head_dim);
    values = memory.take(attention_keys * tiled);
    nodes = memory.take(attention_keys * pack<T>::lanes);
    highest = memory.take(width);
    total = memory.take(width);
    factor = memory.take(width);
  }
};

/// The softmax of pack g over the keys of a block, in place; returns what the sums so far must be multiplied by.
template <class T>
pack<T> advance_softmax(typename attention_rows<T>::window const& sees, index_t count, T* score, T* highest, T* total) {
  constexpr index_t width = attention_width<T>;
  pack<T> const before = pack<T>::load(highest);
  pack<T> top = before;
  for (index_t j = 0; j < count; ++j) {
    pack<T> s = pack<T>::load(score + j * width);
    if (!sees.all) {
      s = where(sees(j), s, -math::infinity<T>);
      s.store(score + j * width);
    }
    top = math::max(top, s);
  }
  pack<T> sum = T(0);
  for (index_t j = 0; j < count; ++j) {
    pack<T> const p = math::exp(pack<T>::load(score + j * width) - top);
    p.store(score + j * width);
    sum += p;
  }
  pack<T> const factor = math::exp(before - top);
  top.store(highest);
  multiply_add(pack<T>::load(total), factor, sum).store(total);
  return factor;
}

template <class T, class Key, class Bias>
void attend_rows(attention_memory<T> const& m, attention_rows<T> const& rows, attention_heads const& heads, index_t kv_head,
                 matrix_view<T const> const& q, matrix_view<Key const> const& k, matrix_view<Key const> const& v, matrix_view<T> const& out,
                 matrix_view<T> const& log_sum, Bias const& bias) {
  constexpr index_t width = attention_width<T>, lanes = pack<T>::lanes;
  index_t const d = heads.head_dim, tiled = tiled_rows(d), packs = rows.packs();
  rows.load_transposed(q, d, static_cast<T>(heads.applied_scale()), m.q);
  std::fill(m.highest, m.highest + packs * lanes, std::numeric_limits<T>::lowest() / 2);  // finite: a row may see nothing of a block
  std::fill(m.total, m.total + packs * lanes, T(0));
  std::fill(m.out, m.out + tiled * width, T(0));
  index_t const end = rows.end();
  for (index_t block = rows.begin(); block < end; block += attention_keys) {
    index_t const count = std::min(attention_keys, end - block), tiled_count = tiled_rows(count);
    copy_keys(rows.mask(), k, kv_head, d, block, count, tiled_count, d, m.keys);
    copy_keys(rows.mask(), v, kv_head, d, block, count, count, tiled, m.values);
    auto const [first, last] = rows.packs_that_meet(block, count);
    if (first == last) continue;
    index_t const from = first * lanes;
    lane_product<false, tile_start::zero>(tiled_count, last - first, lane_operands<T>{m.keys, d, m.q + from, width, m.score + from, width}, d);
    for (index_t g = first; g < last; ++g) {
      index_t const lane = g * lanes;
      finish_scores<false>(rows, g, block, count, static_cast<T>(heads.soft_cap), bias, m.score + lane, static_cast<T*>(nullptr));
      advance_softmax<T>(rows.window_of(g, block, count, m.nodes), count, m.score + lane, m.highest + lane, m.total + lane).store(m.factor + lane);
    }
    lane_product<true, tile_start::scaled_sum>(tiled, last - first,
                                               lane_operands<T>{m.values, tiled, m.score + from, width, m.out + from, width, m.factor + from}, count);
  }
  if (!log_sum.empty())
    for (index_t r = 0; r < rows.count(); ++r)
      log_sum(rows.row(r), rows.head(r)) = m.total[r] != T(0) ? m.highest[r] + math::log(m.total[r]) : -math::infinity<T>;
  for (index_t r = 0; r < rows.count(); ++r) m.total[r] = m.total[r] != T(0) ? 1 / m.total[r] : T(0);
  rows.store_transposed(m.out, d, m.total, out);
}

/// run(worker, sequence, key head, first row) for every block of rows, on all threads where there is enough to do.
template <class T, class Cpu, class Run>
void for_each_row_block(Cpu& be, attention_heads const& heads, std::span<sequence const> sequences, Run const& run) {
  auto const blocks_of = [&](sequence const& s) { return (s.queries() * heads.group() + attention_width<T> - 1) / attention_width<T>; };
  index_t blocks = 0, products = 0;
  for (sequence const& s : sequences) {
    blocks += blocks_of(s);
    products += s.queries() * s.keys();
  }
  auto const one = [&](auto& worker, index_t task) {
    index_t block = task / heads.kv_heads;
    auto s = sequences.begin();
    for (; block >= blocks_of(*s); ++s) block -= blocks_of(*s);
    run(worker, *s, task % heads.kv_heads, block * attention_width<T>);
  };
  constexpr index_t worth_threads = 200000;  // products of elements, some 20 us of one thread
  index_t const tasks = blocks * heads.kv_heads;
  if (products * heads.heads * heads.head_dim < worth_threads) {
    for (index_t task = 0; task < tasks; ++task) one(be, task);
    return;
  }
  be.reserve_worker_scratch(carved_bytes<T>(attention_memory<T>{heads.head_dim}));
  for_each_shard(be, tasks, one);
}

}  // namespace detail

/// As the generic attend of backend/attention.hpp.
template <class T, class Key, class Bias>
void attend(cpu& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences, matrix_view<T const> const& q,
            matrix_view<Key const> const& k, matrix_view<Key const> const& v, matrix_view<T> const& out, matrix_view<T> const& log_sum,
            Bias const& bias) {
  detail::for_each_row_block<T>(be, heads, sequences, [&](auto& worker, sequence const& s, index_t kv_head, index_t first) {
    reference::attention_mask const mask(s, reach);
    auto const memory = detail::carve<T>(worker.scratch(), detail::attention_memory<T>{heads.head_dim});
    detail::attend_rows(memory, detail::attention_rows<T>(mask, heads.group(), kv_head, first), heads, kv_head, q, k, v, out, log_sum, bias);
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend
