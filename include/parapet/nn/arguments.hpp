// Arguments of layers that do not take part in deduction, so that a view of mutable elements may be given for one of const elements.
//
// A layer's function deduces T and Space from one result; the rest converts. Code that calls it keeps its workspace as mutable views.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

/// A view that is read.
template <class T, int Rank, class Space>
using input = std::type_identity_t<tensor_view<std::remove_const_t<T> const, Rank, Space>>;
/// A view that is written, or empty.
template <class T, int Rank, class Space>
using output = std::type_identity_t<tensor_view<T, Rank, Space>>;

namespace detail {

/// A vector as a matrix of one row; empty stays empty.
template <class T, class Space>
matrix_view<T, Space> as_one_row(vector_view<T, Space> const& x) {
  return x.empty() ? matrix_view<T, Space>{} : repeated(x, 1);
}

/// A matrix (tokens, heads head_dim) as (tokens, heads, head_dim). Requires a multiple.
template <class T, class Space>
tensor_view<T, 3, Space> as_heads(matrix_view<T, Space> const& x, index_t heads) {
  index_t const head_dim = x.extent(1) / heads;
  return {x.data(), extents{x.extent(0), heads, head_dim}, extents{x.stride(0), head_dim * x.stride(1), x.stride(1)}};
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::nn
