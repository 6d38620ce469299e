// Operands and results of products with stored weights on a device, without their launch: tested on the host.
//
// Activations are rounded into work memory first: to bfloat16 element by element, to int8 a row at a time (Lanes as in
// backend/cuda/rows.hpp). An int8 product leaves 32-bit sums where its results belong; the last kernel makes floats of them there.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/bfloat16.hpp>
#include <parapet/math/functions.hpp>

#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// Bytes from row to row of operands: a multiple of 16, which the library's fast algorithms want.
constexpr index_t operand_pitch(index_t in, index_t element_bytes) { return (in * element_bytes + 15) / 16 * 16; }

/// Rows that fit into `bytes` bytes of work memory, each with its pitch and a scale.
constexpr index_t operand_rows(index_t bytes, index_t pitch) { return bytes / (pitch + index_t{sizeof(float)}); }

template <class Space>
struct round_operand {
  matrix_view<float const, Space> x;
  matrix_view<bfloat16, Space> out;
  PARAPET_FN void operator()(index_t i, index_t k) const { out(i, k) = to_bfloat16(x(i, k)); }
};

/// A row of x to int8 and its scale.
template <class Space>
struct quantize_operand {
  matrix_view<float const, Space> x;
  matrix_view<std::int8_t, Space> out;
  vector_view<float, Space> scale;
  template <class Lanes>
  PARAPET_FN void operator()(Lanes const& lanes, index_t i) const {
    float largest = 0, excess = 0;
    for (index_t k = lanes.rank(); k < x.extent(1); k += lanes.size()) {
      largest = math::max(largest, math::abs(x(i, k)));
      excess += x(i, k) - x(i, k);  // NaN for an infinity and for a NaN, which a comparison would pass over
    }
    largest = lanes.fold(largest, math::maximum{});
    excess = lanes.fold(excess, math::plus{});
    detail::int8_scale const of_row(largest + excess);
    for (index_t k = lanes.rank(); k < x.extent(1); k += lanes.size())
      out(i, k) = of_row.inverse == 0 ? std::int8_t{0} : static_cast<std::int8_t>(detail::round_to_int(x(i, k) * of_row.inverse));
    if (lanes.rank() == 0) scale[i] = of_row.scale;
  }
};

/// y holds the bits of 32-bit sums, then results.
template <class Space>
struct finish_int8 {
  matrix_view<float, Space> y;
  vector_view<float const, Space> row_scale, scale, bias;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    float const product = static_cast<float>(__builtin_bit_cast(std::int32_t, y(i, j))) * (row_scale[i] * scale[j]);
    y(i, j) = bias.empty() ? product : product + bias[j];
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
