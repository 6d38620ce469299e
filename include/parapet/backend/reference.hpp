// Fused row kernels, written once on the waist: correct on every backend, fast on none.
//
// A backend overloads the ones that it can do better (backend/cpu/layer_norm.hpp); the tests compare the two.
// Call them unqualified with a backend as first argument, after `using backend::softmax_rows;`: the backend may be of any namespace.
//
// layer norm: Ba, Kiros, Hinton (2016). y = scale * (x - mean) / sqrt(variance + epsilon) + shift, per row; an empty shift is none.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::backend {

namespace reference {

/// x = f(x)
template <class F>
struct in_place {
  F f;
  template <class X>
  PARAPET_FN void operator()(X& x) const { x = f(x); }
};

template <class T, class Space>
struct softmax_row {
  matrix_view<T const, Space> x;
  matrix_view<T, Space> y;
  PARAPET_FN void operator()(index_t i) const {
    if (x.extent(1) == 0) return;
    T highest = x(i, 0);
    for (index_t j = 1; j < x.extent(1); ++j) highest = math::max(highest, x(i, j));
    T total = 0;
    for (index_t j = 0; j < x.extent(1); ++j) total += y(i, j) = math::exp(x(i, j) - highest);
    for (index_t j = 0; j < x.extent(1); ++j) y(i, j) /= total;
  }
};

template <class T, class Space>
struct layer_norm_row {
  matrix_view<T const, Space> x;
  vector_view<T const, Space> scale, shift;
  T epsilon;
  matrix_view<T, Space> y, normalized;
  vector_view<T, Space> inverse_deviation;
  PARAPET_FN void operator()(index_t i) const {
    index_t const n = x.extent(1);
    T mean = 0, variance = 0;
    for (index_t j = 0; j < n; ++j) mean += x(i, j);
    mean /= static_cast<T>(n);
    for (index_t j = 0; j < n; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean);
    variance /= static_cast<T>(n);
    inverse_deviation[i] = T(1) / math::sqrt(variance + epsilon);
    for (index_t j = 0; j < n; ++j) {
      normalized(i, j) = (x(i, j) - mean) * inverse_deviation[i];
      y(i, j) = normalized(i, j) * scale[j] + (shift.empty() ? T(0) : shift[j]);
    }
  }
};

template <class T, class Space>
struct layer_norm_input_gradient_row {
  vector_view<T const, Space> scale;
  matrix_view<T const, Space> normalized;
  vector_view<T const, Space> inverse_deviation;
  matrix_view<T const, Space> dy;
  matrix_view<T, Space> dx;
  PARAPET_FN void operator()(index_t i) const {
    index_t const n = dy.extent(1);
    T mean = 0, projection = 0;
    for (index_t j = 0; j < n; ++j) {
      mean += dy(i, j) * scale[j];
      projection += dy(i, j) * scale[j] * normalized(i, j);
    }
    mean /= static_cast<T>(n);
    projection /= static_cast<T>(n);
    for (index_t j = 0; j < n; ++j)
      dx(i, j) = (dy(i, j) * scale[j] - mean - normalized(i, j) * projection) * inverse_deviation[i];
  }
};

template <class T, class Space>
struct layer_norm_parameter_gradient_column {
  matrix_view<T const, Space> normalized, dy;
  vector_view<T, Space> dscale, dshift;
  PARAPET_FN void operator()(index_t j) const {
    for (index_t i = 0; i < dy.extent(0); ++i) {
      dscale[j] += dy(i, j) * normalized(i, j);
      if (!dshift.empty()) dshift[j] += dy(i, j);
    }
  }
};

/// Throws shape_error unless the arguments of layer norm fit; shift may be empty.
template <class X, class Scale, class Shift, class Y, class Normalized, class Deviation>
void check_layer_norm(X const& x, Scale const& scale, Shift const& shift, Y const& y, Normalized const& normalized, Deviation const& inverse_deviation) {
  auto parameters = scale.shape();
  auto rows = inverse_deviation.shape();
  for (int axis = 0; axis + 1 < X::rank; ++axis) rows[axis] = x.extent(axis);
  if (X::rank == 3) parameters[0] = x.extent(0);
  parameters[Scale::rank - 1] = x.extent(X::rank - 1);
  check_shape("layer_norm: scale", scale.shape(), parameters);
  if (!shift.empty()) check_shape("layer_norm: shift", shift.shape(), parameters);
  check_shape("layer_norm: output", y.shape(), x.shape());
  check_shape("layer_norm: normalized", normalized.shape(), x.shape());
  check_shape("layer_norm: inverse_deviation", inverse_deviation.shape(), rows);
}

}  // namespace reference

/// y(i, :) = exp(x(i, :)) / sum exp(x(i, :)), shifted by the largest element; x and y (rows, columns) may be the same.
template <class Backend, class T, class Space>
void softmax_rows(Backend& be, matrix_view<T const, Space> const& x, matrix_view<T, Space> const& y) {
  check_shape("softmax_rows: output", y.shape(), x.shape());
  for_each_index(be, extents{x.extent(0)}, reference::softmax_row<T, Space>{x, y});
}

/// Layer norm of x (rows, n) with scale and shift (n) into y (rows, n); keeps normalized (rows, n) and
/// inverse_deviation (rows) for the backward pass. Without a shift that is an empty view. Throws shape_error.
template <class Backend, class T, class Space>
void layer_norm_forward(Backend& be, matrix_view<T const, Space> const& x, vector_view<T const, Space> const& scale,
                        vector_view<T const, Space> const& shift, std::type_identity_t<T> epsilon,
                        matrix_view<T, Space> const& y, matrix_view<T, Space> const& normalized,
                        vector_view<T, Space> const& inverse_deviation) {
  reference::check_layer_norm(x, scale, shift, y, normalized, inverse_deviation);
  for_each_index(be, extents{x.extent(0)},
                 reference::layer_norm_row<T, Space>{x, scale, shift, epsilon, y, normalized, inverse_deviation});
}

/// Gradients of layer norm: dx (rows, n) is written, dscale and dshift (n, or empty) are added to. Throws shape_error.
template <class Backend, class T, class Space>
void layer_norm_backward(Backend& be, vector_view<T const, Space> const& scale,
                         matrix_view<T const, Space> const& normalized,
                         vector_view<T const, Space> const& inverse_deviation, matrix_view<T const, Space> const& dy,
                         matrix_view<T, Space> const& dx, vector_view<T, Space> const& dscale,
                         vector_view<T, Space> const& dshift) {
  reference::check_layer_norm(dy, scale, dshift, dx, normalized, inverse_deviation);
  check_shape("layer_norm: scale gradient", dscale.shape(), scale.shape());
  for_each_index(be, extents{dy.extent(1)},
                 reference::layer_norm_parameter_gradient_column<T, Space>{normalized, dy, dscale, dshift});
  for_each_index(be, extents{dy.extent(0)}, reference::layer_norm_input_gradient_row<T, Space>{
                                                scale, normalized, inverse_deviation, dy, dx});
}

// Of stacks (N, ...): one matrix after the other, unless a backend knows better.

/// out(k, :) = sums of the columns of x(k), added to what is there with `accumulate`; x (N, rows, n), out (N, n).
template <class Backend, class T, class U, class Space>
void reduce_columns(Backend& be, tensor_view<U, 3, Space> const& x, matrix_view<T, Space> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(0), x.extent(2)});
  for (index_t k = 0; k < x.extent(0); ++k) reduce_columns(be, x(k), out(k), accumulate);
}

/// Layer norm of x (N, rows, n), each matrix with its own scale and shift (N, n); inverse_deviation (N, rows).
template <class Backend, class T, class Space>
void layer_norm_forward(Backend& be, tensor_view<T const, 3, Space> const& x, matrix_view<T const, Space> const& scale,
                        matrix_view<T const, Space> const& shift, std::type_identity_t<T> epsilon, tensor_view<T, 3, Space> const& y,
                        tensor_view<T, 3, Space> const& normalized, matrix_view<T, Space> const& inverse_deviation) {
  reference::check_layer_norm(x, scale, shift, y, normalized, inverse_deviation);
  for (index_t k = 0; k < x.extent(0); ++k)
    layer_norm_forward(be, x(k), scale(k), shift.empty() ? vector_view<T const, Space>{} : shift(k), epsilon, y(k), normalized(k), inverse_deviation(k));
}

/// Gradients of the same: dx (N, rows, n) is written, dscale and dshift (N, n) are added to.
template <class Backend, class T, class Space>
void layer_norm_backward(Backend& be, matrix_view<T const, Space> const& scale, tensor_view<T const, 3, Space> const& normalized,
                         matrix_view<T const, Space> const& inverse_deviation, tensor_view<T const, 3, Space> const& dy,
                         tensor_view<T, 3, Space> const& dx, matrix_view<T, Space> const& dscale, matrix_view<T, Space> const& dshift) {
  reference::check_layer_norm(dy, scale, dshift, dx, normalized, inverse_deviation);
  check_shape("layer_norm: scale gradient", dscale.shape(), scale.shape());
  for (index_t k = 0; k < dy.extent(0); ++k)
    layer_norm_backward(be, scale(k), normalized(k), inverse_deviation(k), dy(k), dx(k), dscale(k),
                        dshift.empty() ? vector_view<T, Space>{} : dshift(k));
}

/// c = f(a b + bias), f element by element as math/activation.hpp has it; stacks as `gemm` takes them, bias (N, n) or empty.
template <class Backend, class F, class A, class B, class T, class Space>
void activated_product(Backend& be, F const& f, tensor_view<A, 3, Space> const& a, tensor_view<B, 3, Space> const& b,
                       tensor_view<T, 3, Space> const& c, matrix_view<std::type_identity_t<T> const, Space> const& bias) {
  gemm(be, a, b, c, false, bias);
  map(be, reference::in_place<F>{f}, c);
}

/// first(be) and second(another backend of the type, or be), which write nothing that the other reads or writes: one after the
/// other, unless a backend knows better. What follows sees the results of both.
template <class Backend, class First, class Second>
void concurrently(Backend& be, First const& first, Second const& second) {
  first(be);
  second(be);
}

}  // namespace parapet::inline PARAPET_ABI::backend
