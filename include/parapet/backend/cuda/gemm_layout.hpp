// A row-major product in the terms of a column-major library (cuBLAS): plain arithmetic, tested against a plain product.
//
// A row-major matrix read in columns is its transpose, so C = A B becomes C' = B' A': the operands change places, B is the
// library's left operand. An operand that is itself a transposed view is turned back by the library's transpose flag.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// A matrix as it lies in memory for a column-major reader: column j starts at j * stride.
struct stored_matrix {
  index_t rows = 0, columns = 0, stride = 0;
  bool transpose = false;  ///< the library must transpose it
  bool valid = false;      ///< false where no stride describes it (rows that repeat or overlap)
  friend constexpr bool operator==(stored_matrix const&, stored_matrix const&) = default;
};

/// The transpose of a view of this shape and these strides, as stored.
constexpr stored_matrix stored_transpose(extents<2> const& shape, extents<2> const& strides) {
  index_t const rows = shape[0], columns = shape[1];
  if (strides[1] == 1 || columns == 1) {
    index_t const stride = rows == 1 ? columns : strides[0];
    if (stride >= columns) return {columns, rows, stride, false, true};
  }
  if (strides[0] == 1 || rows == 1) {
    index_t const stride = columns == 1 ? rows : strides[1];
    if (stride >= rows) return {rows, columns, stride, true, true};
  }
  return {};
}

/// The largest power of two, at most 16, that divides `bytes`.
constexpr std::uint32_t alignment_of(std::uintptr_t bytes) {
  std::uint32_t alignment = 16;
  while (bytes % alignment != 0) alignment /= 2;
  return alignment;
}
constexpr std::uint32_t smaller_alignment(std::uint32_t a, std::uint32_t b) { return a < b ? a : b; }

/// A stack of products as a column-major library takes it: D (rows, columns) = left (rows, depth) right (depth, columns).
struct gemm_layout {
  index_t rows = 0, columns = 0, depth = 0;
  stored_matrix left, right, result;
  bool valid = false;
  friend constexpr bool operator==(gemm_layout const&, gemm_layout const&) = default;
};

/// c (m, n) = a (m, k) b (k, n), each of the given strides.
constexpr gemm_layout make_gemm_layout(extents<2> const& c_shape, index_t depth, extents<2> const& a_strides,
                                       extents<2> const& b_strides, extents<2> const& c_strides) {
  gemm_layout layout{c_shape[1], c_shape[0], depth, stored_transpose(extents{depth, c_shape[1]}, b_strides),
                     stored_transpose(extents{c_shape[0], depth}, a_strides), stored_transpose(c_shape, c_strides)};
  layout.valid = layout.left.valid && layout.right.valid && layout.result.valid && !layout.result.transpose;
  return layout;
}

/// Alignment that every matrix of a stack has: by the address of the first, the stride between columns (of a single column, its
/// length) and the stride between matrices. For a dense stack the last changes nothing, so that one matrix and a stack of them
/// get the same algorithm.
constexpr std::uint32_t stack_alignment(std::uintptr_t address, stored_matrix const& x, index_t batch_stride, index_t count,
                                        index_t element_bytes) {
  auto const bytes = [&](index_t elements) { return alignment_of(static_cast<std::uintptr_t>(elements * element_bytes)); };
  std::uint32_t const one = smaller_alignment(alignment_of(address), bytes(x.columns > 1 ? x.stride : x.rows));
  return count > 1 ? smaller_alignment(one, bytes(batch_stride)) : one;
}

/// One element of a product, for operands that no column-major library takes: c = a b + (bias, or c with `accumulate`, or 0).
template <class T, class Space>
struct product_element {
  tensor_view<T const, 3, Space> a, b;
  tensor_view<T, 3, Space> c;
  matrix_view<T const, Space> bias;
  bool accumulate;
  PARAPET_FN void operator()(index_t member, index_t i, index_t j) const {
    T total = !bias.empty() ? bias(member, j) : accumulate ? c(member, i, j) : T(0);
    for (index_t k = 0; k < a.extent(2); ++k) total += a(member, i, k) * b(member, k, j);
    c(member, i, j) = total;
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
