// Micro-kernels for weights on AVX2 with FMA: six rows by two registers of eight outputs, sums in 12 of the 16 registers.
//
// A word of two bfloat16 or four int8 is used half by half: bfloat16 become floats by a shift or a mask; bytes become 16-bit
// numbers, whose products vpmaddwd adds in pairs without an overflow (vpmaddubsw, which takes bytes, would saturate).
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/weights_blocks.hpp>
#include <parapet/backend/cpu/weights_portable.hpp>

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#define PARAPET_AVX2 __attribute__((target("avx2,fma")))
#define PARAPET_AVX2_INLINE inline __attribute__((always_inline, target("avx2,fma")))

namespace parapet::inline PARAPET_ABI::backend::detail::avx2 {

PARAPET_AVX2_INLINE __m256i load(void const* from) { return _mm256_loadu_si256(static_cast<__m256i const*>(from)); }

/// Eight words of eight outputs, transposed.
PARAPET_AVX2_INLINE void transpose(__m256i (&w)[8]) {
  __m256i t[8];
  PARAPET_UNROLL for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(w[i], w[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(w[i], w[i + 1]);
  }
  PARAPET_UNROLL for (int i = 0; i < 8; i += 4) {
    w[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    w[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    w[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    w[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  PARAPET_UNROLL for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2x128_si256(w[i], w[i + 4], 0x20);
    t[i + 4] = _mm256_permute2x128_si256(w[i], w[i + 4], 0x31);
  }
  PARAPET_UNROLL for (int i = 0; i < 8; ++i) w[i] = t[i];
}

/// Products of one kind of element, in `halves` steps; `half` is what a step takes of words of W and x alike.
struct of_floats : portable::of_floats {
  static constexpr int halves = 1;
  template <int>
  static PARAPET_AVX2_INLINE __m256i half(__m256i v) { return v; }
  static PARAPET_AVX2_INLINE __m256i add(__m256i sum, __m256i w, __m256i x) {
    return _mm256_castps_si256(_mm256_fmadd_ps(_mm256_castsi256_ps(w), _mm256_castsi256_ps(x), _mm256_castsi256_ps(sum)));
  }
  static PARAPET_AVX2_INLINE __m256 finish(__m256i sum, word_rows const&, int, float const*) { return _mm256_castsi256_ps(sum); }
};
struct of_bfloat16 : portable::of_bfloat16 {
  static constexpr int halves = 2;
  template <int H>
  static PARAPET_AVX2_INLINE __m256i half(__m256i v) {
    return H == 0 ? _mm256_slli_epi32(v, 16) : _mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u)));
  }
  static PARAPET_AVX2_INLINE __m256i add(__m256i sum, __m256i w, __m256i x) { return avx2::of_floats::add(sum, w, x); }
  static PARAPET_AVX2_INLINE __m256 finish(__m256i sum, word_rows const&, int, float const*) { return _mm256_castsi256_ps(sum); }
};
struct of_int8 : portable::of_int8 {
  static constexpr int halves = 2;
  template <int H>
  static PARAPET_AVX2_INLINE __m256i half(__m256i v) { return _mm256_srai_epi16(H == 0 ? _mm256_slli_epi16(v, 8) : v, 8); }
  static PARAPET_AVX2_INLINE __m256i add(__m256i sum, __m256i w, __m256i x) { return _mm256_add_epi32(sum, _mm256_madd_epi16(w, x)); }
  static PARAPET_AVX2_INLINE __m256 finish(__m256i sum, word_rows const& x, int row, float const* scale) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_mul_ps(_mm256_set1_ps(x.scale[row]), _mm256_loadu_ps(scale)));
  }
};

inline constexpr int groups = 2;

template <class Product, int Rows>
PARAPET_AVX2 void multiply(tile const& t) {
  __m256i sum[Rows][groups];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
    PARAPET_UNROLL for (int g = 0; g < groups; ++g) sum[r][g] = t.begins ? _mm256_setzero_si256() : load(t.y + r * t.y_stride + g * 8);
  word const* x = t.x.data;
  word const* w = t.panel;
  for (index_t k = t.depth; k > 0; --k, ++x, w += groups * 8) {
    __m256i wide[groups], one[Rows];
    PARAPET_UNROLL for (int g = 0; g < groups; ++g) wide[g] = load(w + g * 8);
    PARAPET_UNROLL for (int r = 0; r < Rows; ++r) one[r] = _mm256_set1_epi32(static_cast<int>(x[r * t.x.stride]));
    PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
      PARAPET_UNROLL for (int g = 0; g < groups; ++g)
        sum[r][g] = Product::add(sum[r][g], Product::template half<0>(wide[g]), Product::template half<0>(one[r]));
    if constexpr (Product::halves == 2)
      PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
        PARAPET_UNROLL for (int g = 0; g < groups; ++g)
          sum[r][g] = Product::add(sum[r][g], Product::template half<1>(wide[g]), Product::template half<1>(one[r]));
  }
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
    PARAPET_UNROLL for (int g = 0; g < groups; ++g) {
      if (t.finishes) {
        __m256 y = Product::finish(sum[r][g], t.x, r, t.scale + g * 8);
        if (t.bias != nullptr) y = _mm256_add_ps(y, _mm256_loadu_ps(t.bias + g * 8));
        sum[r][g] = _mm256_castps_si256(y);
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(t.y + r * t.y_stride + g * 8), sum[r][g]);
    }
}

template <class Product>
struct kernel : Product {
  static constexpr index_t outputs = 8 * groups, block_words = 512, most_rows = 6, few_rows = 0, stream_outputs = 0;

  static PARAPET_AVX2 void pack(stored_rows const& from, index_t count, word* panel) {
    for (index_t g = 0; g < groups; ++g)
      for (index_t byte = 0; byte < from.bytes; byte += 32) {
        __m256i w[8];
        PARAPET_UNROLL for (int i = 0; i < 8; ++i) {
          char const* const at = from.data + (g * 8 + i) * from.stride + byte;
          if (g * 8 + i >= count) {
            w[i] = _mm256_setzero_si256();
          } else if (from.bytes - byte >= 32) {
            w[i] = load(at);
          } else {
            char rest[32] = {};
            std::memcpy(rest, at, static_cast<std::size_t>(from.bytes - byte));
            w[i] = load(rest);
          }
        }
        transpose(w);
        PARAPET_UNROLL for (int k = 0; k < 8; ++k)
          _mm256_store_si256(reinterpret_cast<__m256i*>(panel + ((byte / 4 + k) * groups + g) * 8), w[k]);
      }
  }
  static void multiply(index_t rows, tile const& t) {
    switch (rows) {
      case 1: return avx2::multiply<Product, 1>(t);
      case 2: return avx2::multiply<Product, 2>(t);
      case 3: return avx2::multiply<Product, 3>(t);
      case 4: return avx2::multiply<Product, 4>(t);
      case 5: return avx2::multiply<Product, 5>(t);
      default: return avx2::multiply<Product, 6>(t);
    }
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::detail::avx2

#undef PARAPET_AVX2
#undef PARAPET_AVX2_INLINE
#endif
