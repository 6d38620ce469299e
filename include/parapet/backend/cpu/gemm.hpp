// Matrix product on the CPU: C = A B (+ bias) or C += A B, by Eigen's blocked kernel on one thread.
//
// The only header that sees Eigen. Operands are views; a transpose is a view with swapped strides, so there are no
// flags. Eigen's packing buffers come from a scratch area that grows once: a product of a size seen before does
// not allocate.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/tensor_view.hpp>

#if defined(__CUDACC__)
#error "parapet/backend/cpu needs the host compiler: nvcc drops Eigen's SIMD. Keep CPU and CUDA units apart (docs/embedding.md)."
#endif

#include <Eigen/Core>

namespace parapet::inline PARAPET_ABI::backend {

/// Memory for one thread's packing and sorting; grows, never shrinks.
class scratch_memory {
public:
  /// At least `bytes` bytes, 64-byte aligned; contents are lost when it grows.
  void* reserve(index_t bytes) {
    if (bytes > memory_.size()) memory_ = buffer<unsigned char>(bytes);
    return memory_.data();
  }

private:
  buffer<unsigned char> memory_;
};

namespace detail {

/// Eigen's blocking with the packing buffers taken from a scratch area instead of the heap.
template <class T>
class scratch_blocking : public Eigen::internal::level3_blocking<T, T> {
public:
  scratch_blocking(scratch_memory& scratch, index_t rows, index_t columns, index_t depth) {
    this->m_mc = rows;
    this->m_nc = columns;
    this->m_kc = depth;
    Eigen::internal::computeProductBlockingSizes<T, T>(this->m_kc, this->m_mc, this->m_nc, index_t{1});
    index_t const a = round_up(this->m_mc * this->m_kc), b = round_up(this->m_kc * this->m_nc);
    this->m_blockA = static_cast<T*>(scratch.reserve((a + b) * static_cast<index_t>(sizeof(T))));
    this->m_blockB = this->m_blockA + a;
  }

private:
  static index_t round_up(index_t count) { return (count + 15) / 16 * 16; }
};

/// result (rows x columns, column-major) += left * right, with compile-time storage orders.
template <int LeftOrder, int RightOrder, class T>
void eigen_product(scratch_memory& scratch, index_t rows, index_t columns, index_t depth, T const* left,
                   index_t left_stride, T const* right, index_t right_stride, T* result, index_t result_stride) {
  scratch_blocking<T> blocking(scratch, rows, columns, depth);
  Eigen::internal::general_matrix_matrix_product<index_t, T, LeftOrder, false, T, RightOrder, false,
                                                 Eigen::ColMajor, 1>::run(rows, columns, depth, left, left_stride,
                                                                          right, right_stride, result, 1,
                                                                          result_stride, T(1), blocking, nullptr);
}

/// c += a b for row-major c and a, b in either order. Row-major C = A B is column-major C' = B' A'.
template <class T>
void gemm_accumulate(scratch_memory& scratch, matrix_view<T const> const& a, matrix_view<T const> const& b,
                     matrix_view<T> const& c) {
  auto const product = [&](auto left_order, auto right_order, index_t left_stride, index_t right_stride) {
    eigen_product<left_order, right_order>(scratch, c.extent(1), c.extent(0), a.extent(1), b.data(), left_stride,
                                           a.data(), right_stride, c.data(), c.stride(0));
  };
  using column_major = std::integral_constant<int, Eigen::ColMajor>;
  using row_major = std::integral_constant<int, Eigen::RowMajor>;
  bool const a_rows = a.stride(1) == 1 || a.extent(1) == 1, b_rows = b.stride(1) == 1 || b.extent(1) == 1;
  if (a_rows && b_rows) product(column_major{}, column_major{}, b.stride(0), a.stride(0));
  else if (a_rows) product(row_major{}, column_major{}, b.stride(1), a.stride(0));
  else if (b_rows) product(column_major{}, row_major{}, b.stride(0), a.stride(1));
  else product(row_major{}, row_major{}, b.stride(1), a.stride(1));
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::backend
