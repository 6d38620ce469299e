// Small products whose columns are lanes: what attention on the CPU is made of.
//
//     out(r, :) = [factor out(r, :)] + sum_k a(r, k) b(k, :)
//
// b and out have packs as rows; a is read element by element and repeated over the lanes. A tile of six rows keeps twelve sums in
// AVX2's registers, enough to hide the latency of their additions; four rows are the fewest that do. Floats on a machine with AVX-512
// go through lane_product_avx512.hpp, whatever the compiler's flags are: tiles of two packs there. A sum's order is that of k everywhere.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/features.hpp>
#include <parapet/backend/cpu/lane_product_avx512.hpp>
#include <parapet/backend/cpu/lane_tiles.hpp>
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

/// Rows x lanes of the product.
template <int Rows, bool Transposed, tile_start Start, class T>
[[gnu::noinline]] void lane_tile(lane_operands<T> const& x, index_t depth) {
  pack<T> sum[Rows];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) {
    if constexpr (Start == tile_start::zero) sum[r] = T(0);
    else sum[r] = pack<T>::load(x.out + r * x.out_stride);
    if constexpr (Start == tile_start::scaled_sum) sum[r] = sum[r] * pack<T>::load(x.factor);
  }
  for (index_t k = 0; k < depth; ++k) {
    auto const row = pack<T>::load(x.b + k * x.b_stride);
    PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
      sum[r] = multiply_add(pack<T>(Transposed ? x.a[r + k * x.a_stride] : x.a[r * x.a_stride + k]), row, sum[r]);
  }
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) sum[r].store(x.out + r * x.out_stride);
}

/// lane_product by packs, on any machine.
template <bool Transposed, tile_start Start, class T>
void portable_lane_product(index_t rows, index_t packs, lane_operands<T> x, index_t depth) {
  for (index_t p = 0; p < packs; ++p, x.next_packs(1)) {
    lane_operands<T> tile = x;
    for (index_t left = rows; left > 0;) {
      bool const tall = is_tall(left);
      if (tall) lane_tile<tall_tile, Transposed, Start>(tile, depth);
      else lane_tile<low_tile, Transposed, Start>(tile, depth);
      left -= tall ? tall_tile : low_tile;
      tile.template next_rows<Transposed>(tall ? tall_tile : low_tile);
    }
  }
}

/// `rows` (a result of tiled_rows) by `packs` packs of the product. a(r, k) is a[r + k a_stride] where its columns are consecutive
/// (Transposed), else a[r a_stride + k]; factor, one a lane, is read for tile_start::scaled_sum.
template <bool Transposed, tile_start Start, class T>
void lane_product(index_t rows, index_t packs, lane_operands<T> const& x, index_t depth) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<T, float>)
    if (this_cpu().avx512) return avx512::lane_product<Transposed, Start>(rows, packs, x, depth);
#endif
  portable_lane_product<Transposed, Start>(rows, packs, x, depth);
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
