// What a map kernel does, apart from its launch: which elements lie where, and one thread's share of the work.
//
// The views of a map are padded to rank 3 and neighbouring axes are merged where every view allows it: a dense map becomes one
// long row. Rows whose views are all dense or repeat one number, and are 16-byte aligned, are handled 16 bytes at a time.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <cstdint>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// Index of element i of an array of `shape` in row-major order.
template <int Rank>
PARAPET_FN constexpr extents<Rank> unravel(std::uint32_t i, extents<Rank> const& shape) {
  extents<Rank> at{};
  for (int axis = Rank - 1; axis > 0; --axis) {
    auto const extent = static_cast<std::uint32_t>(shape[axis]);
    std::uint32_t const quotient = i / extent;
    at[axis] = static_cast<index_t>(i - quotient * extent);
    i = quotient;
  }
  at[0] = static_cast<index_t>(i);
  return at;
}

/// One view of a map: where it starts and how far apart its elements are.
template <class T>
struct map_argument {
  T* data;
  extents<3> strides;

  PARAPET_FN constexpr T* at(extents<3> const& index) const {
    return data + index[0] * strides[0] + index[1] * strides[1] + index[2] * strides[2];
  }
  /// The same view from another index on.
  constexpr map_argument from(extents<3> const& index) const { return {at(index), strides}; }
};

template <class T, int Rank, class Space>
constexpr map_argument<T> as_map_argument(tensor_view<T, Rank, Space> const& x) {
  static_assert(Rank <= 3, "map: rank 1, 2 or 3");
  map_argument<T> result{x.data(), {{0, 0, 0}}};
  for (int axis = 0; axis < Rank; ++axis) result.strides[3 - Rank + axis] = x.stride(axis);
  return result;
}
template <int Rank>
constexpr extents<3> as_map_shape(extents<Rank> const& shape) {
  extents<3> result{{1, 1, 1}};
  for (int axis = 0; axis < Rank; ++axis) result[3 - Rank + axis] = shape[axis];
  return result;
}

/// Merges axis `outer` into the next where that describes the same elements of every argument.
template <class... Ts>
constexpr void merge_axis(int outer, extents<3>& shape, map_argument<Ts>&... x) {
  int const inner = outer + 1;
  if (shape[outer] == 1) return;
  bool const alone = shape[inner] == 1;
  if (!alone && !((x.strides[outer] == shape[inner] * x.strides[inner]) && ...)) return;
  if (alone) ((x.strides[inner] = x.strides[outer]), ...);
  shape[inner] *= shape[outer];
  shape[outer] = 1;
}

/// The longest rows that describe the same elements.
template <class... Ts>
constexpr void merge_axes(extents<3>& shape, map_argument<Ts>&... x) {
  merge_axis(1, shape, x...);
  merge_axis(0, shape, x...);
  merge_axis(1, shape, x...);
}

/// 16 bytes of T, moved by one instruction.
template <class T>
struct alignas(16) vector_of {
  static constexpr int width = sizeof(T) < 16 ? static_cast<int>(16 / sizeof(T)) : 1;
  T lane[width];
};
template <class T, class...>
inline constexpr int vector_width = vector_of<std::remove_const_t<T>>::width;

/// Whether rows of `columns` elements can be taken 16 bytes at a time. A last row may end in the middle of 16 bytes.
template <class T>
bool is_vectorizable(extents<3> const& shape, map_argument<T> const& x) {
  constexpr index_t width = vector_of<std::remove_const_t<T>>::width;
  if (width * sizeof(T) != 16) return false;
  if (x.strides[2] == 0) return shape[2] == 1 ? false : std::is_const_v<T>;
  bool const one_row = shape[0] == 1 && shape[1] == 1;
  auto const aligned_step = [&](int axis) { return shape[axis] == 1 || x.strides[axis] % width == 0; };
  return x.strides[2] == 1 && reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && (one_row || shape[2] % width == 0) &&
         aligned_step(0) && aligned_step(1);
}

/// How a map is shared among threads: in which rows, and whether a thread takes 16 bytes of one or an element.
struct map_plan {
  extents<3> shape;
  bool vectors;
  index_t width;  ///< elements of a thread

  /// Threads for a part of `shape`.
  constexpr index_t threads(extents<3> const& part) const { return part[0] * part[1] * ((part[2] + width - 1) / width); }
};

/// The plan of a map of `shape`; the arguments get the strides of its rows.
template <class... Ts>
map_plan plan_map(extents<3> shape, map_argument<Ts>&... x) {
  merge_axes(shape, x...);
  bool const vectors = (is_vectorizable(shape, x) && ...);
  return {shape, vectors, vectors ? index_t{vector_width<Ts...>} : 1};
}

/// f on one element of each argument.
template <class F, class... Ts>
PARAPET_FN constexpr void map_element(F const& f, extents<3> const& at, map_argument<Ts> const&... x) {
  f(*x.at(at)...);
}

/// f on `width` elements of each argument, loaded before and stored after.
template <class... Ts>
struct map_vector {
  template <class T>
  using lanes = vector_of<std::remove_const_t<T>>;

  template <class F>
  static PARAPET_FN void run(F const& f, extents<3> const& at, map_argument<Ts> const&... x) {
    apply(f, at, x..., load(at, x)...);
  }

private:
  template <class T>
  static PARAPET_FN lanes<T> load(extents<3> const& at, map_argument<T> const& x) {
    if (x.strides[2] != 0) return *reinterpret_cast<lanes<T> const*>(x.at(at));
    lanes<T> repeated;
    for (auto& lane : repeated.lane) lane = *x.at(at);
    return repeated;
  }
  template <class T>
  static PARAPET_FN void store(extents<3> const& at, map_argument<T> const& x, lanes<T> const& value) {
    if constexpr (!std::is_const_v<T>) *reinterpret_cast<lanes<T>*>(x.at(at)) = value;
  }
  template <class F>
  static PARAPET_FN void apply(F const& f, extents<3> const& at, map_argument<Ts> const&... x, lanes<Ts>... value) {
    for (int k = 0; k < vector_width<Ts...>; ++k) f(static_cast<Ts&>(value.lane[k])...);
    (store(at, x, value), ...);
  }
};

/// Thread i's share of a vectorised map: 16 bytes of a row, or, at the end of a single row, what is left of it.
template <class F, class... Ts>
PARAPET_FN void map_vector_or_rest(F const& f, std::uint32_t i, extents<3> const& shape, map_argument<Ts> const&... x) {
  constexpr index_t width = vector_width<Ts...>;
  extents<3> const vectors{{shape[0], shape[1], (shape[2] + width - 1) / width}};
  extents<3> at = shape[0] == 1 && shape[1] == 1 ? extents<3>{{0, 0, static_cast<index_t>(i)}} : unravel(i, vectors);
  at[2] *= width;
  if (at[2] + width <= shape[2]) return map_vector<Ts...>::run(f, at, x...);
  for (; at[2] < shape[2]; ++at[2]) map_element(f, at, x...);
}

/// f at begin + element i of an array of `shape`.
template <class F, int Rank>
PARAPET_FN void call_at(F const& f, std::uint32_t i, extents<Rank> const& begin, extents<Rank> const& shape) {
  static_assert(Rank <= 3, "for_each_index: rank 1, 2 or 3");
  extents<Rank> const at = unravel(i, shape);
  if constexpr (Rank == 1) f(begin[0] + at[0]);
  else if constexpr (Rank == 2) f(begin[0] + at[0], begin[1] + at[1]);
  else f(begin[0] + at[0], begin[1] + at[1], begin[2] + at[2]);
}

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
