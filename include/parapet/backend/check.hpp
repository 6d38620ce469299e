// Checks of views that every backend makes alike.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::detail {

/// Throws shape_error for a map's argument whose last axis has gaps, or repeats an element that is written.
template <class T, int Rank, class Space>
void check_map_strides(tensor_view<T, Rank, Space> const& x) {
  index_t const stride = x.stride(Rank - 1);
  if (x.extent(Rank - 1) <= 1 || stride == 1 || (stride == 0 && std::is_const_v<T>)) return;
  throw shape_error(parapet::detail::concat("map: an argument of shape ", x.shape(), " has strides ", x.strides(),
                                            ", expected a last stride of 1", std::is_const_v<T> ? " or 0" : ""));
}

/// Throws shape_error unless every operand of a product c = a b has unit stride along an axis, c along its rows.
template <class A, class B, class C, class Space>
void check_gemm_strides(matrix_view<A, Space> const& a, matrix_view<B, Space> const& b, matrix_view<C, Space> const& c) {
  auto const unit = [](auto const& x, int axis) { return x.stride(axis) == 1 || x.extent(axis) == 1; };
  if ((unit(a, 0) || unit(a, 1)) && (unit(b, 0) || unit(b, 1)) && unit(c, 1)) return;
  throw shape_error(parapet::detail::concat("gemm: strides ", a.strides(), ", ", b.strides(), ", ", c.strides(),
                                            ": operands need unit stride along an axis, the result along its rows"));
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
