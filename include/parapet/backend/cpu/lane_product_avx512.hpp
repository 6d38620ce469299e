// The small products of attention on AVX-512: tiles of six rows by two registers, twelve sums.
//
// Functions carry their instruction set themselves: a program compiled for any x86-64 has them, and lane_product calls them where
// this_cpu() says so. No lambdas here: they would not inherit it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/lane_tiles.hpp>

#if defined(__x86_64__)
#include <immintrin.h>

namespace parapet::inline PARAPET_ABI::backend::detail::avx512 {

template <int Rows, int Packs, bool Transposed, tile_start Start>
[[gnu::noinline]] __attribute__((target("avx2,fma,avx512f"))) void lane_tile(lane_operands<float> const& x, index_t depth) {
  __m512 sum[Rows][Packs];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) PARAPET_UNROLL for (int p = 0; p < Packs; ++p) {
    if constexpr (Start == tile_start::zero) sum[r][p] = _mm512_setzero_ps();
    else sum[r][p] = _mm512_loadu_ps(x.out + r * x.out_stride + 16 * p);
    if constexpr (Start == tile_start::scaled_sum) sum[r][p] = _mm512_mul_ps(sum[r][p], _mm512_loadu_ps(x.factor + 16 * p));
  }
  float const *a = x.a, *b = x.b;
  for (index_t k = 0; k < depth; ++k, a += Transposed ? x.a_stride : 1, b += x.b_stride) {
    __m512 row[Packs];
    PARAPET_UNROLL for (int p = 0; p < Packs; ++p) row[p] = _mm512_loadu_ps(b + 16 * p);
    PARAPET_UNROLL for (int r = 0; r < Rows; ++r) {
      __m512 const repeated = _mm512_set1_ps(Transposed ? a[r] : a[r * x.a_stride]);
      PARAPET_UNROLL for (int p = 0; p < Packs; ++p) sum[r][p] = _mm512_fmadd_ps(repeated, row[p], sum[r][p]);
    }
  }
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
    PARAPET_UNROLL for (int p = 0; p < Packs; ++p) _mm512_storeu_ps(x.out + r * x.out_stride + 16 * p, sum[r][p]);
}

template <int Packs, bool Transposed, tile_start Start>
void lane_columns(index_t rows, lane_operands<float> x, index_t depth) {
  for (index_t left = rows; left > 0;) {
    bool const tall = is_tall(left);
    if (tall) lane_tile<tall_tile, Packs, Transposed, Start>(x, depth);
    else lane_tile<low_tile, Packs, Transposed, Start>(x, depth);
    left -= tall ? tall_tile : low_tile;
    x.next_rows<Transposed>(tall ? tall_tile : low_tile);
  }
}

/// As detail::lane_product.
template <bool Transposed, tile_start Start>
void lane_product(index_t rows, index_t packs, lane_operands<float> x, index_t depth) {
  for (; packs >= 2; packs -= 2, x.next_packs(2)) lane_columns<2, Transposed, Start>(rows, x, depth);
  if (packs > 0) lane_columns<1, Transposed, Start>(rows, x, depth);
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail::avx512
#endif
