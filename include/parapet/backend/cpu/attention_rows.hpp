// A block of attention rows in lanes: what the CPU's forward and backward pass of attention share.
//
// A row is a query in one of the heads that share a key head. Sixteen rows (eight doubles) are one pack, so maxima, sums and
// exponentials over the keys are plain operations on packs, a row never meets its neighbours, and shared heads read their keys once.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/attention.hpp>
#include <parapet/backend/cpu/lane_product.hpp>
#include <parapet/backend/cpu/transpose.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::backend::detail {

/// Rows and keys of a block: its scores lie in the first-level cache.
inline constexpr index_t attention_packs = 4, attention_keys = 48;
template <class T>
inline constexpr index_t attention_width = attention_packs * pack<T>::lanes;

/// Carves arrays of T out of scratch memory. The first pass counts, the second hands out.
template <class T>
class carved {
public:
  explicit carved(T* memory = nullptr) : memory_(memory) {}
  T* take(index_t count) {
    index_t const begin = used_;
    used_ += (count + pack<T>::lanes - 1) / pack<T>::lanes * pack<T>::lanes;
    return memory_ == nullptr ? nullptr : memory_ + begin;
  }
  index_t bytes() const { return used_ * static_cast<index_t>(sizeof(T)); }

private:
  T* memory_;
  index_t used_ = 0;
};

/// Bytes of a layout: a struct with take(carved<T>&).
template <class T, class Layout>
index_t carved_bytes(Layout layout) {
  carved<T> measured;
  layout.take(measured);
  return measured.bytes();
}
/// A layout with its arrays in memory of `scratch`.
template <class T, class Scratch, class Layout>
Layout carve(Scratch& scratch, Layout layout) {
  carved<T> memory(static_cast<T*>(scratch.reserve(carved_bytes<T>(layout))));
  layout.take(memory);
  return layout;
}

/// Up to attention_width rows of one sequence and key head, and which keys each sees.
template <class T>
class attention_rows {
public:
  static constexpr index_t lanes = pack<T>::lanes, width = attention_width<T>;

  attention_rows(reference::attention_mask const& mask, index_t group, index_t kv_head, index_t first)
      : mask_(mask), group_(group), kv_head_(kv_head), first_(first), count_(std::min(width, mask.queries * group - first)) {
    for (index_t r = 0; r < packs() * lanes; ++r) {
      begin_[r] = r < count_ ? mask.first_key(query(r)) : 0;
      end_[r] = r < count_ ? mask.end_key(query(r)) : 0;
    }
    for (index_t g = 0; g < packs(); ++g) {
      index_t const last = std::min(count_, (g + 1) * lanes);
      least_begin_[g] = *std::min_element(begin_ + g * lanes, begin_ + last);
      most_begin_[g] = *std::max_element(begin_ + g * lanes, begin_ + last);
      least_end_[g] = *std::min_element(end_ + g * lanes, end_ + last);
      most_end_[g] = *std::max_element(end_ + g * lanes, end_ + last);
    }
  }

  reference::attention_mask const& mask() const { return mask_; }
  index_t count() const { return count_; }
  index_t packs() const { return (count_ + lanes - 1) / lanes; }
  index_t query(index_t r) const { return (first_ + r) / group_; }
  index_t head(index_t r) const { return kv_head_ * group_ + (first_ + r) % group_; }
  index_t row(index_t r) const { return mask_.queries_begin + query(r); }

  /// First key of the blocks that some row sees, a multiple of attention_keys so that a row's sums do not depend on its neighbours.
  index_t begin() const { return *std::min_element(least_begin_, least_begin_ + packs()) / attention_keys * attention_keys; }
  index_t end() const { return *std::max_element(most_end_, most_end_ + packs()); }
  /// The packs [first, last) between the first and the last of which a row sees one of the keys [block, block + count).
  std::pair<index_t, index_t> packs_that_meet(index_t block, index_t count) const {
    auto const meets = [&](index_t g) { return least_begin_[g] < block + count && most_end_[g] > block; };
    index_t first = 0, last = packs();
    while (first < last && !meets(first)) ++first;
    while (first < last && !meets(last - 1)) --last;
    return {first, last};
  }

  /// Which of the keys of a block the rows of one pack see.
  struct window {
    bool all;
    pack<T> begin, end;
    T const* nodes;  ///< (keys, lanes): 1 where a row sees a key; null away from trees
    PARAPET_INLINE pack_mask<T> operator()(index_t j) const {
      pack<T> const key = static_cast<T>(j);
      auto const inside = (key >= begin) & (key < end);
      return nodes == nullptr ? inside : inside & (pack<T>::load(nodes + j * lanes) > T(0));
    }
  };
  /// `nodes` is memory for (attention_keys, lanes).
  window window_of(index_t g, index_t block, index_t count, T* nodes) const {
    bool const tree = mask_.nodes > 0 && block + count > mask_.keys - mask_.nodes;
    if (!tree && most_begin_[g] <= block && least_end_[g] >= block + count) return {true, T(0), T(0), nullptr};
    T begin[lanes], end[lanes];
    for (index_t lane = 0; lane < lanes; ++lane) {
      begin[lane] = static_cast<T>(std::clamp(begin_[g * lanes + lane] - block, index_t{0}, count));
      end[lane] = static_cast<T>(std::clamp(end_[g * lanes + lane] - block, index_t{0}, count));
    }
    if (tree)
      for (index_t j = 0; j < count; ++j)
        for (index_t lane = 0; lane < lanes; ++lane) {
          index_t const r = g * lanes + lane;
          nodes[j * lanes + lane] = r < count_ && mask_.sees(query(r), block + j) ? T(1) : T(0);
        }
    return {false, pack<T>::load(begin), pack<T>::load(end), tree ? nodes : nullptr};
  }

  /// out(t, r) = factor x(row r, head r, t), with 0 for the rows that are missing.
  void load_transposed(matrix_view<T const> const& x, index_t head_dim, T factor, T* out) const {
    index_t r = 0;
    for (; r + 4 <= count_; r += 4) {
      T const* const from[4] = {at(x, r, head_dim), at(x, r + 1, head_dim), at(x, r + 2, head_dim), at(x, r + 3, head_dim)};
      rows_to_columns(from, head_dim, factor, out + r, width);
    }
    for (; r < packs() * lanes; ++r)
      for (index_t t = 0; t < head_dim; ++t) out[t * width + r] = r < count_ ? factor * at(x, r, head_dim)[t] : T(0);
  }
  /// x(row r, head r, t) = factor[r] in(t, r).
  void store_transposed(T const* in, index_t head_dim, T const* factor, matrix_view<T> const& x) const {
    index_t r = 0;
    for (; r + 4 <= count_; r += 4) {
      T* const to[4] = {at(x, r, head_dim), at(x, r + 1, head_dim), at(x, r + 2, head_dim), at(x, r + 3, head_dim)};
      columns_to_rows(in + r, width, head_dim, factor + r, to);
    }
    for (; r < count_; ++r)
      for (index_t t = 0; t < head_dim; ++t) at(x, r, head_dim)[t] = factor[r] * in[t * width + r];
  }
  /// Elements of row r in its head.
  template <class U>
  U* at(matrix_view<U> const& x, index_t r, index_t head_dim) const { return x.data() + row(r) * x.stride(0) + head(r) * head_dim; }

private:
  reference::attention_mask const& mask_;
  index_t group_, kv_head_, first_, count_;
  index_t begin_[width], end_[width];
  index_t least_begin_[attention_packs], most_begin_[attention_packs], least_end_[attention_packs], most_end_[attention_packs];
};

/// Keys or values [block, block + count) of one head as dense rows of `stride` elements, and zeros up to `rows` rows.
template <class T, class Key>
void copy_keys(reference::attention_mask const& mask, matrix_view<Key const> const& from, index_t kv_head, index_t head_dim, index_t block,
               index_t count, index_t rows, index_t stride, T* to) {
  for (index_t j = 0; j < count; ++j) {
    Key const* const row = &from(mask.key_row(block + j), kv_head * head_dim);
    T* const out = to + j * stride;
    if constexpr (std::is_same_v<T, Key>) std::copy_n(row, head_dim, out);
    else std::transform(row, row + head_dim, out, [](Key const& x) { return static_cast<T>(x); });
    std::fill(out + head_dim, out + stride, T(0));
  }
  std::fill(to + count * stride, to + rows * stride, T(0));
}

/// score[j stride] += bias of a query with key first + j. A bias that has add_to_keys does runs of consecutive keys at once.
template <class T, class Bias>
void add_bias(reference::attention_mask const& mask, Bias const& bias, index_t head, index_t query, index_t first, index_t count, T* score, index_t stride) {
  if constexpr (requires { bias.add_to_keys(attention_pair{}, count, score, stride); }) {
    if (mask.nodes == 0) {
      index_t const before = std::clamp(mask.prefix - first, index_t{0}, count);  // keys of the prefix, whose rows are elsewhere
      if (before > 0) bias.add_to_keys(mask.pair(head, query, first), before, score, stride);
      if (before < count) bias.add_to_keys(mask.pair(head, query, first + before), count - before, score + before * stride, stride);
      return;
    }
  }
  for (index_t j = 0; j < count; ++j) score[j * stride] += static_cast<T>(bias(mask.pair(head, query, first + j)));
}

/// Scores of the rows of pack g with a block of keys, from products q . k to what the softmax takes: capped, with the bias. With slopes,
/// slope(j, :) is the derivative by the product.
template <bool WithSlope, class T, class Bias>
void finish_scores(attention_rows<T> const& rows, index_t g, index_t block, index_t count, T cap, Bias const& bias, T* score, T* slope) {
  constexpr index_t width = attention_rows<T>::width, lanes = pack<T>::lanes;
  if (cap != T(0))
    for (index_t j = 0; j < count; ++j) {
      pack<T> const bent = math::tanh(pack<T>::load(score + j * width) / cap);
      (bent * cap).store(score + j * width);
      if constexpr (WithSlope) (T(1) - bent * bent).store(slope + j * width);
    }
  if constexpr (!std::is_same_v<Bias, no_bias>)
    for (index_t r = g * lanes; r < std::min((g + 1) * lanes, rows.count()); ++r)
      add_bias(rows.mask(), bias, rows.head(r), rows.query(r), block, count, score + r % lanes, width);
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
