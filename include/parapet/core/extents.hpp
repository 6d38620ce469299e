// The shape of an N-D array: Rank extents, or Rank strides, counted in elements.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <limits>
#include <string>

namespace parapet::inline PARAPET_ABI {

/// Rank signed counts; an aggregate, trivially copyable, usable in device code.
template <int Rank>
struct extents {
  index_t values[Rank];

  PARAPET_FN constexpr index_t& operator[](int axis) { return values[axis]; }
  PARAPET_FN constexpr index_t operator[](int axis) const { return values[axis]; }

  /// Number of elements: the product of the extents.
  PARAPET_FN constexpr index_t size() const {
    index_t n = 1;
    for (index_t value : values) n *= value;
    return n;
  }

  friend PARAPET_FN constexpr bool operator==(extents const& a, extents const& b) {
    for (int axis = 0; axis < Rank; ++axis)
      if (a[axis] != b[axis]) return false;
    return true;
  }
};

template <class... Counts>
extents(Counts...) -> extents<static_cast<int>(sizeof...(Counts))>;

/// Strides of a dense row-major array: the last axis is contiguous.
template <int Rank>
PARAPET_FN constexpr extents<Rank> row_major_strides(extents<Rank> const& shape) {
  extents<Rank> strides{};
  index_t stride = 1;
  for (int axis = Rank - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/// Appends "(2, 3, 4)" to a message.
template <int Rank>
void append(std::string& out, extents<Rank> const& shape) {
  out += '(';
  for (int axis = 0; axis < Rank; ++axis) {
    if (axis != 0) out += ", ";
    out += std::to_string(shape[axis]);
  }
  out += ')';
}

namespace detail {

/// Bytes of `count` elements of `size` bytes, or a throw where that does not fit: sizes may come from a file.
inline index_t checked_bytes(index_t count, index_t size) {
  if (count < 0) throw argument_error(concat("negative element count ", count));
  if (size != 0 && count > std::numeric_limits<index_t>::max() / 2 / size)
    throw argument_error(concat(count, " elements of ", size, " bytes do not fit into memory"));
  return count * size;
}

/// Product of extents [first, last), or a throw where one is negative or the product does not fit.
inline index_t checked_size(index_t const* first, index_t const* last) {
  index_t n = 1;
  for (; first != last; ++first) {
    if (*first < 0) throw argument_error(concat("negative extent ", *first));
    if (n != 0 && *first > std::numeric_limits<index_t>::max() / 2 / n)
      throw argument_error(concat("an extent of ", *first, " times ", n, " elements does not fit into memory"));
    n *= *first;
  }
  return n;
}
template <int Rank>
index_t checked_size(extents<Rank> const& shape) {
  return checked_size(shape.values, shape.values + Rank);
}

}  // namespace detail

/// Throws shape_error unless `given` equals `wanted`; `what` names the argument.
template <int Rank>
void check_shape(char const* what, extents<Rank> const& given, extents<Rank> const& wanted) {
  if (!(given == wanted))
    throw shape_error(detail::concat(what, " has shape ", given, ", expected ", wanted));
}

}  // namespace parapet::inline PARAPET_ABI
