// Products with stored weights on the device: cuBLASLt with operands in bfloat16 or int8, sums in float or 32-bit integers.
//
// The rows of x are rounded into cuda_options::operand_bytes of work memory, as many at a time as fit. Where the library has no
// algorithm (int8 wants sizes in multiples of 4, and aligned rows), the reference of backend/weights.hpp computes the product.
//
// Unlike on the CPU, a row's result may have other bits among more rows: the library chooses its algorithm by the shape.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/gemm.cuh>
#include <parapet/backend/cuda/gemm_layout.hpp>
#include <parapet/backend/cuda/map.cuh>
#include <parapet/backend/cuda/movement.cuh>
#include <parapet/backend/cuda/rows.cuh>
#include <parapet/backend/cuda/weights.hpp>
#include <parapet/backend/weights.hpp>

#include <concepts>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

/// The question to the library for y (rows, out) = x w', of elements of `bytes` bytes.
template <class T>
product_key stored_product_key(gemm_layout const& layout, matrix_view<T const, device_space> const& x, matrix_view<T const, device_space> const& w,
                               matrix_view<float, device_space> const& y, product_type type, product_epilogue epilogue) {
  auto const alignment = [](void const* data, stored_matrix const& stored, index_t bytes) {
    return stack_alignment(reinterpret_cast<std::uintptr_t>(data), stored, 0, 1, bytes);
  };
  return {layout.rows, layout.columns, layout.depth, layout.left.stride, layout.right.stride, layout.result.stride, 1, 0, 0, 0, 0,
          alignment(w.data(), layout.left, sizeof(T)), alignment(x.data(), layout.right, sizeof(T)), alignment(y.data(), layout.result, sizeof(float)),
          layout.left.transpose, layout.right.transpose, type, epilogue};
}

/// y = x w' (+ bias, or + y with beta 1); false, and nothing done, where the library cannot. Scalar is the type of the sums.
template <class Scalar, class T>
bool multiply_stored(cuda& be, product_type type, matrix_view<T const, device_space> const& x, matrix_view<T const, device_space> const& w,
                     matrix_view<float, device_space> const& y, float const* bias, Scalar beta) {
  gemm_layout const layout = make_gemm_layout(y.shape(), x.extent(1), x.strides(), transposed(w).strides(), y.strides());
  if (!layout.valid || layout.depth == 0) return false;
  product_key const key = stored_product_key(layout, x, w, y, type, bias == nullptr ? product_epilogue::none : product_epilogue::bias);
  product_plan const& plan = be.products().plan(key);
  if (!plan.usable) return false;
  product_descriptors d(key, be.precision(), 1, bias);
  Scalar const one = 1;
  check_cublas(cublasLtMatmul(be.products().handle(), &d.operation, &one, w.data(), &d.left, x.data(), &d.right, &beta, y.data(), &d.result, y.data(),
                              &d.result, &plan.algorithm, be.products().workspace(), static_cast<std::size_t>(be.products().workspace_bytes()),
                              be.stream()),
               "cublasLtMatmul of ", key.columns, " x ", key.depth, " x ", key.rows, " stored weights");
  return true;
}

/// f(rows of x, rows of y, their operands in work memory, room for a scale for each), for as many rows at a time as fit.
template <class T, class F>
void for_operands(cuda& be, matrix_view<float const, device_space> const& x, matrix_view<float, device_space> const& y, F const& f) {
  index_t const pitch = operand_pitch(x.extent(1), sizeof(T)), most = operand_rows(be.operand_bytes(), pitch);
  if (most == 0)
    throw argument_error(parapet::detail::concat("project: a row of ", x.extent(1), " inputs needs more than the ", be.operand_bytes(),
                                                 " bytes of cuda_options::operand_bytes"));
  unsigned char* const room = be.operands();
  for (index_t row = 0; row < x.extent(0); row += most) {
    index_t const end = row + most < x.extent(0) ? row + most : x.extent(0), count = end - row;
    matrix_view<T, device_space> const operands(reinterpret_cast<T*>(room), extents{count, x.extent(1)}, extents{pitch / index_t{sizeof(T)}, index_t{1}});
    f(x.rows(row, end), y.rows(row, end), operands, vector_view<float, device_space>(reinterpret_cast<float*>(room + count * pitch), extents{count}));
  }
}

}  // namespace cuda_detail

/// y = x W' + bias as backend/weights.hpp has it. Throws shape_error, argument_error, cuda_error.
template <class X>
  requires std::same_as<std::remove_const_t<X>, float>
void project(cuda& be, matrix_view<X, device_space> const& x, matrix_view<bfloat16 const, device_space> const& w, matrix_view<float, device_space> const& y,
             std::type_identity_t<vector_view<float const, device_space>> const& bias = {}) {
  using namespace cuda_detail;
  detail::check_projection(x, w, y, bias);
  if (y.size() == 0) return;
  for_operands<bfloat16>(be, x, y, [&](auto const& from, auto const& to, matrix_view<bfloat16, device_space> const& operands, auto const&) {
    for_each_index(be, operands.shape(), round_operand<device_space>{from, operands});
    bool const aligned = !bias.empty() && reinterpret_cast<std::uintptr_t>(bias.data()) % 16 == 0;
    if ((bias.empty() || aligned) && multiply_stored<float, bfloat16>(be, product_type::bfloat16, operands, w, to, bias.empty() ? nullptr : bias.data(), 0))
      return;
    if (!bias.empty()) {
      copy(be, matrix_view<float const, device_space>(bias.data(), to.shape(), extents{index_t{0}, index_t{1}}), to);
      if (multiply_stored<float, bfloat16>(be, product_type::bfloat16, operands, w, to, nullptr, 1)) return;
    }
    for_each_index(be, to.shape(), reference::bfloat16_product<device_space>{from, w, bias, to});
  });
}
template <class X>
  requires std::same_as<std::remove_const_t<X>, float>
void project(cuda& be, matrix_view<X, device_space> const& x, int8_matrix<device_space> const& w, matrix_view<float, device_space> const& y,
             std::type_identity_t<vector_view<float const, device_space>> const& bias = {}) {
  using namespace cuda_detail;
  detail::check_projection(x, w, y, bias);
  if (y.size() == 0) return;
  for_operands<std::int8_t>(be, x, y, [&](auto const& from, auto const& to, matrix_view<std::int8_t, device_space> const& operands, auto const& scale) {
    for_each_row<float>(be, "quantize", from.extent(0), from.extent(1), quantize_operand<device_space>{from, operands, scale});
    if (multiply_stored<std::int32_t, std::int8_t>(be, product_type::int8, operands, w.values, to, nullptr, 0))
      for_each_index(be, to.shape(), finish_int8<device_space>{to, scale, w.scale, bias});
    else
      for_each_index(be, to.shape(), reference::int8_product<device_space>{from, w, bias, to});
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend
