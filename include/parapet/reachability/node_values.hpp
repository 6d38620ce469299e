// Sets given by their values at the nodes of the grid, still or moving, beside those given by functors.
//
// A dense row-major view of the grid's shape is a set (problem.hpp). moving_values is a film of such arrays, linear in time between
// its frames and still before the first and after the last.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/math/pack.hpp>
#include <parapet/reachability/input_set.hpp>
#include <parapet/reachability/problem.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

/// Frames (k, shape of the grid...) at k >= 1 times spread evenly over [start, end].
template <class T, int D, class Space = host_space>
struct moving_values {
  tensor_view<T const, D + 1, Space> frames;
  double start, end;
};

namespace detail {

/// Consecutive nodes along the last axis that one X stands for: `count` of them, from `offset` on in a row-major array.
template <class X>
struct node_span {
  index_t offset, count;

  template <class T>
  PARAPET_INLINE PARAPET_FN X load(T const* values) const {
    if constexpr (std::is_same_v<X, T>) return values[offset];
    else return count == X::lanes ? X::load(values + offset) : X::load(values + offset, count);
  }
};

template <class Set>
inline constexpr bool is_node_values = false;
template <class T, int D, class Space>
inline constexpr bool is_node_values<tensor_view<T, D, Space>> = true;

template <class Set>
inline constexpr bool is_moving_values = false;
template <class T, int D, class Space>
inline constexpr bool is_moving_values<moving_values<T, D, Space>> = true;

/// Whether a set depends on the time: a film, or a functor that takes (x, t).
template <class Set, class T, int D>
inline constexpr bool is_moving = is_moving_values<Set> || std::is_invocable_v<Set const&, vec<T, D> const&, T const&>;

/// The function of a set, negative inside, at the state(s) x of `nodes` and the time t.
template <class Set, class X, int D, class Time>
PARAPET_INLINE PARAPET_FN X set_at(Set const& set, node_span<X> const& nodes, vec<X, D> const& x, Time t) {
  if constexpr (is_node_values<Set>) {
    return nodes.load(set.data());
  } else if constexpr (is_moving_values<Set>) {
    index_t const frames = set.frames.extent(0), size = set.frames.size() / frames;
    Time at = frames > 1 && set.end > set.start ? (t - Time(set.start)) / Time(set.end - set.start) * Time(frames - 1) : Time(0);
    at = at < Time(0) ? Time(0) : at > Time(frames - 1) ? Time(frames - 1) : at;
    auto const k = static_cast<index_t>(at);
    Time const fraction = at - Time(k);
    X const now = nodes.load(set.frames.data() + k * size);
    if (fraction == Time(0)) return now;
    return now + X(fraction) * (nodes.load(set.frames.data() + (k + 1) * size) - now);
  } else {
    return set_value(set, x, X(t));
  }
}

/// Throws where a set's array does not have the shape of the grid.
template <class Set, int D>
void check_set(char const* what, Set const& set, grid::grid<D> const& nodes) {
  if constexpr (is_node_values<Set>) {
    check_shape(what, set.shape(), nodes.shape());
    if (!set.is_contiguous()) throw shape_error(parapet::detail::concat(what, " must be a dense row-major array"));
  } else if constexpr (is_moving_values<Set>) {
    extents<D + 1> wanted{};
    wanted[0] = set.frames.extent(0);
    for (int a = 0; a < D; ++a) wanted[a + 1] = nodes.shape()[a];
    check_shape(what, set.frames.shape(), wanted);
    if (wanted[0] < 1 || !set.frames.is_contiguous())
      throw shape_error(parapet::detail::concat(what, " must be a dense row-major array of at least one frame"));
  }
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::reachability
