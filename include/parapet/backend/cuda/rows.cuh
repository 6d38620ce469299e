// softmax, layer norm, row and column sums: kernels of one warp (or, for long rows, one block) a row, and of 128 threads a
// column. Sums have a fixed order, without atomics: a run repeats bit for bit.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/lanes.cuh>
#include <parapet/backend/cuda/rows.hpp>
#include <parapet/backend/reference.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

template <class Body>
__global__ void __launch_bounds__(threads_per_block) warp_rows_kernel(index_t rows, Body body) {
  index_t const first = static_cast<index_t>(blockIdx.x) * blockDim.y + threadIdx.y, step = static_cast<index_t>(gridDim.x) * blockDim.y;
  for (index_t row = first; row < rows; row += step) body(warp_lanes{}, row);
}
template <class T, class Body>
__global__ void __launch_bounds__(threads_per_block) block_rows_kernel(index_t rows, Body body) {
  __shared__ T slots[threads_per_block];
  for (index_t row = blockIdx.x; row < rows; row += gridDim.x) body(block_lanes<T>{slots}, row);
}
template <class Body>
__global__ void __launch_bounds__(columns_per_block * threads_per_column) columns_kernel(index_t columns, Body body) {
  using value = typename Body::value;
  __shared__ value part[threads_per_column][columns_per_block];
  index_t const m = blockIdx.y, j = static_cast<index_t>(blockIdx.x) * columns_per_block + threadIdx.x;
  value& mine = part[threadIdx.y][threadIdx.x];
  mine = j < columns ? body.part(m, j, threadIdx.y, threads_per_column) : value{};
  __syncthreads();
  for (unsigned half = threads_per_column / 2; half > 0; half /= 2) {
    if (threadIdx.y < half) mine = mine + part[threadIdx.y + half][threadIdx.x];
    __syncthreads();
  }
  if (threadIdx.y == 0 && j < columns) body.finish(m, j, mine);
}

/// Calls body(lanes, row) for each row of `columns` elements of T.
template <class T, class Body>
void for_each_row(cuda& be, char const* what, index_t rows, index_t columns, Body const& body) {
  if (rows == 0) return;
  auto const kernel = row_fits_warp(columns) ? warp_rows_kernel<Body> : block_rows_kernel<T, Body>;
  launch(be, what, rows * columns, shape_for_rows(rows, columns, be.multiprocessors()), kernel, rows, body);
}
template <class Body>
void for_each_column(cuda& be, char const* what, index_t matrices, index_t columns, Body const& body) {
  constexpr index_t most = 65535;  // blocks along y
  if (matrices > most) throw argument_error(parapet::detail::concat(what, ": a stack of ", matrices, " matrices, expected at most ", most));
  if (matrices != 0 && columns != 0) launch(be, what, matrices * columns, shape_for_columns(columns, matrices), columns_kernel<Body>, columns, body);
}

template <class T>
using device_matrix = matrix_view<T, device_space>;
template <class T>
using device_stack = tensor_view<T, 3, device_space>;
template <class T>
using device_vector = vector_view<T, device_space>;

}  // namespace cuda_detail

/// y(i, :) = exp(x(i, :)) / sum exp(x(i, :)); x and y (rows, columns) may be the same. Throws shape_error.
template <class T>
void softmax_rows(cuda& be, matrix_view<T const, device_space> const& x, matrix_view<T, device_space> const& y) {
  check_shape("softmax_rows: output", y.shape(), x.shape());
  if (x.extent(1) != 0) cuda_detail::for_each_row<T>(be, "softmax_rows", x.extent(0), x.extent(1), cuda_detail::softmax_body<T, device_space>{x, y});
}

/// Layer norm of a stack x (N, rows, n) with scale and shift (N, n) into y; keeps normalized (N, rows, n) and inverse_deviation
/// (N, rows) for the backward pass.
template <class T>
void layer_norm_forward(cuda& be, tensor_view<T const, 3, device_space> const& x, matrix_view<T const, device_space> const& scale,
                        matrix_view<T const, device_space> const& shift, std::type_identity_t<T> epsilon,
                        tensor_view<T, 3, device_space> const& y, tensor_view<T, 3, device_space> const& normalized,
                        matrix_view<T, device_space> const& inverse_deviation) {
  reference::check_layer_norm(x, scale, shift, y, normalized, inverse_deviation);
  cuda_detail::for_each_row<T>(be, "layer_norm_forward", x.extent(0) * x.extent(1), x.extent(2),
                          cuda_detail::layer_norm_body<T, device_space>{x, scale, shift, epsilon, y, normalized, inverse_deviation});
}

/// Gradients: dx (N, rows, n) is written, dscale and dshift (N, n) are added to.
template <class T>
void layer_norm_backward(cuda& be, matrix_view<T const, device_space> const& scale, tensor_view<T const, 3, device_space> const& normalized,
                         matrix_view<T const, device_space> const& inverse_deviation, tensor_view<T const, 3, device_space> const& dy,
                         tensor_view<T, 3, device_space> const& dx, matrix_view<T, device_space> const& dscale,
                         matrix_view<T, device_space> const& dshift) {
  reference::check_layer_norm(dy, scale, dshift, dx, normalized, inverse_deviation);
  check_shape("layer_norm: scale gradient", dscale.shape(), scale.shape());
  cuda_detail::for_each_column(be, "layer_norm_backward", dy.extent(0), dy.extent(2),
                          cuda_detail::layer_norm_parameter_body<T, device_space>{normalized, dy, dscale, dshift});
  cuda_detail::for_each_row<T>(be, "layer_norm_backward", dy.extent(0) * dy.extent(1), dy.extent(2),
                          cuda_detail::layer_norm_gradient_body<T, device_space>{scale, normalized, inverse_deviation, dy, dx});
}

// The same of one matrix.
template <class T>
void layer_norm_forward(cuda& be, matrix_view<T const, device_space> const& x, vector_view<T const, device_space> const& scale,
                        vector_view<T const, device_space> const& shift, std::type_identity_t<T> epsilon,
                        matrix_view<T, device_space> const& y, matrix_view<T, device_space> const& normalized,
                        vector_view<T, device_space> const& inverse_deviation) {
  layer_norm_forward(be, repeated(x, 1), repeated(scale, 1), repeated(shift, 1), epsilon, repeated(y, 1), repeated(normalized, 1),
                     repeated(inverse_deviation, 1));
}
template <class T>
void layer_norm_backward(cuda& be, vector_view<T const, device_space> const& scale, matrix_view<T const, device_space> const& normalized,
                         vector_view<T const, device_space> const& inverse_deviation, matrix_view<T const, device_space> const& dy,
                         matrix_view<T, device_space> const& dx, vector_view<T, device_space> const& dscale,
                         vector_view<T, device_space> const& dshift) {
  layer_norm_backward(be, repeated(scale, 1), repeated(normalized, 1), repeated(inverse_deviation, 1), repeated(dy, 1), repeated(dx, 1),
                      repeated(dscale, 1), repeated(dshift, 1));
}

/// out[i] = sum of row i. Throws shape_error.
template <class T, class U>
void reduce_rows(cuda& be, matrix_view<U, device_space> const& x, vector_view<T, device_space> const& out) {
  check_shape("reduce_rows: output", out.shape(), extents{x.extent(0)});
  cuda_detail::for_each_row<T>(be, "reduce_rows", x.extent(0), x.extent(1), cuda_detail::row_sum_body<T, U, device_space>{x, out});
}

/// out(m, j) = sum of column j of matrix m, added to what is there with `accumulate`. x (N, rows, n), out (N, n). Throws shape_error.
template <class T, class U>
void reduce_columns(cuda& be, tensor_view<U, 3, device_space> const& x, matrix_view<T, device_space> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(0), x.extent(2)});
  cuda_detail::for_each_column(be, "reduce_columns", x.extent(0), x.extent(2), cuda_detail::column_sum_body<T, U, device_space>{x, out, accumulate});
}
template <class T, class U>
void reduce_columns(cuda& be, matrix_view<U, device_space> const& x, vector_view<T, device_space> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(1)});
  reduce_columns(be, repeated(x, 1), repeated(out, 1), accumulate);
}

}  // namespace parapet::inline PARAPET_ABI::backend
