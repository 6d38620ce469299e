// Elementwise kernels on the CPU: a functor applied to packs of sixteen floats (or eight doubles).
//
// map(be, f, views...) calls f with one argument per view, in order: a pack& for a view of mutable elements, which
// is loaded before and stored after, and a pack const& for a view of const elements. A stride of 0 repeats: along
// the rows for a row vector, along the columns for a column vector.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/pack.hpp>

#include <tuple>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::detail {

/// One row of a view during a map: where it starts, and whether one element stands for all.
template <class T>
struct map_row {
  using lanes = pack<std::remove_const_t<T>>;
  T* data;
  bool repeats;

  PARAPET_INLINE lanes load(index_t column) const { return repeats ? lanes(*data) : lanes::load(data + column); }
  PARAPET_INLINE lanes load(index_t column, index_t count) const {
    return repeats ? lanes(*data) : lanes::load(data + column, count);
  }
  template <class... Count>
  PARAPET_INLINE void store(lanes const& x, index_t column, Count... count) const {
    if constexpr (!std::is_const_v<T>) x.store(data + column, count...);
  }
};

/// What f receives for a view of T.
template <class T>
using map_argument = std::conditional_t<std::is_const_v<T>, pack<std::remove_const_t<T>> const&,
                                        pack<std::remove_const_t<T>>&>;

template <class F, class... Ts, class... Count>
PARAPET_INLINE void map_packs(F const& f, std::tuple<map_row<Ts>...> const& rows, index_t column, Count... count) {
  std::apply(
      [&](auto const&... row) {
        std::tuple<typename map_row<Ts>::lanes...> x{row.load(column, count...)...};
        std::apply([&](auto&... lanes) { f(static_cast<map_argument<Ts>>(lanes)...); }, x);
        std::apply([&](auto const&... lanes) { (row.store(lanes, column, count...), ...); }, x);
      },
      rows);
}

template <class F, class... Ts>
void map_columns(F const& f, index_t columns, std::tuple<map_row<Ts>...> const& rows) {
  static_assert(std::is_invocable_v<F const&, map_argument<Ts>...>,
                "an elementwise functor must take one argument a view, X& of what is written and X const& of a const view, for every X: numbers and "
                "packs of them - see docs/concepts.md");
  constexpr index_t lanes = std::tuple_element_t<0, std::tuple<typename map_row<Ts>::lanes...>>::lanes;
  index_t column = 0;
  for (; column + lanes <= columns; column += lanes) map_packs(f, rows, column);
  if (column < columns) map_packs(f, rows, column, columns - column);
}

template <class F, class... Ts>
void map_matrix(F const& f, extents<2> const& shape, tensor_view<Ts, 2> const&... views) {
  static_assert(((map_row<Ts>::lanes::lanes == std::tuple_element_t<0, std::tuple<map_row<Ts>...>>::lanes::lanes) && ...),
                "map: all arguments must have the same element type");
  auto const rows_at = [&](index_t i) {
    return std::tuple<map_row<Ts>...>{map_row<Ts>{views.data() + i * views.stride(0), views.stride(1) == 0}...};
  };
  bool const dense = ((views.stride(1) == 1 && views.stride(0) == shape[1]) && ...);
  if (dense) return map_columns(f, shape.size(), rows_at(0));
  for (index_t i = 0; i < shape[0]; ++i) map_columns(f, shape[1], rows_at(i));
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
