// Dropout: in training each element is kept with probability 1 - rate and divided by it, or set to zero.
//
// Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014). The mask is element
// (first_row + i) * columns + j of a Philox stream, so it does not depend on how a batch is cut into shards.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

namespace parapet::inline PARAPET_ABI::nn {

/// Where the masks of a training pass come from: mask m of every network is from stream first_stream + m. Any type with these
/// two members may stand for it; `stream` is called where the backend computes.
struct dropout_source {
  std::uint64_t seed, first_stream;
  index_t first_row;  ///< row of the whole batch that the first row of this shard is

  PARAPET_FN philox_stream stream(index_t /*network*/, index_t mask) const {
    return philox_stream(seed, first_stream + static_cast<std::uint64_t>(mask));
  }
};

namespace detail {

/// Factor of every element of four consecutive ones in a row: 0, or 1 / (1 - rate).
template <class T, class Space, class Source>
struct dropout_mask {
  tensor_view<T, 4, Space> factor;  // (masks, N, rows, columns)
  Source source;
  float rate;
  T kept;
  PARAPET_FN void operator()(index_t which, index_t i, index_t quad) const {
    index_t const mask = which / factor.extent(1), network = which % factor.extent(1), j = 4 * quad;
    philox_block const bits = source.stream(network, mask).block(((source.first_row + i) * factor.extent(3) + j) / 4);
    for (int k = 0; k < 4; ++k) factor(mask, network, i, j + k) = to_uniform(bits.word[k]) >= rate ? kept : T(0);
  }
};
/// The same stream for one mask.
struct one_stream {
  philox_stream only;
  index_t first_row;
  PARAPET_FN philox_stream const& stream(index_t, index_t) const { return only; }
};
struct multiply {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x, X const& factor) const { y = x * factor; }
};

}  // namespace detail

/// Writes the factors of masks (masks, N, rows, columns): 0 or 1 / (1 - rate). Throws argument_error unless 0 <= rate < 1 and the
/// number of columns is a multiple of 4.
template <class Backend, class T, class Space, class Source>
void fill_dropout(Backend& be, tensor_view<T, 4, Space> const& factor, double rate, Source const& source) {
  if (!(rate >= 0 && rate < 1)) throw argument_error(parapet::detail::concat("dropout: rate ", rate, " outside [0, 1)"));
  if (factor.extent(3) % 4 != 0)
    throw argument_error(parapet::detail::concat("dropout: ", factor.extent(3), " columns, expected a multiple of 4"));
  for_each_index(be, extents{factor.extent(0) * factor.extent(1), factor.extent(2), factor.extent(3) / 4},
                 detail::dropout_mask<T, Space, Source>{factor, source, static_cast<float>(rate), static_cast<T>(1.0 / (1.0 - rate))});
}

/// The same of one mask (rows, columns) from `stream`. `first_row` is the batch row of row 0.
template <class Backend, class T, class Space>
void fill_dropout(Backend& be, matrix_view<T, Space> const& factor, double rate, philox_stream const& stream,
                  index_t first_row) {
  fill_dropout(be, repeated(repeated(factor, 1), 1), rate, detail::one_stream{stream, first_row});
}

/// y = x * factor; also the backward pass, with dy for x.
template <class Backend, class T, int Rank, class Space>
void apply_dropout(Backend& be, tensor_view<T const, Rank, Space> const& x, tensor_view<T const, Rank, Space> const& factor,
                   tensor_view<T, Rank, Space> const& y) {
  map(be, detail::multiply{}, y, x, factor);
}

}  // namespace parapet::inline PARAPET_ABI::nn
