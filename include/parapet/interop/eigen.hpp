// Eigen maps over Parapet's views, and views over Eigen's matrices, without a copy.
//
//     auto const x = interop::as_eigen(view);                 // Eigen::Map, (rows, columns) and strides as in the view
//     net.forward(..., interop::matrix_of(eigen_matrix), ...);  // any storage order: the strides say it
//
// A map or view points into the memory of what it was made from and must not outlive it. Maps are declared unaligned,
// so a unit that was compiled with other -march flags than the one that made the array may use them.
#pragma once

#if defined(__CUDACC__) && !defined(EIGEN_NO_CUDA)
#error \
    "parapet/interop/eigen.hpp: define EIGEN_NO_CUDA in units that nvcc compiles, or Eigen loses its SIMD (docs/embedding.md)"
#endif

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>

#include <Eigen/Core>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::interop {
namespace detail {

using parapet::detail::concat;

/// Eigen::Map of a const matrix where the elements are const.
template <class T, class Matrix>
using constness_of = std::conditional_t<std::is_const_v<T>, Matrix const, Matrix>;

inline void check_strides(char const* what, index_t inner, index_t outer) {
  if (inner < 0 || outer < 0)
    throw argument_error(concat(what, ": strides (", outer, ", ", inner, "), expected none below 0"));
}

}  // namespace detail

template <class T>
using eigen_matrix_map = Eigen::Map<
    detail::constness_of<T, Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
template <class T>
using eigen_vector_map = Eigen::Map<detail::constness_of<T, Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, 1>>,
                                    Eigen::Unaligned, Eigen::InnerStride<Eigen::Dynamic>>;

/// Throws argument_error for a negative stride, which Eigen's maps do not have.
template <class T>
eigen_matrix_map<T> as_eigen(matrix_view<T> const& view) {
  detail::check_strides("as_eigen", view.stride(1), view.stride(0));
  return {view.data(), view.extent(0), view.extent(1),
          Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(view.stride(0), view.stride(1))};
}
template <class T>
eigen_vector_map<T> as_eigen(vector_view<T> const& view) {
  detail::check_strides("as_eigen", view.stride(0), 0);
  return {view.data(), view.extent(0), Eigen::InnerStride<Eigen::Dynamic>(view.stride(0))};
}

namespace detail {

/// Element type of what `Derived&` gives access to: const for a const matrix and for a map of one. A class, so that the
/// message comes from the return types below, before any overload is dropped without a word.
template <class Derived>
struct eigen_access {
  static_assert(
      bool(Eigen::internal::traits<std::remove_const_t<Derived>>::Flags & Eigen::DirectAccessBit),
      "A view needs an Eigen object with memory of its own or a map, not an expression: call .eval() and keep the result");
  using element = std::remove_pointer_t<decltype(std::declval<Derived&>().data())>;
};

}  // namespace detail

/// A matrix, array, map, block or Ref of Eigen as a view (rows, columns).
template <class Derived>
  requires std::is_base_of_v<Eigen::DenseBase<std::remove_const_t<Derived>>, std::remove_const_t<Derived>>
matrix_view<typename detail::eigen_access<Derived>::element> matrix_of(Derived& x) {
  detail::check_strides("matrix_of", x.colStride(), x.rowStride());
  return {x.data(), extents<2>{x.rows(), x.cols()}, extents<2>{x.rowStride(), x.colStride()}};
}

/// A row or column of Eigen as a view of rank 1.
template <class Derived>
  requires std::is_base_of_v<Eigen::DenseBase<std::remove_const_t<Derived>>, std::remove_const_t<Derived>>
vector_view<typename detail::eigen_access<Derived>::element> vector_of(Derived& x) {
  static_assert(Derived::IsVectorAtCompileTime, "vector_of takes a row or a column; matrix_of takes matrices");
  detail::check_strides("vector_of", x.innerStride(), 0);
  return {x.data(), extents<1>{x.size()}, extents<1>{x.innerStride()}};
}

}  // namespace parapet::inline PARAPET_ABI::interop
