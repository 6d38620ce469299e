// Multilinear interpolation on a grid, and what a query beyond it gets.
//
// In the cell around x with fractions f_a the result is the mean of the 2^D corners with weights prod f_a or (1 - f_a). The
// weights are convex: the result lies between the corners' values, so a backup through it is a contraction if its discount
// is below 1. What lies beyond is decided by the type of a rule, not by a silent NaN:
//
//     interpolate(nodes, values, x, off_grid::clamp{});              // the nearest point of the grid
//     interpolate(nodes, values, x, off_grid::conservative{-1.0f});  // this value: "unsafe"
//     interpolate(nodes, values, x, off_grid::error{});              // throws argument_error, with the state
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/vec.hpp>

#include <string>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::grid {

namespace off_grid {
/// The value at the nearest point of the grid.
struct clamp {};
/// A fixed value, chosen by the caller to be the bad one.
template <class T>
struct conservative {
  T value;
};
template <class T>
conservative(T) -> conservative<T>;
/// argument_error; for queries on the host.
struct error {};
}  // namespace off_grid

/// The cell of a state: the offset of its lowest corner, how far the next node along each axis is, and how far x is
/// towards that node, 0 to 1. A state beyond the grid has the cell of its nearest point, and is not `inside`.
template <class T, int D>
struct cell {
  index_t base;
  index_t step[D];
  T fraction[D];
  bool inside;
};

/// The cell of x; a NaN is outside, in the first cell along its axis.
template <class T, int D>
PARAPET_FN constexpr cell<T, D> locate(grid<D> const& g, vec<T, D> const& x) {
  cell<T, D> c{};
  c.inside = true;
  index_t stride = 1;
  for (int a = D - 1; a >= 0; --a) {
    parapet::grid::axis const& along = g.axis(a);
    double at = (static_cast<double>(x[a]) - along.low) * g.inverse_spacing(a);
    index_t i = 0, next = 1;
    if (along.is_periodic()) {
      auto const n = static_cast<double>(along.n);
      bool const finite = at - at == 0 && at < 1e15 && at > -1e15;
      c.inside = c.inside && finite;
      if (!finite) at = 0;
      if (!(at >= 0 && at < n)) {
        auto turns = static_cast<double>(static_cast<index_t>(at / n));
        at -= turns * n;
        if (at < 0) at += n;
        if (at >= n) at = 0;  // rounding: a hair below 0 is 0
      }
      i = static_cast<index_t>(at);
      next = i + 1 < along.n ? 1 : 1 - along.n;
    } else {
      auto const last = static_cast<double>(along.n - 1);
      double const beyond = at;
      if (!(at >= 0)) at = 0;  // NaN too
      if (at > last) at = last;
      // A last node that rounding puts beyond the end is still the last node.
      c.inside = c.inside && beyond >= -1e-6 && beyond <= last + 1e-6;
      i = static_cast<index_t>(at);
      if (i > along.n - 2) i = along.n - 2;
    }
    c.base += i * stride;
    c.step[a] = next * stride;
    c.fraction[a] = static_cast<T>(at - static_cast<double>(i));
    stride *= along.n;
  }
  return c;
}

namespace detail {

template <int Axis, class T, int D>
PARAPET_FN constexpr T interpolate_from(cell<T, D> const& c, T const* values) {
  if constexpr (Axis == D) {
    return *values;
  } else {
    T const low = interpolate_from<Axis + 1>(c, values), high = interpolate_from<Axis + 1>(c, values + c.step[Axis]);
    return (1 - c.fraction[Axis]) * low + c.fraction[Axis] * high;
  }
}

template <class T, int D>
std::string describe(vec<T, D> const& x) {
  std::string text = "(";
  for (int a = 0; a < D; ++a) {
    if (a != 0) text += ", ";
    parapet::detail::append(text, static_cast<double>(x[a]));
  }
  return text + ')';
}

}  // namespace detail

/// The value in a cell; values is a dense row-major array of the grid's shape.
template <class T, int D>
PARAPET_FN constexpr T interpolate(cell<T, D> const& c, T const* values) {
  return detail::interpolate_from<0>(c, values + c.base);
}

/// The value at x under a rule for queries beyond the grid.
template <class T, int D, class Rule>
PARAPET_FN constexpr T interpolate(grid<D> const& g, T const* values, vec<T, D> const& x, Rule const& rule) {
  cell<T, D> const c = locate(g, x);
  if constexpr (std::is_same_v<Rule, off_grid::error>) {
    if (!c.inside) throw argument_error("interpolate: the state " + detail::describe(x) + " lies beyond the grid");
  } else if constexpr (!std::is_same_v<Rule, off_grid::clamp>) {
    if (!c.inside) return static_cast<T>(rule.value);
  }
  return interpolate(c, values);
}

/// The same for an array of the grid's shape on the host. Throws shape_error.
template <class T, int D, class Rule>
T interpolate(grid<D> const& g, tensor_view<T const, D> const& values, vec<T, D> const& x, Rule const& rule) {
  check_shape("interpolate: values", values.shape(), g.shape());
  PARAPET_ASSERT(values.is_contiguous());
  return interpolate(g, values.data(), x, rule);
}

namespace detail {

template <class T, int D, class Space, class Rule>
struct interpolate_row {
  grid<D> nodes;
  T const* values;
  matrix_view<T const, Space> states;
  vector_view<T, Space> out;
  Rule rule;
  PARAPET_FN void operator()(index_t i) const {
    vec<T, D> x{};
    for (int a = 0; a < D; ++a) x[a] = states(i, a);
    out[i] = interpolate(nodes, values, x, rule);
  }
};

}  // namespace detail

/// out[i] = the value at row i of `states` (n, D), on any backend. Rules: clamp or conservative. Throws shape_error.
template <class Backend, class T, int D, class Space, class Rule>
void interpolate(Backend& be, grid<D> const& g, tensor_view<T const, D, Space> const& values,
                 matrix_view<T const, Space> const& states, vector_view<T, Space> const& out, Rule const& rule) {
  static_assert(!std::is_same_v<Rule, off_grid::error>, "interpolate: a kernel cannot throw; take off_grid::clamp or off_grid::conservative for a batch");
  check_shape("interpolate: values", values.shape(), g.shape());
  check_shape("interpolate: states", states.shape(), extents{out.extent(0), index_t{D}});
  if (!values.is_contiguous()) throw shape_error("interpolate: the values must be dense and row-major");
  for_each_index(be, extents{out.extent(0)}, detail::interpolate_row<T, D, Space, Rule>{g, values.data(), states, out, rule});
}

}  // namespace parapet::inline PARAPET_ABI::grid
