// Micro-kernels for weights on AVX-512: six rows by four registers of sixteen outputs, sums in 24 of the 32 registers.
//
// Floats by vfmadd; pairs of bfloat16 by vdpbf16ps (AVX512-BF16); fours of int8 by vpdpbusd (AVX512-VNNI), whose one operand is
// unsigned: the weights are shifted by 128 when they are packed (the sign bit turned), and a row's sums begin with
// -128 sum_k q(i, k), so that the shift cancels. 255 * 128 * most_int8_inputs is below 2^31: nothing saturates.
//
// Functions carry their instruction set themselves: a program compiled for any x86-64 has them, and calls them where cpu_features
// says so. No lambdas here: they would not inherit it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/weights_blocks.hpp>
#include <parapet/backend/weights.hpp>

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#define PARAPET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")))
#define PARAPET_AVX512_INLINE inline __attribute__((always_inline, target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")))

#if !defined(__clang__)  // g++ 12 warns of what its own intrinsics leave undefined on purpose
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace parapet::inline PARAPET_ABI::backend::detail::avx512 {

/// Sixteen words of sixteen outputs, transposed: w[i] held words of output i, then holds word i of each output.
PARAPET_AVX512_INLINE void transpose(__m512i (&w)[16]) {
  __m512i t[16];
  PARAPET_UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(w[i], w[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(w[i], w[i + 1]);
  }
  PARAPET_UNROLL for (int i = 0; i < 16; i += 4) {
    w[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    w[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    w[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    w[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  PARAPET_UNROLL for (int i = 0; i < 4; ++i) {  // 128-bit lanes
    t[i] = _mm512_shuffle_i32x4(w[i], w[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(w[i], w[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(w[i + 8], w[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(w[i + 8], w[i + 12], 0xDD);
  }
  PARAPET_UNROLL for (int i = 0; i < 4; ++i) {
    w[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    w[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    w[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    w[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

/// The first `bytes` (at most 64) of each of `count` outputs, zeros elsewhere.
PARAPET_AVX512_INLINE void load_block(char const* from, index_t stride, index_t bytes, index_t count, __m512i (&w)[16]) {
  if (bytes >= 64 && count == 16) {
    PARAPET_UNROLL for (int i = 0; i < 16; ++i) w[i] = _mm512_loadu_si512(from + i * stride);
    return;
  }
  __mmask64 const there = bytes >= 64 ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1;
  PARAPET_UNROLL for (int i = 0; i < 16; ++i) w[i] = i < count ? _mm512_maskz_loadu_epi8(there, from + i * stride) : _mm512_setzero_si512();
}

/// The elements of a row from k on that there are, of sixteen.
PARAPET_AVX512_INLINE __mmask16 elements(index_t left) {
  return left >= 16 ? static_cast<__mmask16>(0xFFFF) : left <= 0 ? __mmask16{0} : static_cast<__mmask16>((1u << left) - 1);
}

/// A row of x to bfloat16, `words` words (a multiple of 16), zeros at the end.
PARAPET_AVX512 inline void round_row(float const* x, index_t in, word* out, index_t words) {
  for (index_t k = 0; k < 2 * words; k += 16) {
    __m256bh const pairs = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(elements(in - k), x + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + k / 2), reinterpret_cast<__m256i>(pairs));
  }
}

PARAPET_AVX512_INLINE __m512 load(float const* x, __mmask16 there) { return _mm512_maskz_loadu_ps(there, x); }
PARAPET_AVX512_INLINE __m512 load(bfloat16 const* x, __mmask16 there) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, x)), 16));
}

/// A row to int8 by a scale of its own: `bytes` bytes, zeros behind the last element. `start` is what the sums of the row begin with.
template <class T>
PARAPET_AVX512 void quantize_row(T const* x, index_t in, void* out, index_t bytes, float& scale, std::int32_t& start) {
  __m512i largest = _mm512_setzero_si512(), total = largest;
  __m512i const magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  for (index_t k = 0; k < in; k += 16)  // as bits: those of infinities and NaN are greater than those of numbers
    largest = _mm512_max_epi32(largest, _mm512_and_si512(magnitude, _mm512_castps_si512(load(x + k, elements(in - k)))));
  int8_scale const of_row(__builtin_bit_cast(float, _mm512_reduce_max_epi32(largest)));
  scale = of_row.scale;
  __m512 const inverse = _mm512_set1_ps(of_row.inverse);
  for (index_t k = 0; k < bytes; k += 16) {
    __m512i const whole = _mm512_cvtps_epi32(_mm512_mul_ps(load(x + k, of_row.inverse == 0 ? __mmask16{0} : elements(in - k)), inverse));
    total = _mm512_add_epi32(total, whole);
    _mm_mask_storeu_epi8(static_cast<char*>(out) + k, elements(bytes - k), _mm512_cvtepi32_epi8(whole));
  }
  start = -128 * _mm512_reduce_add_epi32(total);
}

/// What the products of one kind of element are: a sum is a register of sixteen floats or whole numbers, kept as bits.
struct of_floats {
  static constexpr row_form form = row_form::as_it_is;
  static PARAPET_AVX512_INLINE __m512i stored(__m512i w) { return w; }
  static PARAPET_AVX512_INLINE __m512i begin(word_rows const&, int) { return _mm512_setzero_si512(); }
  static PARAPET_AVX512_INLINE __m512i add(__m512i sum, __m512i w, __m512i x) {
    return _mm512_castps_si512(_mm512_fmadd_ps(_mm512_castsi512_ps(w), _mm512_castsi512_ps(x), _mm512_castsi512_ps(sum)));
  }
  static PARAPET_AVX512_INLINE __m512 finish(__m512i sum, word_rows const&, int, float const*) { return _mm512_castsi512_ps(sum); }
};
struct of_bfloat16 : of_floats {
  static constexpr row_form form = row_form::bfloat16;
  static void prepare(float const* x, index_t in, word* out, index_t words, float*, std::int32_t*) { round_row(x, in, out, words); }
  static PARAPET_AVX512_INLINE __m512i add(__m512i sum, __m512i w, __m512i x) {
    return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), reinterpret_cast<__m512bh>(w), reinterpret_cast<__m512bh>(x)));
  }
};
struct of_int8 {
  static constexpr row_form form = row_form::int8;
  static void prepare(float const* x, index_t in, word* out, index_t words, float* scale, std::int32_t* start) {
    quantize_row(x, in, out, 4 * words, *scale, *start);
  }
  static PARAPET_AVX512_INLINE __m512i stored(__m512i w) { return _mm512_xor_si512(w, _mm512_set1_epi8(-128)); }
  static PARAPET_AVX512_INLINE __m512i begin(word_rows const& x, int row) { return _mm512_set1_epi32(x.start[row]); }
  static PARAPET_AVX512_INLINE __m512i add(__m512i sum, __m512i w, __m512i x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static PARAPET_AVX512_INLINE __m512 finish(__m512i sum, word_rows const& x, int row, float const* scale) {
    return _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(_mm512_set1_ps(x.scale[row]), _mm512_loadu_ps(scale)));
  }
};

inline constexpr int groups = 4;

template <class Product, int Rows>
PARAPET_AVX512 void multiply(tile const& t) {
  __m512i sum[Rows][groups];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
    PARAPET_UNROLL for (int g = 0; g < groups; ++g)
      sum[r][g] = t.begins ? Product::begin(t.x, r) : _mm512_loadu_si512(t.y + r * t.y_stride + g * 16);
  word const* x = t.x.data;
  word const* w = t.panel;
  char const* ahead = t.ahead;
  for (index_t left = t.depth; left > 0; left -= 16, ahead += 64) {
    for (index_t i = 0; i < t.ahead_rows; ++i) __builtin_prefetch(ahead + i * t.ahead_stride, 0, 2);
    for (index_t k = left < 16 ? left : 16; k > 0; --k, ++x, w += groups * 16) {
      __m512i wide[groups];
      PARAPET_UNROLL for (int g = 0; g < groups; ++g) wide[g] = _mm512_load_si512(w + g * 16);
      PARAPET_UNROLL for (int r = 0; r < Rows; ++r) {
        __m512i const one = _mm512_set1_epi32(static_cast<int>(x[r * t.x.stride]));
        PARAPET_UNROLL for (int g = 0; g < groups; ++g) sum[r][g] = Product::add(sum[r][g], wide[g], one);
      }
    }
  }
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
    PARAPET_UNROLL for (int g = 0; g < groups; ++g) {
      if (t.finishes) {
        __m512 y = Product::finish(sum[r][g], t.x, r, t.scale + g * 16);
        if (t.bias != nullptr) y = _mm512_add_ps(y, _mm512_loadu_ps(t.bias + g * 16));
        sum[r][g] = _mm512_castps_si512(y);
      }
      _mm512_storeu_si512(t.y + r * t.y_stride + g * 16, sum[r][g]);
    }
}

/// Few rows by sixteen outputs over all words: weights as they come, transposed in registers.
template <class Product, int Rows>
PARAPET_AVX512 void stream(stored_rows const& from, index_t count, tile const& t) {
  __m512i sum[Rows];
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) sum[r] = Product::begin(t.x, r);
  word const* x = t.x.data;
  char const* at = from.data;
  for (index_t left = from.bytes; left > 0; left -= 64, at += 64, x += 16) {
    __m512i w[16];
    load_block(at, from.stride, left, count, w);
    PARAPET_UNROLL for (int i = 0; i < 16; ++i) __builtin_prefetch(at + i * from.stride + 1024, 0, 2);
    transpose(w);
    if (left > 60) {
      PARAPET_UNROLL for (int k = 0; k < 16; ++k)
        PARAPET_UNROLL for (int r = 0; r < Rows; ++r)
          sum[r] = Product::add(sum[r], Product::stored(w[k]), _mm512_set1_epi32(static_cast<int>(x[r * t.x.stride + k])));
    } else {  // x has no more words than it has elements
      __m512i rest[16];
      PARAPET_UNROLL for (int k = 0; k < 16; ++k) rest[k] = Product::stored(w[k]);
      for (index_t k = 0; 4 * k < left; ++k)
        for (int r = 0; r < Rows; ++r) sum[r] = Product::add(sum[r], rest[k], _mm512_set1_epi32(static_cast<int>(x[r * t.x.stride + k])));
    }
  }
  __mmask16 const there = static_cast<__mmask16>((1u << count) - 1);
  PARAPET_UNROLL for (int r = 0; r < Rows; ++r) {
    __m512 y = Product::finish(sum[r], t.x, r, t.scale);
    if (t.bias != nullptr) y = _mm512_add_ps(y, _mm512_loadu_ps(t.bias));
    _mm512_mask_storeu_ps(t.y + r * t.y_stride, there, y);
  }
}

/// Rows that are the columns of a matrix: at most 16 of them, of `depth` floats `stride` apart, to rows of `words` words.
struct turned_floats {
  static constexpr row_form form = row_form::turned;
  static PARAPET_AVX512 void turn(float const* from, index_t stride, index_t depth, index_t count, word* out, index_t words) {
    for (index_t k = 0; k < depth; k += 16) {
      __m512i w[16];
      load_block(reinterpret_cast<char const*>(from + k * stride), 4 * stride, 4 * count, std::min(depth - k, index_t{16}), w);
      transpose(w);
      PARAPET_UNROLL for (int i = 0; i < 16; ++i)
        if (i < count) _mm512_store_si512(out + i * words + k, w[i]);
    }
  }
};

template <class Product, class Form = Product>
struct kernel : Form {
  static constexpr index_t outputs = 16 * groups, block_words = 1024, most_rows = 6, few_rows = 4, stream_outputs = 16;

  static PARAPET_AVX512 void pack(stored_rows const& from, index_t count, word* panel) {
    if (from.by_word) {
      for (index_t k = 0; 4 * k < from.bytes; ++k)
        for (index_t g = 0; g < groups; ++g)
          _mm512_store_si512(panel + (k * groups + g) * 16, _mm512_maskz_loadu_epi32(elements(count - g * 16), from.data + k * from.stride + g * 64));
      return;
    }
    for (index_t g = 0; g < groups; ++g)
      for (index_t byte = 0; byte < from.bytes; byte += 64) {
        __m512i w[16];
        load_block(from.data + g * 16 * from.stride + byte, from.stride, from.bytes - byte, std::clamp(count - g * 16, index_t{0}, index_t{16}), w);
        transpose(w);
        PARAPET_UNROLL for (int k = 0; k < 16; ++k)  // words behind the last are within the panel, whose blocks are whole
          _mm512_store_si512(panel + ((byte / 4 + k) * groups + g) * 16, Product::stored(w[k]));
      }
  }
  static void multiply(index_t rows, tile const& t) {
    switch (rows) {
      case 1: return avx512::multiply<Product, 1>(t);
      case 2: return avx512::multiply<Product, 2>(t);
      case 3: return avx512::multiply<Product, 3>(t);
      case 4: return avx512::multiply<Product, 4>(t);
      case 5: return avx512::multiply<Product, 5>(t);
      default: return avx512::multiply<Product, 6>(t);
    }
  }
  static void stream(index_t rows, stored_rows const& from, index_t count, tile const& t) {
    switch (rows) {
      case 1: return avx512::stream<Product, 1>(from, count, t);
      case 2: return avx512::stream<Product, 2>(from, count, t);
      case 3: return avx512::stream<Product, 3>(from, count, t);
      default: return avx512::stream<Product, 4>(from, count, t);
    }
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::detail::avx512

#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#undef PARAPET_AVX512
#undef PARAPET_AVX512_INLINE
#endif
