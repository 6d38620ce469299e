// Reduce, scan, sort, search, gather and compact through Thrust, written once for all of its systems.
//
// The first argument is a Thrust execution policy: thrust::cpp::par, thrust::omp::par, or thrust::cuda::par_nosync(allocator)
// .on(stream). It says where the algorithm runs, and views say where the memory is. Arguments, results and errors are those
// of the Backend concept (docs/concepts.md), which a backend fulfils by passing on to here. Functors must be callable where
// the policy runs: named structs with PARAPET_FN. Thrust takes temporary memory from the policy's allocator.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

// Without nvcc there is no CUDA system, which is Thrust's default. An embedder's own choice wins.
#if !defined(__CUDACC__) && !defined(THRUST_DEVICE_SYSTEM)
#define THRUST_DEVICE_SYSTEM 4  // THRUST_DEVICE_SYSTEM_CPP, a name that Thrust defines after this is read
#endif

#include <thrust/copy.h>
#include <thrust/extrema.h>
#include <thrust/functional.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/tabulate.h>
#include <thrust/transform_reduce.h>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend::through_thrust {

namespace detail {

/// Element i of a view in row-major order, whatever its strides.
template <class T, int Rank, class Space>
struct element {
  tensor_view<T, Rank, Space> of;
  PARAPET_FN T& operator()(index_t i) const {
    if constexpr (Rank == 1) return of[i];
    else return of(i / of.extent(1), i % of.extent(1));
  }
};

/// Iterator over a view's elements, which it also writes.
template <class T, int Rank, class Space>
auto begin(tensor_view<T, Rank, Space> const& x) {
  return ::thrust::make_transform_iterator(::thrust::counting_iterator<index_t>(0), element<T, Rank, Space>{x});
}
template <class T, int Rank, class Space>
auto end(tensor_view<T, Rank, Space> const& x) {
  return begin(x) + x.size();
}

template <class T, class Space>
struct row_sum {
  matrix_view<T, Space> x;
  PARAPET_FN std::remove_const_t<T> operator()(index_t i) const {
    std::remove_const_t<T> total = 0;
    for (index_t j = 0; j < x.extent(1); ++j) total += x(i, j);
    return total;
  }
};

/// The sum of a column, and of what `out` holds with `accumulate`; rows are added in order.
template <class T, class U, class Space>
struct column_sum {
  matrix_view<U, Space> x;
  vector_view<T, Space> out;
  bool accumulate;
  PARAPET_FN T operator()(index_t j) const {
    T total = accumulate ? out[j] : T(0);
    for (index_t i = 0; i < x.extent(0); ++i) total += x(i, j);
    return total;
  }
};

/// Row indices[i / columns] of a matrix, element by element.
template <class T, class Space>
struct gathered {
  matrix_view<T, Space> from;
  vector_view<index_t const, Space> indices;
  PARAPET_FN std::remove_const_t<T> operator()(index_t i) const {
    return from(indices[i / from.extent(1)], i % from.extent(1));
  }
};

/// a < b, where NaN is larger than every number.
struct less_nan_last {
  template <class T>
  PARAPET_FN bool operator()(T const& a, T const& b) const { return a < b || (a == a && b != b); }
};
/// a < b, where NaN is smaller than every number.
struct less_nan_first {
  template <class T>
  PARAPET_FN bool operator()(T const& a, T const& b) const { return a < b || (a != a && b == b); }
};

/// Whether the row that element i belongs to is kept.
template <class Mask, class Space>
struct kept {
  vector_view<Mask, Space> mask;
  index_t columns;
  PARAPET_FN bool operator()(index_t i) const { return mask[i / columns] != Mask(0); }
};
struct is_true {
  PARAPET_FN bool operator()(bool x) const { return x; }
};

}  // namespace detail

/// Fold of f(x[i]) under an associative and commutative functor; `initial` is its identity.
template <class Policy, class T, class Space, class Op, class F = math::identity>
std::remove_const_t<T> reduce(Policy const& policy, vector_view<T, Space> const& x, Op const& op, std::remove_const_t<T> initial,
                              F const& f = {}) {
  if (x.extent(0) == 0) return initial;
  return ::thrust::transform_reduce(policy, detail::begin(x), detail::end(x), f, initial, op);
}

/// Sum of f(x[i]).
template <class Policy, class T, class Space, class F = math::identity>
std::remove_const_t<T> sum(Policy const& policy, vector_view<T, Space> const& x, F const& f = {}) {
  return reduce(policy, x, math::plus{}, std::remove_const_t<T>(0), f);
}

/// out[i] = sum of row i, each by one thread in order. Throws shape_error.
template <class Policy, class T, class U, class Space>
void reduce_rows(Policy const& policy, matrix_view<U, Space> const& x, vector_view<T, Space> const& out) {
  check_shape("reduce_rows: output", out.shape(), extents{x.extent(0)});
  ::thrust::tabulate(policy, detail::begin(out), detail::end(out), detail::row_sum<U, Space>{x});
}

/// out[j] = sum of column j, each by one thread in order, added to what is there with `accumulate`. Throws shape_error.
template <class Policy, class T, class U, class Space>
void reduce_columns(Policy const& policy, matrix_view<U, Space> const& x, vector_view<T, Space> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(1)});
  ::thrust::tabulate(policy, detail::begin(out), detail::end(out), detail::column_sum<T, U, Space>{x, out, accumulate});
}

/// Index of the smallest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class Policy, class T, class Space>
index_t argmin(Policy const& policy, vector_view<T, Space> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmin of an empty vector");
  return ::thrust::min_element(policy, detail::begin(x), detail::end(x), detail::less_nan_last{}) - detail::begin(x);
}

/// Index of the largest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class Policy, class T, class Space>
index_t argmax(Policy const& policy, vector_view<T, Space> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmax of an empty vector");
  return ::thrust::max_element(policy, detail::begin(x), detail::end(x), detail::less_nan_first{}) - detail::begin(x);
}

/// out[i] = x[0] + ... + x[i]; x and out may be the same. Throws shape_error.
template <class Policy, class T, class U, class Space>
void inclusive_scan(Policy const& policy, vector_view<U, Space> const& x, vector_view<T, Space> const& out) {
  check_shape("inclusive_scan: output", out.shape(), x.shape());
  ::thrust::inclusive_scan(policy, detail::begin(x), detail::end(x), detail::begin(out));
}

/// Sorts keys ascending, NaN last, and moves values along; equal keys keep their order. Throws shape_error.
template <class Policy, class Key, class Value, class Space>
void sort_by_key(Policy const& policy, vector_view<Key, Space> const& keys, vector_view<Value, Space> const& values) {
  check_shape("sort_by_key: values", values.shape(), keys.shape());
  ::thrust::stable_sort_by_key(policy, detail::begin(keys), detail::end(keys), detail::begin(values), detail::less_nan_last{});
}

/// to(i, :) = from(indices[i], :). Throws shape_error; indices must lie in range.
template <class Policy, class T, class U, class Space>
void gather(Policy const& policy, matrix_view<U, Space> const& from, vector_view<index_t const, Space> const& indices,
            matrix_view<T, Space> const& to) {
  check_shape("gather: output", to.shape(), extents{indices.extent(0), from.extent(1)});
  ::thrust::tabulate(policy, detail::begin(to), detail::end(to), detail::gathered<U, Space>{from, indices});
}

/// to[i] = from[indices[i]]. Throws shape_error.
template <class Policy, class T, class U, class Space>
void gather(Policy const& policy, vector_view<U, Space> const& from, vector_view<index_t const, Space> const& indices,
            vector_view<T, Space> const& to) {
  auto const as_column = [](auto const& x) {
    return matrix_view<typename std::remove_cvref_t<decltype(x)>::element_type, Space>(
        x.data(), extents{x.extent(0), index_t{1}}, extents{x.stride(0), index_t{1}});
  };
  check_shape("gather: output", to.shape(), indices.shape());
  gather(policy, as_column(from), indices, as_column(to));
}

/// Moves the rows of `from` (rows, columns) whose mask is not 0 to the front of `to`, in order, and returns how many there are.
/// `to` has the shape of `from`; its other rows keep what they hold. Throws shape_error.
template <class Policy, class T, class U, class Mask, class Space>
index_t compact(Policy const& policy, matrix_view<U, Space> const& from, vector_view<Mask, Space> const& mask,
                matrix_view<T, Space> const& to) {
  check_shape("compact: mask", mask.shape(), extents{from.extent(0)});
  check_shape("compact: output", to.shape(), from.shape());
  if (from.size() == 0) return 0;
  auto const keep = ::thrust::make_transform_iterator(::thrust::counting_iterator<index_t>(0),
                                                      detail::kept<Mask, Space>{mask, from.extent(1)});
  auto const last = ::thrust::copy_if(policy, detail::begin(from), detail::end(from), keep, detail::begin(to), detail::is_true{});
  return (last - detail::begin(to)) / from.extent(1);
}

}  // namespace parapet::inline PARAPET_ABI::backend::through_thrust
