// Matrix products on the device through cuBLASLt, of single matrices and of stacks, with a bias fused into the product, and on
// request an activation.
//
// Each product of a stack has the bits that it has alone, as long as its matrices are aligned alike (16 bytes). Doubles, and a
// bias that is not 16-byte aligned, get their bias by a kernel before the product. Operands that the library cannot take (rows
// that repeat) go through a plain kernel.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/gemm_layout.hpp>
#include <parapet/backend/cuda/movement.cuh>
#include <parapet/backend/reference.hpp>

#include <concepts>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

template <class T>
product_key make_product_key(gemm_layout const& layout, tensor_view<T const, 3, device_space> const& a,
                             tensor_view<T const, 3, device_space> const& b, tensor_view<T, 3, device_space> const& c,
                             product_epilogue epilogue, index_t bias_batch) {
  index_t const count = c.extent(0);
  auto const alignment = [&](auto const& x, stored_matrix const& stored) {
    return stack_alignment(reinterpret_cast<std::uintptr_t>(x.data()), stored, x.stride(0), count, sizeof(T));
  };
  auto const batch = [&](index_t stride) { return count == 1 ? 0 : stride; };
  return {layout.rows, layout.columns, layout.depth, layout.left.stride, layout.right.stride, layout.result.stride, count,
          batch(b.stride(0)), batch(a.stride(0)), batch(c.stride(0)), batch(bias_batch), alignment(b, layout.left), alignment(a, layout.right),
          alignment(c, layout.result), layout.left.transpose, layout.right.transpose, std::same_as<T, double> ? product_type::float64 : product_type::float32, epilogue};
}

/// Runs the plan of `key` on the whole stack, part by part.
template <class T>
void run_product(cuda& be, product_key const& key, product_plan const& plan, tensor_view<T const, 3, device_space> const& a,
                 tensor_view<T const, 3, device_space> const& b, tensor_view<T, 3, device_space> const& c, T const* bias, bool accumulate) {
  T const one = 1, beta = accumulate ? T(1) : T(0);
  for (index_t first = 0; first < key.count; first += plan.at_once) {
    index_t const count = key.count - first < plan.at_once ? key.count - first : plan.at_once;
    product_descriptors d(key, be.precision(), count, bias == nullptr ? nullptr : bias + first * key.bias_batch);
    check_cublas(cublasLtMatmul(be.products().handle(), &d.operation, &one, b.data() + first * key.left_batch, &d.left,
                                a.data() + first * key.right_batch, &d.right, &beta, c.data() + first * key.result_batch, &d.result,
                                c.data() + first * key.result_batch, &d.result, &plan.algorithm, be.products().workspace(),
                                static_cast<std::size_t>(be.products().workspace_bytes()), be.stream()),
                 "cublasLtMatmul of ", count, " products ", key.columns, " x ", key.depth, " x ", key.rows);
  }
}

/// Throws shape_error unless operands of a stack of products fit.
template <class T>
void check_stacks(tensor_view<T const, 3, device_space> const& a, tensor_view<T const, 3, device_space> const& b,
                  tensor_view<T, 3, device_space> const& c, matrix_view<T const, device_space> const& bias) {
  check_shape("gemm: left stack", a.shape(), extents{c.extent(0), c.extent(1), a.extent(2)});
  check_shape("gemm: right stack", b.shape(), extents{c.extent(0), a.extent(2), c.extent(2)});
  if (!bias.empty()) check_shape("gemm: bias stack", bias.shape(), extents{c.extent(0), c.extent(2)});
  if (c.size() != 0) detail::check_gemm_strides(a(0), b(0), c(0));
}

/// c = a b + bias with what else `epilogue` does, in one product; false, and nothing done, where the library cannot.
template <class T>
bool multiply_whole(cuda& be, product_epilogue epilogue, tensor_view<T const, 3, device_space> const& a,
                    tensor_view<T const, 3, device_space> const& b, tensor_view<T, 3, device_space> const& c,
                    matrix_view<T const, device_space> const& bias) {
  gemm_layout const layout = make_gemm_layout(c(0).shape(), a.extent(2), a(0).strides(), b(0).strides(), c(0).strides());
  if (a.extent(2) == 0 || !layout.valid || bias.empty() || !std::same_as<T, float> || bias.stride(1) != 1 ||
      reinterpret_cast<std::uintptr_t>(bias.data()) % 16 != 0 || (c.extent(0) != 1 && bias.stride(0) % 4 != 0))
    return false;
  product_key const key = make_product_key(layout, a, b, c, epilogue, bias.stride(0));
  product_plan const& plan = be.products().plan(key);
  if (plan.usable) run_product(be, key, plan, a, b, c, bias.data(), false);
  return plan.usable;
}

/// c = a b + (bias, or c with `accumulate`); shapes have been checked.
template <class T>
void multiply(cuda& be, tensor_view<T const, 3, device_space> const& a, tensor_view<T const, 3, device_space> const& b,
              tensor_view<T, 3, device_space> const& c, bool accumulate, matrix_view<T const, device_space> const& bias) {
  if (c.size() == 0) return;
  if (multiply_whole(be, product_epilogue::bias, a, b, c, bias)) return;
  tensor_view<T const, 3, device_space> const spread(bias.data(), c.shape(), extents{bias.stride(0), index_t{0}, bias.stride(1)});
  gemm_layout const layout = make_gemm_layout(c(0).shape(), a.extent(2), a(0).strides(), b(0).strides(), c(0).strides());
  if (a.extent(2) != 0 && layout.valid) {
    product_key const key = make_product_key(layout, a, b, c, product_epilogue::none, 0);
    product_plan const& plan = be.products().plan(key);
    if (plan.usable) {
      if (!bias.empty()) copy(be, spread, c);
      return run_product(be, key, plan, a, b, c, static_cast<T const*>(nullptr), accumulate || !bias.empty());
    }
  }
  for_each_index(be, c.shape(), product_element<T, device_space>{a, b, c, bias, accumulate});
}

}  // namespace cuda_detail

/// c = a b, or c += a b with `accumulate`, or c = a b + bias with a non-empty row vector `bias`.
/// a (m, k), b (k, n), c (m, n), bias (n). a and b have unit stride along one axis, c along its rows. Throws shape_error.
template <class T, class A, class B>
  requires(std::same_as<std::remove_const_t<A>, T> && std::same_as<std::remove_const_t<B>, T>)
void gemm(cuda& be, matrix_view<A, device_space> const& a, matrix_view<B, device_space> const& b, matrix_view<T, device_space> const& c,
          bool accumulate = false, vector_view<std::type_identity_t<T> const, device_space> const& bias = {}) {
  check_shape("gemm: left operand", a.shape(), extents{c.extent(0), a.extent(1)});
  check_shape("gemm: right operand", b.shape(), extents{a.extent(1), c.extent(1)});
  detail::check_gemm_strides(a, b, c);
  if (!bias.empty()) check_shape("gemm: bias", bias.shape(), extents{c.extent(1)});
  cuda_detail::multiply<T>(be, repeated(matrix_view<T const, device_space>(a), 1), repeated(matrix_view<T const, device_space>(b), 1),
                      repeated(c, 1), accumulate, bias.empty() ? matrix_view<T const, device_space>{} : repeated(bias, 1));
}

/// The same for each matrix of a stack; a stride of 0 along the first axis shares one operand among all.
template <class T, class A, class B>
void gemm(cuda& be, tensor_view<A, 3, device_space> const& a, tensor_view<B, 3, device_space> const& b, tensor_view<T, 3, device_space> const& c,
          bool accumulate = false, matrix_view<std::type_identity_t<T> const, device_space> const& bias = {}) {
  cuda_detail::check_stacks<T>(a, b, c, bias);
  cuda_detail::multiply<T>(be, a, b, c, accumulate, bias);
}

/// c = f(a b + bias) of stacks: in one product where f has an epilogue and cuda_options::fuse_activations is on, else with a map.
template <class F, class A, class B, class T>
void activated_product(cuda& be, F const& f, tensor_view<A, 3, device_space> const& a, tensor_view<B, 3, device_space> const& b,
                       tensor_view<T, 3, device_space> const& c, matrix_view<std::type_identity_t<T> const, device_space> const& bias) {
  auto const epilogue = cuda_detail::activation_epilogue<F, T>(be.fuses_activations());
  if (epilogue != cuda_detail::product_epilogue::none && c.size() != 0) {
    cuda_detail::check_stacks<T>(a, b, c, bias);
    if (cuda_detail::multiply_whole<T>(be, epilogue, a, b, c, bias)) return;
  }
  gemm(be, a, b, c, false, bias);
  map(be, reference::in_place<F>{f}, c);
}

}  // namespace parapet::inline PARAPET_ABI::backend
