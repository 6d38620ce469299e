// What a Hamilton-Jacobi solve looks at beside its steps: a start that makes sense, numbers that are finite, edges that are reached.
//
// Written on the waist, with a scratch array of the grid's size: node-wise marks, then a reduction.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/math/functions.hpp>

#include <limits>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability::detail {

/// Where along a row {V <= 0} begins and ends; n and -1 in a row without it.
template <class T>
struct extent_in_row {
  T const* values;
  index_t n;
  T* first;
  T* last;
  PARAPET_FN void operator()(index_t row) const {
    T const* const v = values + row * n;
    index_t low = n, high = -1;
    for (index_t j = 0; j < n; ++j) {
      bool const inside = v[j] <= T(0);
      low = inside && j < low ? j : low;
      high = inside ? j : high;
    }
    first[row] = static_cast<T>(low);
    last[row] = static_cast<T>(high);
  }
};

/// mark[row] = the row's index along an outer axis, of `n` rows at a distance of `stride`, if it has a part of the set; `outside` else.
template <class T>
struct mark_row {
  T const* last;
  T* mark;
  index_t stride, n;
  T outside;
  PARAPET_FN void operator()(index_t row) const { mark[row] = last[row] >= T(0) ? static_cast<T>(row / stride % n) : outside; }
};

template <class T>
struct mark_not_finite {
  T const* values;
  T* scratch;
  PARAPET_FN void operator()(index_t n) const { scratch[n] = values[n] - values[n] == T(0) ? T(0) : T(1); }
};

template <class T>
struct mark_difference {
  T const* a;
  T const* b;
  T* scratch;
  PARAPET_FN void operator()(index_t n) const {
    T const d = a[n] - b[n];
    scratch[n] = d - d == T(0) ? math::abs(d) : math::infinity<T>;
  }
};

/// 0 where already inside, infinity elsewhere.
template <class T>
struct first_arrival {
  T const* values;
  T* arrival;
  PARAPET_FN void operator()(index_t n) const { arrival[n] = values[n] <= T(0) ? T(0) : math::infinity<T>; }
};

template <class T, class Space>
vector_view<T const, Space> as_const(vector_view<T, Space> const& x) {
  return x;
}

/// Index of the first value that is not finite. `values` is given up: it holds the marks afterwards.
template <class Backend, class T, class Space>
index_t first_not_finite(Backend& be, vector_view<T, Space> const& values) {
  for_each_index(be, values.shape(), mark_not_finite<T>{values.data(), values.data()});
  return argmax(be, as_const(values));
}

/// Largest |a - b|, infinite where one is not finite. scratch may be b.
template <class Backend, class T, class Space>
double largest_difference(Backend& be, vector_view<T, Space> const& a, vector_view<T, Space> const& b, vector_view<T, Space> const& scratch) {
  for_each_index(be, a.shape(), mark_difference<T>{a.data(), b.data(), scratch.data()});
  return static_cast<double>(reduce(be, as_const(scratch), math::maximum{}, T(0)));
}

/// Throws argument_error for a start that is not finite or the same everywhere; warns of an empty or full set, and of one so
/// narrow that the grid hardly sees it.
template <class T, class Backend, int D, class Space>
void check_start(Backend& be, grid::grid<D> const& nodes, vector_view<T, Space> const& values, vector_view<T, Space> const& scratch, char const* role,
                 std::vector<std::string>& warnings) {
  using parapet::detail::concat;
  T const infinity = std::numeric_limits<T>::infinity();
  if (T const total = sum(be, as_const(values)); !(total - total == T(0))) {
    copy(be, as_const(values), scratch);
    index_t const at = first_not_finite(be, scratch);
    throw argument_error(concat("hamilton_jacobi: the target's function at ", grid::detail::describe(nodes.state(nodes.index(at))), " is not finite"));
  }
  auto const low = static_cast<double>(reduce(be, as_const(values), math::minimum{}, infinity));
  auto const high = static_cast<double>(reduce(be, as_const(values), math::maximum{}, -infinity));
  if (!(low < high)) throw argument_error(concat("hamilton_jacobi: the target's function is ", low, " everywhere: it has no boundary to move"));
  if (low > 0 || high <= 0) {
    warnings.push_back(concat(role, ": at the start V runs from ", low, " to ", high, ": ",
                              low > 0 ? "no" : "every", " node is in the set; are its units right?"));
    return;
  }
  // Three numbers a row, which have room in scratch: no axis has less than three nodes.
  index_t const n = nodes.shape()[D - 1], rows = nodes.size() / n;
  vector_view<T, Space> const begins(scratch.data(), extents{rows}), ends(scratch.data() + rows, extents{rows}),
      marks(scratch.data() + 2 * rows, extents{rows});
  for_each_index(be, extents{rows}, extent_in_row<T>{values.data(), n, begins.data(), ends.data()});
  index_t stride = rows;
  for (int a = 0; a < D; ++a) {
    if (a < D - 1) stride /= nodes.shape()[a];
    auto const bound = [&](vector_view<T, Space> const& along_rows, T outside, auto fold) {
      if (a < D - 1) for_each_index(be, extents{rows}, mark_row<T>{ends.data(), marks.data(), stride, nodes.shape()[a], outside});
      return static_cast<double>(reduce(be, as_const(a < D - 1 ? marks : along_rows), fold, outside));
    };
    double const first = bound(begins, infinity, math::minimum{}), last = bound(ends, T(-1), math::maximum{});
    if (last - first + 1 < 4)
      warnings.push_back(concat(role, ": the set is ", last - first + 1, " nodes wide along axis ", a,
                                ", expected at least 4 for a boundary that means something"));
  }
}

/// scratch[k] = V at the k-th node of a face of the grid.
template <class T, int D>
struct face_node {
  grid::grid<D> nodes;
  T const* values;
  T* scratch;
  int axis;
  index_t at;
  PARAPET_FN void operator()(index_t k) const {
    extents<D> index{};
    index_t rest = k;
    for (int a = D - 1; a >= 0; --a) {
      if (a == axis) {
        index[a] = at;
      } else {
        index[a] = rest % nodes.shape()[a];
        rest /= nodes.shape()[a];
      }
    }
    scratch[k] = values[nodes.offset(index)];
  }
};

/// Whether {V <= 0} reaches the low and the high end of each axis, in that order; false for periodic ones.
template <class T, class Backend, int D, class Space>
std::vector<bool> touched_ends(Backend& be, grid::grid<D> const& nodes, vector_view<T, Space> const& values, vector_view<T, Space> const& scratch) {
  std::vector<bool> touched;
  for (int a = 0; a < D; ++a)
    for (int end = 0; end < 2; ++end) {
      index_t const face = nodes.size() / nodes.axis(a).n;
      vector_view<T, Space> const part(scratch.data(), extents{face});
      for_each_index(be, extents{face}, face_node<T, D>{nodes, values.data(), scratch.data(), a, end == 0 ? 0 : nodes.axis(a).n - 1});
      touched.push_back(!nodes.axis(a).is_periodic() && reduce(be, as_const(part), math::minimum{}, std::numeric_limits<T>::infinity()) <= T(0));
    }
  return touched;
}

}  // namespace parapet::inline PARAPET_ABI::reachability::detail
