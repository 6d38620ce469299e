// Memory spaces: a tag that says where memory lives and how it is taken and given back.
#pragma once

#include <parapet/config.hpp>

#include <cstddef>
#include <new>

namespace parapet::inline PARAPET_ABI {

/// Every allocation of the library starts at a multiple of this many bytes (a cache line, an AVX-512 register).
inline constexpr index_t storage_alignment = 64;

/// Ordinary memory of the process.
struct host_space {
  static void* allocate(index_t bytes) {
    return ::operator new(static_cast<std::size_t>(bytes), std::align_val_t{storage_alignment});
  }
  static void deallocate(void* memory) noexcept { ::operator delete(memory, std::align_val_t{storage_alignment}); }
};

}  // namespace parapet::inline PARAPET_ABI
