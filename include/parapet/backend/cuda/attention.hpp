// The CUDA attention kernel without its launch: what one block of threads does for 32 rows of one key head.
//
// A row is a query in one of the heads that share a key head. Tiles of queries, keys, values, scores and results lie in shared memory,
// rows one element longer than a head so that threads of a warp meet different banks; the softmax is carried from tile to tile, as
// on the CPU (backend/cpu/attention.hpp). A team is a block on the device, and in tests one thread or several that wait for each other:
// it has rank(), size() and sync(). Written for any size of team, and without warp operations.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/attention.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

inline constexpr index_t attention_tile = 32;        ///< rows of a block, and keys of a tile
inline constexpr index_t attention_threads = 128;    ///< each computes two rows by four columns at a time
inline constexpr index_t sequences_per_launch = 5;   ///< their masks go into a kernel's 4 KB of parameters

/// Elements of shared memory for one block.
constexpr index_t attention_shared_elements(index_t head_dim) { return attention_tile * (4 * (head_dim + 1) + (attention_tile + 1) + 3); }

/// Blocks of rows of one sequence and key head.
constexpr index_t attention_blocks(index_t queries, index_t group) { return (queries * group + attention_tile - 1) / attention_tile; }

/// Sequences of one launch: block b of the grid belongs to the last sequence whose first block is at most b.
struct attention_batch {
  index_t count = 0, blocks = 0;
  reference::attention_mask mask[sequences_per_launch];
  index_t first_block[sequences_per_launch];

  bool full() const { return count == sequences_per_launch; }
  void add(reference::attention_mask const& m, index_t group) {
    mask[count] = m;
    first_block[count++] = blocks;
    blocks += attention_blocks(m.queries, group);
  }
  PARAPET_FN index_t sequence_of(index_t block) const {
    index_t s = count - 1;
    while (first_block[s] > block) --s;
    return s;
  }
};

template <class T, class Key, class Space, class Bias>
struct attention_body {
  index_t group, head_dim;
  T scale, cap;
  matrix_view<T const, Space> q;       // (tokens, heads head_dim)
  matrix_view<Key const, Space> k, v;  // (keys, kv_heads head_dim)
  matrix_view<T, Space> out, log_sum;  // (tokens, heads head_dim), (tokens, heads) or empty
  Bias bias;

  /// Rows [first, first + 32) of the sequence's rows of one key head; `shared` is attention_shared_elements(head_dim) long. Counts inside
  /// of a tile are int: a division of 64 bits is slow on a device.
  template <class Team>
  PARAPET_FN void operator()(Team const& team, T* shared, reference::attention_mask const& mask, index_t kv_head, index_t first) const {
    constexpr int tile = attention_tile;
    int const d = static_cast<int>(head_dim), pitch = d + 1, quarter = (d + 3) / 4, rank = static_cast<int>(team.rank()), size = static_cast<int>(team.size());
    tiles const at(shared, pitch);
    rows const of{mask, group, kv_head, first};
    for (int i = rank; i < tile * d; i += size) {
      int const r = i / d, t = i % d;
      at.queries[r * pitch + t] = of.has(r) ? scale * q(of.row(r), of.head(r) * d + t) : T(0);
      at.results[r * pitch + t] = 0;
    }
    for (int r = rank; r < tile; r += size) {
      at.highest[r] = -math::largest<T> / 2;  // finite: a row may see nothing of a tile
      at.total[r] = 0;
    }
    index_t begin = mask.keys, end = 0;
    for (int r = 0; of.has(r) && r < tile; ++r) {
      begin = mask.first_key(of.query(r)) < begin ? mask.first_key(of.query(r)) : begin;
      end = mask.end_key(of.query(r)) > end ? mask.end_key(of.query(r)) : end;
    }
    for (index_t block = begin / tile * tile; block < end; block += tile) {  // tiles begin at multiples of 32, whatever the rows
      int const count = end - block < tile ? static_cast<int>(end - block) : tile;
      team.sync();  // the tiles of before are used up
      for (int i = rank; i < tile * d; i += size) {
        int const j = i / d, t = i % d;
        index_t const row = j < count ? mask.key_row(block + j) : 0;
        at.keys[j * pitch + t] = j < count ? static_cast<T>(k(row, kv_head * d + t)) : T(0);
        at.values[j * pitch + t] = j < count ? static_cast<T>(v(row, kv_head * d + t)) : T(0);
      }
      team.sync();
      for (int item = rank; item < tile * tile / 8; item += size) {  // rows r and r + 16 with keys j, j + 8, j + 16, j + 24
        int const r = item / 8, j = item % 8;
        T sum[2][4] = {};
        for (int t = 0; t < d; ++t)
          for (int a = 0; a < 2; ++a)
            for (int b = 0; b < 4; ++b) sum[a][b] += at.queries[(r + 16 * a) * pitch + t] * at.keys[(j + 8 * b) * pitch + t];
        for (int a = 0; a < 2; ++a)
          for (int b = 0; b < 4; ++b) at.scores[(r + 16 * a) * (tile + 1) + j + 8 * b] = score(of, r + 16 * a, block + j + 8 * b, sum[a][b]);
      }
      team.sync();
      for (int r = rank; r < tile; r += size) {
        T* const s = at.scores + r * (tile + 1);
        T top = at.highest[r], sum = 0;
        for (int j = 0; j < tile; ++j) top = math::max(top, s[j]);
        for (int j = 0; j < tile; ++j) sum += s[j] = math::exp(s[j] - top);
        at.factor[r] = math::exp(at.highest[r] - top);
        at.total[r] = at.total[r] * at.factor[r] + sum;
        at.highest[r] = top;
      }
      team.sync();
      for (int item = rank; item < tile / 2 * quarter; item += size) {  // rows r and r + 16 with columns t, t + quarter, ...
        int const r = item / quarter, t = item % quarter;
        T sum[2][4] = {};
        for (int j = 0; j < tile; ++j)
          for (int a = 0; a < 2; ++a)
            for (int b = 0; b < 4; ++b)
              if (t + b * quarter < d) sum[a][b] += at.scores[(r + 16 * a) * (tile + 1) + j] * at.values[j * pitch + t + b * quarter];
        for (int a = 0; a < 2; ++a)
          for (int b = 0; b < 4; ++b)
            if (T& result = at.results[(r + 16 * a) * pitch + t + b * quarter]; t + b * quarter < d) result = result * at.factor[r + 16 * a] + sum[a][b];
      }
    }
    team.sync();
    for (int i = rank; i < tile * d; i += size) {
      int const r = i / d, t = i % d;
      if (of.has(r)) out(of.row(r), of.head(r) * d + t) = at.total[r] != T(0) ? at.results[r * pitch + t] / at.total[r] : T(0);
    }
    for (int r = rank; r < tile && !log_sum.empty(); r += size)
      if (of.has(r)) log_sum(of.row(r), of.head(r)) = at.total[r] != T(0) ? at.highest[r] + math::log(at.total[r]) : -math::infinity<T>;
  }

private:
  /// Arrays in shared memory: (32, head_dim) each, (32, keys), (32) each.
  struct tiles {
    T *queries, *keys, *values, *results, *scores, *highest, *total, *factor;
    PARAPET_FN tiles(T* shared, int pitch) {
      constexpr int tile = attention_tile;
      queries = shared;
      keys = queries + tile * pitch;
      values = keys + tile * pitch;
      results = values + tile * pitch;
      scores = results + tile * pitch;
      highest = scores + tile * (tile + 1);
      total = highest + tile;
      factor = total + tile;
    }
  };
  /// The rows of this block.
  struct rows {
    reference::attention_mask const& mask;
    index_t group, kv_head, first;
    PARAPET_FN bool has(int r) const { return first + r < mask.queries * group; }
    PARAPET_FN index_t query(int r) const { return (first + r) / group; }
    PARAPET_FN index_t head(int r) const { return kv_head * group + (first + r) % group; }
    PARAPET_FN index_t row(int r) const { return mask.queries_begin + query(r); }
  };
  /// The score of a row with a key, -infinity where it does not see it.
  PARAPET_FN T score(rows const& of, int r, index_t key, T product) const {
    if (!of.has(r) || key >= of.mask.keys || !of.mask.sees(of.query(r), key)) return -math::infinity<T>;
    if (cap != T(0)) product = cap * math::tanh(product / cap);
    return product + static_cast<T>(bias(of.mask.pair(of.head(r), of.query(r), key)));
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
