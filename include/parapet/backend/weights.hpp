// Products with stored weights: y = x W' + bias, with W (out, in) as model files have it, in float, bfloat16 or int8.
//
// Activations and results are float. What is rounded is the operands: x to bfloat16 beside weights in bfloat16; beside int8, each
// row of x to whole numbers of [-127, 127] by a scale of its own (LLM.int8: Dettmers et al. 2022, section 2):
//     y(i, j) = s_i t_j sum_k q(i, k) v(j, k) + bias_j,   s_i = max_k |x(i, k)| / 127,   q(i, k) = round(x(i, k) / s_i)
// Sums of bfloat16 products are float, sums of int8 products exact. A row of x with a NaN or an infinity gives a row of NaN there.
//
// The templates here are the reference on the waist; backend/cpu/weights.hpp and backend/cuda/weights.cuh have the fast ones.
// On the CPU a row's result has the same bits alone and in a batch, and for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/bfloat16.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

/// Weights of 8 bits: W(j, k) = scale[j] * values(j, k), one scale an output. A view, owns nothing.
template <class Space>
struct int8_matrix {
  matrix_view<std::int8_t const, Space> values;  // (out, in)
  vector_view<float const, Space> scale;         // (out)

  PARAPET_FN constexpr extents<2> const& shape() const { return values.shape(); }
  PARAPET_FN constexpr index_t extent(int axis) const { return values.extent(axis); }
  PARAPET_FN constexpr bool empty() const { return values.empty(); }
  /// The outputs [begin, end).
  PARAPET_FN constexpr int8_matrix rows(index_t begin, index_t end) const { return {values.rows(begin, end), scale.slice(0, begin, end)}; }
};

/// Elements that weights may be stored in, beside int8_matrix.
template <class T>
concept weight_element = std::same_as<T, float> || std::same_as<T, bfloat16>;

/// Longest rows of an int8_matrix: their sums fit into 32 bits also where a kernel shifts one operand to [0, 255].
inline constexpr index_t most_int8_inputs = 65536;

namespace detail {

/// Throws shape_error unless y (rows, out) = x (rows, in) w (out, in)' + bias (out) or none, with dense rows.
template <class X, class W, class Y, class Bias>
void check_projection(X const& x, W const& w, Y const& y, Bias const& bias) {
  check_shape("project: weights", w.shape(), extents{y.extent(1), x.extent(1)});
  check_shape("project: output", y.shape(), extents{x.extent(0), w.extent(0)});
  if (!bias.empty()) check_shape("project: bias", bias.shape(), extents{w.extent(0)});
  auto const dense = [](auto const& m) { return m.stride(1) == 1 || m.extent(1) <= 1; };
  if (!dense(x) || !dense(w) || !dense(y) || (!bias.empty() && bias.stride(0) != 1 && bias.extent(0) > 1))
    throw shape_error(parapet::detail::concat("project: strides ", x.strides(), ", ", w.strides(), ", ", y.strides(), ": rows must be dense"));
}
template <class X, class Y, class Bias, class Space>
void check_projection(X const& x, int8_matrix<Space> const& w, Y const& y, Bias const& bias) {
  check_projection(x, w.values, y, bias);
  check_shape("project: scales of the weights", w.scale.shape(), extents{w.extent(0)});
  if (w.scale.stride(0) != 1 && w.scale.extent(0) > 1) throw shape_error("project: the scales of the weights must be dense");
  if (w.extent(1) > most_int8_inputs)
    throw shape_error(parapet::detail::concat("project: int8 weights of ", w.extent(1), " inputs, expected at most ", most_int8_inputs));
}

/// max |x| of a row: infinite or NaN where an element is.
template <class T, class Space>
PARAPET_FN float largest_magnitude(vector_view<T, Space> const& x) {
  float largest = 0;
  for (index_t k = 0; k < x.extent(0); ++k) {
    float const a = math::abs(static_cast<float>(x[k]));
    if (a != a) return a;
    largest = math::max(largest, a);
  }
  return largest;
}

/// Numbers of at most `largest` as 8 bits: value = scale * whole number, whole number = round(value * inverse).
struct int8_scale {
  float scale, inverse;
  PARAPET_FN explicit int8_scale(float largest) : scale(largest / 127), inverse(0) {
    if (!(largest - largest == 0)) scale = largest - largest;  // NaN, of an infinity too
    else if (largest > 1e-36f) inverse = 127 / largest;        // less is nothing: the inverse would be infinite
  }
};

/// The whole number nearest to x, ties to even, for |x| <= 127.
PARAPET_FN inline std::int32_t round_to_int(float x) { return static_cast<std::int32_t>(std::rint(x)); }

}  // namespace detail

namespace reference {

template <class Space>
struct bfloat16_product {
  matrix_view<float const, Space> x;
  matrix_view<bfloat16 const, Space> w;
  vector_view<float const, Space> bias;
  matrix_view<float, Space> y;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    float total = 0;
    for (index_t k = 0; k < x.extent(1); ++k) total += static_cast<float>(to_bfloat16(x(i, k))) * static_cast<float>(w(j, k));
    y(i, j) = bias.empty() ? total : total + bias[j];
  }
};

template <class Space>
struct int8_product {
  matrix_view<float const, Space> x;
  int8_matrix<Space> w;
  vector_view<float const, Space> bias;
  matrix_view<float, Space> y;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    detail::int8_scale const of_row(detail::largest_magnitude(x(i)));
    std::int32_t total = 0;
    if (of_row.inverse != 0)
      for (index_t k = 0; k < x.extent(1); ++k) total += detail::round_to_int(x(i, k) * of_row.inverse) * w.values(j, k);
    float const product = static_cast<float>(total) * (of_row.scale * w.scale[j]);
    y(i, j) = bias.empty() ? product : product + bias[j];
  }
};

template <class T, class Space>
struct quantize_row {
  matrix_view<T const, Space> w;
  matrix_view<std::int8_t, Space> values;
  vector_view<float, Space> scale;
  PARAPET_FN void operator()(index_t j) const {
    detail::int8_scale const of_row(detail::largest_magnitude(w(j)));
    scale[j] = of_row.scale;
    for (index_t k = 0; k < w.extent(1); ++k)
      values(j, k) = of_row.inverse == 0 ? std::int8_t{0} : static_cast<std::int8_t>(detail::round_to_int(static_cast<float>(w(j, k)) * of_row.inverse));
  }
};

}  // namespace reference

/// y = x W' + bias. x (rows, in), w (out, in), y (rows, out), bias (out) or empty; rows dense. Throws shape_error.
template <class Backend, class X, class Space>
  requires std::same_as<std::remove_const_t<X>, float>
void project(Backend& be, matrix_view<X, Space> const& x, matrix_view<float const, Space> const& w, matrix_view<float, Space> const& y,
             std::type_identity_t<vector_view<float const, Space>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  gemm(be, x, transposed(w), y, false, bias);
}
/// The same with weights in bfloat16, to which x is rounded.
template <class Backend, class X, class Space>
  requires std::same_as<std::remove_const_t<X>, float>
void project(Backend& be, matrix_view<X, Space> const& x, matrix_view<bfloat16 const, Space> const& w, matrix_view<float, Space> const& y,
             std::type_identity_t<vector_view<float const, Space>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  for_each_index(be, y.shape(), reference::bfloat16_product<Space>{x, w, bias, y});
}
/// The same with weights in int8, with at most most_int8_inputs inputs.
template <class Backend, class X, class Space>
  requires std::same_as<std::remove_const_t<X>, float>
void project(Backend& be, matrix_view<X, Space> const& x, int8_matrix<Space> const& w, matrix_view<float, Space> const& y,
             std::type_identity_t<vector_view<float const, Space>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  for_each_index(be, y.shape(), reference::int8_product<Space>{x, w, bias, y});
}
/// Weights that may be written are read.
template <class Backend, class X, class T, class Space>
  requires(weight_element<T> && std::same_as<std::remove_const_t<X>, float>)
void project(Backend& be, matrix_view<X, Space> const& x, matrix_view<T, Space> const& w, matrix_view<float, Space> const& y,
             std::type_identity_t<vector_view<float const, Space>> const& bias = {}) {
  project(be, x, matrix_view<T const, Space>(w), y, bias);
}

/// Gradients of y = x W' + bias with respect to W and x: dw += dy' x, and dx = dy W, or dx += dy W with `accumulate`; an empty dx is
/// not asked for. x (rows, in), w (out, in), dy (rows, out), dw (out, in), dx (rows, in), of float or double. Throws shape_error.
template <class Backend, class T, class Space>
void project_backward(Backend& be, matrix_view<T const, Space> const& x, matrix_view<T const, Space> const& w, matrix_view<T const, Space> const& dy,
                      matrix_view<T, Space> const& dw, matrix_view<T, Space> const& dx, bool accumulate = false) {
  gemm(be, transposed(dy), x, dw, true);
  if (!dx.empty()) gemm(be, dy, w, dx, accumulate);
}

/// values(j, k) = round(w(j, k) / scale[j]) with scale[j] = max |w(j, :)| / 127: weights (out, in) to 8 bits, once. A row that is
/// not finite gets a scale of NaN. Throws shape_error.
template <class Backend, class T, class Space>
  requires weight_element<std::remove_const_t<T>>
void quantize(Backend& be, matrix_view<T, Space> const& w, matrix_view<std::int8_t, Space> const& values, vector_view<float, Space> const& scale) {
  check_shape("quantize: values", values.shape(), w.shape());
  check_shape("quantize: scales", scale.shape(), extents{w.extent(0)});
  for_each_index(be, extents{w.extent(0)}, reference::quantize_row<std::remove_const_t<T>, Space>{w, values, scale});
}

}  // namespace parapet::inline PARAPET_ABI::backend
