// Keys and values of tokens that a transformer has seen, so that what comes after them needs not see them again.
//
//     guard::kv_cache<> cache(config, 1024);
//     model.forward(be, prompt, workspace, cache);      // sequence {queries 0..n, keys 0..n}: its keys go to rows 0..n
//     model.forward(be, next, workspace, cache);        // sequence {queries 0..1, keys 0..n+1}: row n is written
//
// Rows are whoever's the caller says. A text that many prompts start with is run once; sequences name its rows as their prefix and
// have rows of their own for the rest. Keys are stored as they are used, turned by their positions, in float or in half of it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/math/bfloat16.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::guard {

/// Key is float or bfloat16 (rounded when written).
template <class Key = float, class Space = host_space>
class kv_cache {
public:
  using key_type = Key;

  kv_cache() = default;
  /// Room for `rows` tokens: 2 layers kv_heads head_dim numbers each. Contents are uninitialised.
  kv_cache(transformer_config const& config, index_t rows) : kv_cache(extents{2 * config.layers, rows, config.kv_width()}) {}

  index_t rows() const { return shape_[1]; }
  matrix_view<Key, Space> keys(index_t layer) { return all()(2 * layer); }          // (rows, kv_width)
  matrix_view<Key, Space> values(index_t layer) { return all()(2 * layer + 1); }  // (rows, kv_width)

private:
  explicit kv_cache(extents<3> const& shape) : shape_(shape), memory_(parapet::detail::checked_size(shape)) {}
  tensor_view<Key, 3, Space> all() { return {memory_.data(), shape_}; }
  extents<3> shape_{};
  buffer<Key, Space> memory_;
};

namespace detail {

template <class T, class Key, class Space>
struct store_row {
  matrix_view<T const, Space> from;
  matrix_view<Key, Space> to;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    if constexpr (std::is_same_v<Key, bfloat16>) to(i, j) = to_bfloat16(static_cast<float>(from(i, j)));
    else to(i, j) = static_cast<Key>(from(i, j));
  }
};

/// Rows of new keys to where a cache has them.
template <class Backend, class T, class Key, class Space>
void store_rows(Backend& be, matrix_view<T const, Space> const& from, matrix_view<Key, Space> const& to) {
  if constexpr (std::is_same_v<T, Key>) copy(be, from, to);
  else for_each_index(be, to.shape(), store_row<T, Key, Space>{from, to});
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::guard
