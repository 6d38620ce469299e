// A backend whose reductions, scans, sorts, searches and gathers go through one of Thrust's host systems.
//
//     backend::thrust_host<backend::thrust_omp> be;   // g++ -fopenmp, linked to parapet::thrust_host
//
// The rest (products, maps, random fills) is the CPU backend's. Scans and sorts are the CUDA backend's own source, which is so
// tested where there is no GPU. Shards run one after the other: a thread of Thrust's takes part of an operation, not of a batch.
// Thrust allocates temporary memory in each reduction and sort, so a step is not free of allocations here.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/thrust/algorithms.hpp>

#include <thrust/system/cpp/execution_policy.h>
#include <thrust/system/omp/execution_policy.h>

namespace parapet::inline PARAPET_ABI::backend {

/// Thrust's sequential system.
struct thrust_cpp {
  static auto policy() { return ::thrust::cpp::par; }
};
/// Thrust's OpenMP system, which needs -fopenmp. Results depend on the number of threads as far as sums are rounded.
struct thrust_omp {
  static auto policy() { return ::thrust::omp::par; }
};

/// Backend over a Thrust system of the host; a System names an execution policy.
template <class System>
class thrust_host : public cpu {
public:
  thrust_host() : cpu(1) {}
};

/// f(be, shard) for each shard in [0, count), in order.
template <class System, class F>
void for_each_shard(thrust_host<System>& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}

// As in backend/thrust/algorithms.hpp, under the system's policy.
template <class System, class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(thrust_host<System>&, vector_view<T> const& x, Op const& op, std::remove_const_t<T> initial,
                              F const& f = {}) {
  return through_thrust::reduce(System::policy(), x, op, initial, f);
}
template <class System, class T, class F = math::identity>
std::remove_const_t<T> sum(thrust_host<System>&, vector_view<T> const& x, F const& f = {}) {
  return through_thrust::sum(System::policy(), x, f);
}
template <class System, class T, class U>
void reduce_rows(thrust_host<System>&, matrix_view<U> const& x, vector_view<T> const& out) {
  through_thrust::reduce_rows(System::policy(), x, out);
}
template <class System, class T, class U>
void reduce_columns(thrust_host<System>&, matrix_view<U> const& x, vector_view<T> const& out, bool accumulate = false) {
  through_thrust::reduce_columns(System::policy(), x, out, accumulate);
}
template <class System, class T>
index_t argmin(thrust_host<System>&, vector_view<T> const& x) {
  return through_thrust::argmin(System::policy(), x);
}
template <class System, class T>
index_t argmax(thrust_host<System>&, vector_view<T> const& x) {
  return through_thrust::argmax(System::policy(), x);
}
template <class System, class T, class U>
void inclusive_scan(thrust_host<System>&, vector_view<U> const& x, vector_view<T> const& out) {
  through_thrust::inclusive_scan(System::policy(), x, out);
}
template <class System, class Key, class Value>
void sort_by_key(thrust_host<System>&, vector_view<Key> const& keys, vector_view<Value> const& values) {
  through_thrust::sort_by_key(System::policy(), keys, values);
}
template <class System, class T, class U, int Rank>
void gather(thrust_host<System>&, tensor_view<U, Rank> const& from, vector_view<index_t const> const& indices,
            tensor_view<T, Rank> const& to) {
  through_thrust::gather(System::policy(), from, indices, to);
}

}  // namespace parapet::inline PARAPET_ABI::backend
