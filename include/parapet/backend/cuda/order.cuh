// inclusive_scan and sort_by_key through Thrust, in the backend's stream. Thrust takes temporary memory from the device's pool,
// in stream order; a captured step cannot have these operations.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/thrust/algorithms.hpp>

#include <thrust/system/cuda/execution_policy.h>

#include <cstddef>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

/// What Thrust asks for temporary memory.
struct stream_allocator {
  using value_type = char;
  cudaStream_t stream;

  char* allocate(std::ptrdiff_t bytes) {
    void* memory = nullptr;
    check_cuda(cudaMallocAsync(&memory, static_cast<std::size_t>(bytes), stream), "cudaMallocAsync of ", static_cast<index_t>(bytes), " bytes");
    return static_cast<char*>(memory);
  }
  void deallocate(char* memory, std::size_t) noexcept { forgive(cudaFreeAsync(memory, stream)); }
};

/// Calls run(policy); what Thrust throws becomes a cuda_error.
template <class Run>
void with_thrust(cuda& be, char const* what, Run const& run) {
  be.refuse_capture(what);
  stream_allocator memory{be.stream()};
  try {
    run(::thrust::cuda::par_nosync(memory).on(be.stream()));
  } catch (::thrust::system_error const& failure) {
    static_cast<void>(cudaGetLastError());
    throw cuda_error(parapet::detail::concat(what, ": ", failure.what()), failure.code().value());
  }
}

}  // namespace cuda_detail

/// out[i] = x[0] + ... + x[i]; x and out may be the same. Throws shape_error.
template <class T, class U>
void inclusive_scan(cuda& be, vector_view<U, device_space> const& x, vector_view<T, device_space> const& out) {
  cuda_detail::with_thrust(be, "inclusive_scan", [&](auto const& policy) { through_thrust::inclusive_scan(policy, x, out); });
}

/// Sorts keys ascending, NaN last, and moves values along; equal keys keep their order. Throws shape_error.
template <class Key, class Value>
void sort_by_key(cuda& be, vector_view<Key, device_space> const& keys, vector_view<Value, device_space> const& values) {
  cuda_detail::with_thrust(be, "sort_by_key", [&](auto const& policy) { through_thrust::sort_by_key(policy, keys, values); });
}

}  // namespace parapet::inline PARAPET_ABI::backend
