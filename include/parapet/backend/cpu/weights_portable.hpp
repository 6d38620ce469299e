// Micro-kernels for weights in plain C++, for any processor: four rows by sixteen outputs in loops that a compiler makes SIMD of.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/weights_blocks.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/math/bfloat16.hpp>

#include <cstdint>
#include <cstring>

namespace parapet::inline PARAPET_ABI::backend::detail::portable {

/// Products of one kind of element: sums, and what a word of W times a word of x adds.
struct of_floats {
  static constexpr row_form form = row_form::as_it_is;
  using sum = float;
  static PARAPET_INLINE float product(word w, word x) { return __builtin_bit_cast(float, w) * __builtin_bit_cast(float, x); }
  static PARAPET_INLINE float finish(float sum, float, float) { return sum; }
};
struct of_bfloat16 : of_floats {
  static constexpr row_form form = row_form::bfloat16;
  static void prepare(float const* x, index_t in, word* out, index_t words, float*, std::int32_t*) {
    auto* const to = reinterpret_cast<unsigned char*>(out);
    for (index_t k = 0; k < 2 * words; ++k) {
      bfloat16 const rounded = k < in ? to_bfloat16(x[k]) : bfloat16{0};
      std::memcpy(to + 2 * k, &rounded, sizeof rounded);
    }
  }
  static PARAPET_INLINE float product(word w, word x) {
    return of_floats::product(w << 16, x << 16) + of_floats::product(w & 0xFFFF0000u, x & 0xFFFF0000u);
  }
};
/// A row to int8 by a scale of its own: `bytes` bytes, zeros behind the last element; its scale.
template <class T>
float quantize_row(T const* x, index_t in, signed char* out, index_t bytes) {
  int8_scale const of_row(largest_magnitude(vector_view<T const>(x, extents{in})));
  for (index_t k = 0; k < bytes; ++k)
    out[k] = k < in && of_row.inverse != 0 ? static_cast<signed char>(round_to_int(static_cast<float>(x[k]) * of_row.inverse)) : static_cast<signed char>(0);
  return of_row.scale;
}

struct of_int8 {
  static constexpr row_form form = row_form::int8;
  using sum = std::int32_t;
  static void prepare(float const* x, index_t in, word* out, index_t words, float* scale, std::int32_t* start) {
    *scale = quantize_row(x, in, reinterpret_cast<signed char*>(out), 4 * words);
    *start = 0;
  }
  static PARAPET_INLINE std::int32_t product(word w, word x) {
    std::int32_t total = 0;
    PARAPET_UNROLL for (int shift = 0; shift < 32; shift += 8)
      total += static_cast<std::int32_t>(static_cast<std::int8_t>(w >> shift)) * static_cast<std::int8_t>(x >> shift);
    return total;
  }
  static PARAPET_INLINE float finish(std::int32_t sum, float x_scale, float w_scale) { return static_cast<float>(sum) * (x_scale * w_scale); }
};

template <class Product>
struct kernel : Product {
  static constexpr index_t outputs = 16, block_words = 256, most_rows = 4, few_rows = 0, stream_outputs = 0;
  using sum = typename Product::sum;

  static void pack(stored_rows const& from, index_t count, word* panel) {
    for (index_t o = 0; o < outputs; ++o)
      for (index_t byte = 0, k = 0; byte < from.bytes; byte += 4, ++k) {
        word w = 0;
        if (o < count) std::memcpy(&w, from.data + o * from.stride + byte, static_cast<std::size_t>(from.bytes - byte < 4 ? from.bytes - byte : 4));
        panel[k * outputs + o] = w;
      }
  }
  static void multiply(index_t rows, tile const& t) {
    for (index_t r = 0; r < rows; ++r) {
      word const* const x = t.x.data + r * t.x.stride;
      word* const y = t.y + r * t.y_stride;
      sum total[outputs] = {};
      if (!t.begins) std::memcpy(total, y, sizeof total);
      for (index_t k = 0; k < t.depth; ++k)
        for (index_t o = 0; o < outputs; ++o) total[o] += Product::product(t.panel[k * outputs + o], x[k]);
      if (!t.finishes) {
        std::memcpy(y, total, sizeof total);
        continue;
      }
      float result[outputs];
      for (index_t o = 0; o < outputs; ++o) {
        result[o] = Product::finish(total[o], t.x.scale == nullptr ? 1.0f : t.x.scale[r], t.scale[o]);
        if (t.bias != nullptr) result[o] += t.bias[o];
      }
      std::memcpy(y, result, sizeof result);
    }
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::detail::portable
