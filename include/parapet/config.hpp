// Version, the handful of macros that Parapet defines, and the ABI tag of its inline namespace.
//
// Everything lives in `namespace parapet::inline PARAPET_ABI::<folder>`. The tag names the version and the
// SIMD width that the translation unit was compiled for, so two units built with different -march flags
// may be linked into one program: each calls its own copy of a kernel instead of whichever the linker kept.
#pragma once

#define PARAPET_VERSION_MAJOR 0
#define PARAPET_VERSION_MINOR 1
#define PARAPET_VERSION_PATCH 0

#if !defined(__cpp_exceptions) && !defined(__CUDACC__)
#error "Parapet reports errors by exceptions: compile the units that include it without -fno-exceptions - see docs/embedding.md"
#endif

/// Width of the native SIMD register that lanes are built from, in bytes.
#if defined(__AVX512F__)
#define PARAPET_SIMD_BYTES 64
#define PARAPET_ABI v0_simd64
#elif defined(__AVX2__)
#define PARAPET_SIMD_BYTES 32
#define PARAPET_ABI v0_simd32
#else
#define PARAPET_SIMD_BYTES 16
#define PARAPET_ABI v0_simd16
#endif

/// Marks a function that runs on the host and on a CUDA device.
#if defined(__CUDACC__)
#define PARAPET_FN __host__ __device__
#else
#define PARAPET_FN
#endif

/// Forces inlining: a lane type that crosses a call boundary goes through memory and loses its point.
#define PARAPET_INLINE inline __attribute__((always_inline))

/// Behind the parameters of a lambda that must be inlined: the same for its call operator.
#if defined(__CUDACC__)
#define PARAPET_LAMBDA
#else
#define PARAPET_LAMBDA __attribute__((always_inline))
#endif

/// Unrolls the loop that follows, which has a small constant count: g++ keeps arrays of registers in memory otherwise.
#if defined(__CUDACC__)
#define PARAPET_UNROLL  // packs are for host code, which such a unit leaves to others
#elif defined(__clang__)
#define PARAPET_UNROLL _Pragma("unroll")
#else
#define PARAPET_UNROLL _Pragma("GCC unroll 16")
#endif

/// Checks an internal invariant in a hot loop. Off with NDEBUG; an embedder may define their own.
#if !defined(PARAPET_ASSERT)
#if defined(NDEBUG)
#define PARAPET_ASSERT(condition) static_cast<void>(0)
#else
#include <cassert>
#define PARAPET_ASSERT(condition) assert(condition)
#endif
#endif

namespace parapet::inline PARAPET_ABI {
/// Signed type of every extent, stride, offset and index in the library.
using index_t = decltype(static_cast<char*>(nullptr) - static_cast<char*>(nullptr));
}  // namespace parapet::inline PARAPET_ABI
