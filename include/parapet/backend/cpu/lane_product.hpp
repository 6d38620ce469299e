// Small products whose columns are lanes: what attention on the CPU is made of.
//
//     out(r, :) = [factor out(r, :)] + sum_k a(r, k) b(k, :)
//
// b and out have packs as rows; a is read element by element and repeated over the lanes. A tile of six rows keeps twelve sums in
// AVX2's registers, enough to hide the latency of their additions; four rows are the fewest that do.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/pack.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::detail {

/// a b + c. In one expression, which is one operation on machines that have it, for clang++ too.
template <class T>
PARAPET_INLINE pack<T> multiply_add(pack<T> const& a, pack<T> const& b, pack<T> const& c) {
  pack<T> r;
  PARAPET_UNROLL for (int i = 0; i < pack<T>::parts; ++i) r.part[i] = a.part[i] * b.part[i] + c.part[i];
  return r;
}

#if PARAPET_SIMD_BYTES >= 32
inline constexpr int tall_tile = 6, low_tile = 4;
#else
inline constexpr int tall_tile = 2, low_tile = 2;
#endif

/// The least number of rows, at least `rows`, that tiles make up.
constexpr index_t tiled_rows(index_t rows) { return rows <= low_tile ? low_tile : rows + rows % 2; }

/// f(height of the tile as a constant, first row) for tiles that cover `rows`, a result of tiled_rows.
template <class F>
PARAPET_INLINE void for_each_tile(index_t rows, F const& f) {
  index_t r = 0;
  for (; rows - r >= tall_tile && rows - r != 2 * low_tile; r += tall_tile) f(std::integral_constant<int, tall_tile>{}, r);
  for (; r < rows; r += low_tile) f(std::integral_constant<int, low_tile>{}, r);
}

/// What a tile starts from.
enum class tile_start { zero, sum, scaled_sum };

/// Rows x lanes of the product. a(r, k) is a[r + k a_stride] where its columns are consecutive (Transposed), else a[r a_stride + k].
template <int Rows, bool Transposed, tile_start Start, class T>
[[gnu::noinline]] void lane_tile(T const* a, index_t a_stride, T const* b, index_t b_stride, index_t depth, T* out, index_t out_stride,
                                 pack<T> const& factor) {
  pack<T> sum[Rows];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) {
    if constexpr (Start == tile_start::zero) sum[r] = T(0);
    else sum[r] = pack<T>::load(out + r * out_stride);
    if constexpr (Start == tile_start::scaled_sum) sum[r] = sum[r] * factor;
  }
  for (index_t k = 0; k < depth; ++k) {
    auto const row = pack<T>::load(b + k * b_stride);
    PARAPET_UNROLL for (int r = 0; r < Rows; ++r) sum[r] = multiply_add(pack<T>(Transposed ? a[r + k * a_stride] : a[r * a_stride + k]), row, sum[r]);
  }
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) sum[r].store(out + r * out_stride);
}

/// One pack of columns of the product, for `rows` rows (a result of tiled_rows).
template <bool Transposed, tile_start Start, class T>
PARAPET_INLINE void lane_product(index_t rows, T const* a, index_t a_stride, T const* b, index_t b_stride, index_t depth, T* out, index_t out_stride,
                                 pack<T> const& factor = pack<T>(T(1))) {
  for_each_tile(rows, [&](auto height, index_t r) PARAPET_LAMBDA {
    lane_tile<height, Transposed, Start>(a + (Transposed ? r : r * a_stride), a_stride, b, b_stride, depth, out + r * out_stride, out_stride, factor);
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
