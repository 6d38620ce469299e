// Kernels over rows and columns without their launch: one row's share of a group of lanes, one column's share of a thread.
//
// A row body is called by every lane of a group with the same row; lane r takes elements r, r + size, ... and the group folds.
// Lanes is a warp or a block on the device (lanes.cuh), and in tests one lane or threads that wait for each other.
//
// Stacks: x is (N, rows, n) and row i of matrix m is row m * rows + i of the kernel; parameters are (N, n).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// y = exp(x - max x) / sum of the same, per row.
template <class T, class Space>
struct softmax_body {
  matrix_view<T const, Space> x;
  matrix_view<T, Space> y;
  template <class Lanes>
  PARAPET_FN void operator()(Lanes const& lanes, index_t i) const {
    index_t const n = x.extent(1);
    T highest = x(i, 0);
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) highest = math::max(highest, x(i, j));
    highest = lanes.fold(highest, math::maximum{});
    T total = 0;
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) total += y(i, j) = math::exp(x(i, j) - highest);
    total = lanes.fold(total, math::plus{});
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) y(i, j) /= total;
  }
};

/// y = scale (x - mean) / sqrt(variance + epsilon) + shift, per row of a stack.
template <class T, class Space>
struct layer_norm_body {
  tensor_view<T const, 3, Space> x;
  matrix_view<T const, Space> scale, shift;
  T epsilon;
  tensor_view<T, 3, Space> y, normalized;
  matrix_view<T, Space> inverse_deviation;
  template <class Lanes>
  PARAPET_FN void operator()(Lanes const& lanes, index_t row) const {
    index_t const m = row / x.extent(1), i = row % x.extent(1), n = x.extent(2);
    T total = 0, squares = 0;
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) total += x(m, i, j);
    T const mean = lanes.fold(total, math::plus{}) / static_cast<T>(n);
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) squares += (x(m, i, j) - mean) * (x(m, i, j) - mean);
    T const variance = lanes.fold(squares, math::plus{}) / static_cast<T>(n);
    T const inverse = T(1) / math::sqrt(variance + epsilon);
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) {
      T const z = (x(m, i, j) - mean) * inverse;
      normalized(m, i, j) = z;
      y(m, i, j) = z * scale(m, j) + (shift.empty() ? T(0) : shift(m, j));
    }
    if (lanes.rank() == 0) inverse_deviation(m, i) = inverse;
  }
};

/// dx of layer norm, per row of a stack.
template <class T, class Space>
struct layer_norm_gradient_body {
  matrix_view<T const, Space> scale;
  tensor_view<T const, 3, Space> normalized;
  matrix_view<T const, Space> inverse_deviation;
  tensor_view<T const, 3, Space> dy;
  tensor_view<T, 3, Space> dx;
  template <class Lanes>
  PARAPET_FN void operator()(Lanes const& lanes, index_t row) const {
    index_t const m = row / dy.extent(1), i = row % dy.extent(1), n = dy.extent(2);
    T mean = 0, projection = 0;
    for (index_t j = lanes.rank(); j < n; j += lanes.size()) {
      T const scaled = dy(m, i, j) * scale(m, j);
      mean += scaled;
      projection += scaled * normalized(m, i, j);
    }
    mean = lanes.fold(mean, math::plus{}) / static_cast<T>(n);
    projection = lanes.fold(projection, math::plus{}) / static_cast<T>(n);
    T const inverse = inverse_deviation(m, i);
    for (index_t j = lanes.rank(); j < n; j += lanes.size())
      dx(m, i, j) = (dy(m, i, j) * scale(m, j) - mean - normalized(m, i, j) * projection) * inverse;
  }
};

/// out[i] = sum of row i.
template <class T, class U, class Space>
struct row_sum_body {
  matrix_view<U, Space> x;
  vector_view<T, Space> out;
  template <class Lanes>
  PARAPET_FN void operator()(Lanes const& lanes, index_t i) const {
    T total = 0;
    for (index_t j = lanes.rank(); j < x.extent(1); j += lanes.size()) total += x(i, j);
    total = lanes.fold(total, math::plus{});
    if (lanes.rank() == 0) out[i] = total;
  }
};

// Columns: part(m, j, first, step) is what the rows first, first + step, ... of matrix m give to column j; the parts are added
// and finish(m, j, sum) writes.

template <class T, class U, class Space>
struct column_sum_body {
  using value = T;
  tensor_view<U, 3, Space> x;  // (N, rows, n)
  matrix_view<T, Space> out;   // (N, n)
  bool accumulate;

  PARAPET_FN T part(index_t m, index_t j, index_t first, index_t step) const {
    T total = 0;
    for (index_t i = first; i < x.extent(1); i += step) total += x(m, i, j);
    return total;
  }
  PARAPET_FN void finish(index_t m, index_t j, T total) const { out(m, j) = accumulate ? out(m, j) + total : total; }
};

/// Two numbers that are added side by side.
template <class T>
struct two_sums {
  T a, b;
  friend PARAPET_FN two_sums operator+(two_sums const& x, two_sums const& y) { return {x.a + y.a, x.b + y.b}; }
};

/// dscale += sum of dy z, dshift += sum of dy, over the rows.
template <class T, class Space>
struct layer_norm_parameter_body {
  using value = two_sums<T>;
  tensor_view<T const, 3, Space> normalized, dy;  // (N, rows, n)
  matrix_view<T, Space> dscale, dshift;           // (N, n)

  PARAPET_FN value part(index_t m, index_t j, index_t first, index_t step) const {
    value total{0, 0};
    for (index_t i = first; i < dy.extent(1); i += step) {
      T const g = dy(m, i, j);
      total.a += g * normalized(m, i, j);
      total.b += g;
    }
    return total;
  }
  PARAPET_FN void finish(index_t m, index_t j, value const& total) const {
    dscale(m, j) += total.a;
    if (!dshift.empty()) dshift(m, j) += total.b;
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
