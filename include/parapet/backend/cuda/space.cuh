// Memory of the device, and host memory that the device copies to and from while the host goes on.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/error.cuh>
#include <parapet/core/buffer.hpp>
#include <parapet/core/space.hpp>

#include <concepts>

namespace parapet::inline PARAPET_ABI::backend {

/// Memory of the device that is current, 256-byte aligned. Taking and giving back are not ordered in a stream: a buffer or an
/// arena is made once, before the work, and cudaFree waits until nothing on the device uses it any more.
struct device_space {
  /// Throws cuda_error.
  static void* allocate(index_t bytes) {
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, static_cast<std::size_t>(bytes)), "cudaMalloc of ", bytes, " bytes");
    return memory;
  }
  static void deallocate(void* memory) noexcept { cuda_detail::forgive(cudaFree(memory)); }
};

/// Page-locked host memory: copies between it and the device do not wait, and may be part of a captured step. The host reads
/// what was copied there after synchronize(be).
struct pinned_space {
  /// Throws cuda_error.
  static void* allocate(index_t bytes) {
    void* memory = nullptr;
    check_cuda(cudaMallocHost(&memory, static_cast<std::size_t>(bytes)), "cudaMallocHost of ", bytes, " bytes");
    return memory;
  }
  static void deallocate(void* memory) noexcept { cuda_detail::forgive(cudaFreeHost(memory)); }
};

namespace cuda_detail {
template <class Space>
concept cuda_memory = std::same_as<Space, device_space> || std::same_as<Space, pinned_space> || std::same_as<Space, host_space>;
}

}  // namespace parapet::inline PARAPET_ABI::backend
