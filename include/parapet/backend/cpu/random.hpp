// Normal noise on the CPU: sixteen blocks of Philox at once, and Box and Muller's transform on packs of floats.
//
// Element 4 b + k comes from block b alone, by the same operations in every lane: a fill gives the same bits wherever it starts and
// however it is cut. They agree with philox_stream::normal to rounding, whose logarithm, sine and cosine are the library's.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <algorithm>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend::detail {

inline constexpr int noise_blocks = pack<float>::lanes;
inline constexpr int noise_elements = 4 * noise_blocks;

/// Elements 4 b .. 4 b + 63 of the stream, standard normal; those of the first `count` blocks only, where that is fewer.
inline void normal_blocks(philox_stream const& stream, index_t b, index_t count, float (&out)[noise_elements]) {
  float u[4][noise_blocks], z[4][noise_blocks];
  if (count < 4) {
    for (int w = 0; w < 4; ++w) std::fill_n(u[w], noise_blocks, 0.5f);
    for (int i = 0; i < count; ++i) {
      philox_block const block = stream.block(b + i);
      for (int w = 0; w < 4; ++w) u[w][i] = to_uniform(block.word[w]);
    }
  } else {
    std::uint32_t word[4][noise_blocks];
    stream.blocks<noise_blocks>(b, word);
    for (int w = 0; w < 4; ++w)
      for (int i = 0; i < noise_blocks; ++i) u[w][i] = to_uniform(word[w][i]);
  }
  for (int pair = 0; pair < 4; pair += 2) {
    pack<float> const radius = math::sqrt(math::log(pack<float>::load(u[pair])) * -2.0f), angle = pack<float>::load(u[pair + 1]) * 6.28318530717958648f;
    (radius * math::detail::sin_quarter(angle, 1)).store(z[pair]);
    (radius * math::detail::sin_quarter(angle, 0)).store(z[pair + 1]);
  }
  for (int i = 0; i < std::min<index_t>(count, noise_blocks); ++i)
    for (int k = 0; k < 4; ++k) out[4 * i + k] = z[k][i];
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
