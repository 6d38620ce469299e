// Counts every heap allocation of the process, for the tests that a reserved step makes none.
//
//     if (!support::counts_allocations) { MESSAGE("skipped: allocations are not counted in this build"); return; }
//     auto const before = support::allocation_count();
//     step();
//     CHECK(support::allocation_count() == before);
//
// malloc, calloc, realloc, memalign, aligned_alloc and posix_memalign are replaced by versions that count and then
// call glibc's own; every operator new of libstdc++ goes through one of them. A sanitizer brings its own
// allocator, so nothing is counted there.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define PARAPET_TEST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PARAPET_TEST_SANITIZED 1
#endif

#include <cstdlib>  // brings __GLIBC__

namespace support {

#if defined(__GLIBC__) && !defined(PARAPET_TEST_SANITIZED)
inline constexpr bool counts_allocations = true;
#else
inline constexpr bool counts_allocations = false;
#endif

/// Allocations of all threads since the process started; constant 0 where counts_allocations is false.
long allocation_count();

}  // namespace support
