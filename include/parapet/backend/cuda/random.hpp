// Philox fills without their launch: one thread computes a block of the stream and writes the up to four elements it gives.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

struct draw_uniform {
  PARAPET_FN float operator()(philox_block const& b, int word) const { return to_uniform(b.word[word]); }
};
struct draw_normal {
  PARAPET_FN float operator()(philox_block const& b, int word) const { return to_normal(b, word); }
};
struct draw_below {
  index_t n;
  PARAPET_FN index_t operator()(philox_block const& b, int word) const {
    return static_cast<index_t>(to_index(b.word[word], static_cast<std::uint64_t>(n)));
  }
};

/// out[i] = element first + i of the stream.
template <class T, class Space, class Draw>
struct fill_from_stream {
  vector_view<T, Space> out;
  philox_stream stream;
  index_t first;
  Draw draw;

  /// Number of threads' shares.
  index_t blocks() const { return (first + out.extent(0) + 3) / 4 - first / 4; }
  PARAPET_FN void operator()(index_t share) const {
    index_t const block = first / 4 + share, begin = 4 * block - first;
    philox_block const bits = stream.block(block);
    for (int word = 0; word < 4; ++word) {
      index_t const i = begin + word;
      if (i >= 0 && i < out.extent(0)) out[i] = static_cast<T>(draw(bits, word));
    }
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
