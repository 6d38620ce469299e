// A non-owning, strided, row-major view: pointer, extents, strides. The one array type of every signature.
//
// Where the memory lives is part of the type, so handing device memory to CPU code does not compile.
// A view is trivially copyable and cheap to pass by value; it never allocates and never frees.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/space.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI {

/// View of a Rank-dimensional array of T in memory space Space. Extents and strides are in elements.
template <class T, int Rank, class Space>
class tensor_view {
public:
  static_assert(Rank >= 1, "tensor_view: rank must be at least 1");
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using space = Space;
  static constexpr int rank = Rank;

  tensor_view() = default;

  /// Dense row-major view of shape.size() elements at `data`.
  PARAPET_FN constexpr tensor_view(T* data, extents<Rank> const& shape)
      : data_(data), shape_(shape), strides_(row_major_strides(shape)) {}

  /// View with explicit strides; a stride of 0 repeats one element along its axis.
  PARAPET_FN constexpr tensor_view(T* data, extents<Rank> const& shape, extents<Rank> const& strides)
      : data_(data), shape_(shape), strides_(strides) {}

  /// A view of mutable elements converts to a view of const elements.
  template <class U>
    requires(std::is_same_v<T, U const> && !std::is_const_v<U>)
  PARAPET_FN constexpr tensor_view(tensor_view<U, Rank, Space> const& other)  // NOLINT: implicit by design
      : data_(other.data()), shape_(other.shape()), strides_(other.strides()) {}

  PARAPET_FN constexpr T* data() const { return data_; }
  PARAPET_FN constexpr extents<Rank> const& shape() const { return shape_; }
  PARAPET_FN constexpr extents<Rank> const& strides() const { return strides_; }
  PARAPET_FN constexpr index_t extent(int axis) const { return shape_[axis]; }
  PARAPET_FN constexpr index_t stride(int axis) const { return strides_[axis]; }
  PARAPET_FN constexpr index_t size() const { return shape_.size(); }
  PARAPET_FN constexpr bool empty() const { return data_ == nullptr || size() == 0; }

  /// True where the elements are dense in row-major order.
  PARAPET_FN constexpr bool is_contiguous() const { return strides_ == row_major_strides(shape_); }

  /// Element at one index per axis.
  template <class... Indices>
    requires(sizeof...(Indices) == Rank && (std::is_convertible_v<Indices, index_t> && ...))
  PARAPET_FN constexpr T& operator()(Indices... indices) const {
    index_t const at[] = {static_cast<index_t>(indices)...};
    index_t offset = 0;
    for (int axis = 0; axis < Rank; ++axis) {
      PARAPET_ASSERT(at[axis] >= 0 && at[axis] < shape_[axis]);
      offset += at[axis] * strides_[axis];
    }
    return data_[offset];
  }

  /// Element of a rank-1 view.
  PARAPET_FN constexpr T& operator[](index_t i) const
    requires(Rank == 1)
  {
    PARAPET_ASSERT(i >= 0 && i < shape_[0]);
    return data_[i * strides_[0]];
  }

  /// Elements [begin, end) along `axis`.
  PARAPET_FN constexpr tensor_view slice(int axis, index_t begin, index_t end) const {
    PARAPET_ASSERT(begin >= 0 && begin <= end && end <= shape_[axis]);
    tensor_view part = *this;
    part.data_ += begin * strides_[axis];
    part.shape_[axis] = end - begin;
    return part;
  }
  /// Rows [begin, end): a slice of the first axis.
  PARAPET_FN constexpr tensor_view rows(index_t begin, index_t end) const { return slice(0, begin, end); }
  /// Columns [begin, end): a slice of the last axis.
  PARAPET_FN constexpr tensor_view columns(index_t begin, index_t end) const {
    return slice(Rank - 1, begin, end);
  }

  /// The view of rank Rank - 1 at index i of the first axis.
  PARAPET_FN constexpr tensor_view<T, (Rank > 1 ? Rank - 1 : 1), Space> operator()(index_t i) const
    requires(Rank > 1)
  {
    PARAPET_ASSERT(i >= 0 && i < shape_[0]);
    extents<Rank - 1> shape{}, strides{};
    for (int axis = 1; axis < Rank; ++axis) {
      shape[axis - 1] = shape_[axis];
      strides[axis - 1] = strides_[axis];
    }
    return {data_ + i * strides_[0], shape, strides};
  }

private:
  T* data_ = nullptr;
  extents<Rank> shape_{};
  extents<Rank> strides_{};
};

/// The same elements with rows and columns exchanged.
template <class T, class Space>
PARAPET_FN constexpr matrix_view<T, Space> transposed(matrix_view<T, Space> const& x) {
  return {x.data(), extents{x.extent(1), x.extent(0)}, extents{x.stride(1), x.stride(0)}};
}

/// The last two axes exchanged in every matrix of a stack.
template <class T, class Space>
PARAPET_FN constexpr tensor_view<T, 3, Space> transposed(tensor_view<T, 3, Space> const& x) {
  return {x.data(), extents{x.extent(0), x.extent(2), x.extent(1)},
          extents{x.stride(0), x.stride(2), x.stride(1)}};
}

/// One array repeated `count` times along a new first axis, without a copy.
template <class T, int Rank, class Space>
PARAPET_FN constexpr tensor_view<T, Rank + 1, Space> repeated(tensor_view<T, Rank, Space> const& x, index_t count) {
  extents<Rank + 1> shape{}, strides{};
  shape[0] = count;
  for (int axis = 0; axis < Rank; ++axis) {
    shape[axis + 1] = x.extent(axis);
    strides[axis + 1] = x.stride(axis);
  }
  return {x.data(), shape, strides};
}

/// The same elements as one vector. Requires a dense view.
template <class T, int Rank, class Space>
PARAPET_FN constexpr vector_view<T, Space> flatten(tensor_view<T, Rank, Space> const& view) {
  PARAPET_ASSERT(view.is_contiguous());
  return {view.data(), extents<1>{view.size()}};
}

}  // namespace parapet::inline PARAPET_ABI
