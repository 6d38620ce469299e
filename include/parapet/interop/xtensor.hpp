// xtensor adaptors over Parapet's views, and views over xtensor's arrays, without a copy (link parapet::xtensor).
//
//     auto x = interop::as_xtensor(view);              // an expression of xtensor with the rank in its type
//     auto v = interop::view_of<2>(xt_array);          // throws where the array has not two axes
//
// An adaptor or view points into the memory of what it was made from and must not outlive it. xtensor is for the edge
// of a program: element by element it is some thirty times slower than a loop over a view.
#pragma once

#if __has_include(<xtensor/containers/xadapt.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xadapt.hpp>
#elif __has_include(<xtensor/xadapt.hpp>)
#include <xtensor/xadapt.hpp>
#else
#error "parapet/interop/xtensor.hpp needs xtensor: link the CMake target parapet::xtensor (docs/io.md)"
#endif

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::interop {
namespace detail {

using parapet::detail::concat;

}  // namespace detail

/// Throws argument_error for a negative stride.
template <class T, int Rank>
auto as_xtensor(tensor_view<T, Rank> const& view) {
  std::array<std::size_t, Rank> shape{};
  std::array<std::ptrdiff_t, Rank> strides{};
  for (int axis = 0; axis < Rank; ++axis) {
    auto const a = static_cast<std::size_t>(axis);
    if (view.stride(axis) < 0)
      throw argument_error(detail::concat("as_xtensor: strides ", view.strides(), ", expected none below 0"));
    shape[a] = static_cast<std::size_t>(view.extent(axis));
    strides[a] = view.extent(axis) == 1 ? 0 : view.stride(axis);  // xtensor's own convention for an axis of extent 1
  }
  // The number of elements, not the span of memory: xtensor wants the size that the shape says, and goes by the strides.
  return xt::adapt(view.data(), static_cast<std::size_t>(view.size()), xt::no_ownership(), shape, strides);
}

/// A container or adaptor of xtensor as a view of rank Rank; const elements where it is const. Throws shape_error for
/// another rank.
template <int Rank, class Array>
auto view_of(Array& array) {
  using element = std::remove_pointer_t<decltype(array.data())>;
  if (array.dimension() != Rank)
    throw shape_error(detail::concat("view_of: the array has ", array.dimension(), " axes, expected ", Rank));
  extents<Rank> shape{}, strides{};
  for (int axis = 0; axis < Rank; ++axis) shape[axis] = static_cast<index_t>(array.shape(static_cast<std::size_t>(axis)));
  extents<Rank> const dense = row_major_strides(shape);
  for (int axis = 0; axis < Rank; ++axis) {
    auto const stride = static_cast<index_t>(array.strides()[static_cast<std::size_t>(axis)]);
    if (stride < 0) throw argument_error("view_of: the array has a stride below 0");
    strides[axis] = shape[axis] == 1 ? dense[axis] : stride;  // xtensor writes 0 there, which would not count as dense
  }
  return tensor_view<element, Rank>(array.data() + array.data_offset(), shape, strides);
}

}  // namespace parapet::inline PARAPET_ABI::interop
