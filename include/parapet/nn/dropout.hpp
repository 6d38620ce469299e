// Dropout: in training each element is kept with probability 1 - rate and divided by it, or set to zero.
//
// Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014). The mask is element
// (first_row + i) * columns + j of a Philox stream, so it does not depend on how a batch is cut into shards.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

/// Factor of every element of four consecutive ones in a row: 0, or 1 / (1 - rate).
template <class T, class Space>
struct dropout_mask {
  matrix_view<T, Space> factor;
  philox_stream stream;
  index_t first_element;  ///< of the stream, a multiple of 4 as is the number of columns
  float rate;
  T kept;
  PARAPET_FN void operator()(index_t i, index_t quad) const {
    index_t const j = 4 * quad, columns = factor.extent(1);
    philox_block const bits = stream.block((first_element + i * columns + j) / 4);
    for (int k = 0; k < 4; ++k) factor(i, j + k) = to_uniform(bits.word[k]) >= rate ? kept : T(0);
  }
};
struct multiply {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x, X const& factor) const { y = x * factor; }
};

}  // namespace detail

/// Writes the factors of a (rows, columns) mask: 0 or 1 / (1 - rate). `first_row` is the batch row of row 0.
/// Throws argument_error unless 0 <= rate < 1 and the number of columns is a multiple of 4.
template <class Backend, class T, class Space>
void fill_dropout(Backend& be, matrix_view<T, Space> const& factor, double rate, philox_stream const& stream,
                  index_t first_row) {
  if (!(rate >= 0 && rate < 1)) throw argument_error(parapet::detail::concat("dropout: rate ", rate, " outside [0, 1)"));
  index_t const columns = factor.extent(1);
  if (columns % 4 != 0)
    throw argument_error(parapet::detail::concat("dropout: ", columns, " columns, expected a multiple of 4"));
  for_each_index(be, extents{factor.extent(0), columns / 4},
                 detail::dropout_mask<T, Space>{factor, stream, first_row * columns, static_cast<float>(rate),
                                                static_cast<T>(1.0 / (1.0 - rate))});
}

/// y = x * factor; also the backward pass, with dy for x.
template <class Backend, class T, class Space>
void apply_dropout(Backend& be, matrix_view<T const, Space> const& x, matrix_view<T const, Space> const& factor,
                   matrix_view<T, Space> const& y) {
  map(be, detail::multiply{}, y, x, factor);
}

}  // namespace parapet::inline PARAPET_ABI::nn
