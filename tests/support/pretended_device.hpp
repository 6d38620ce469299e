// Memory that is not the host's by type, where the bodies of the CUDA kernels run: as on a device, seeds are stacks and an update is
// recorded.
#pragma once

#include <parapet/core/space.hpp>

#include "support/cuda_bodies.hpp"
#include "support/fisor_problem.hpp"

namespace support {

struct pretended_space {
  static void* allocate(index_t bytes) { return host_space::allocate(bytes); }
  static void deallocate(void* memory) noexcept { host_space::deallocate(memory); }
};
using pretended_device = cuda_bodies_in<pretended_space>;

inline rl::fisor_config one_shard() {
  rl::fisor_config config = small_fisor();
  config.shards = 1;
  return config;
}

}  // namespace support
