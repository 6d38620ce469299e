// What the processor that runs the program can do, asked once: the compiler's flags do not say.
#pragma once

#include <parapet/config.hpp>

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#endif

namespace parapet::inline PARAPET_ABI::backend::detail {

/// Instruction sets that kernels are chosen by; each means that the operating system saves its registers too.
struct cpu_features {
  bool avx2 = false;          ///< AVX2 and FMA
  bool avx512 = false;        ///< AVX-512 F, BW, DQ, VL
  bool avx512_bf16 = false;   ///< vdpbf16ps
  bool avx512_vnni = false;   ///< vpdpbusd
};

inline cpu_features ask_cpu_features() {
  cpu_features found;
#if defined(__x86_64__)
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  auto const bit = [](std::uint32_t word, int n) { return (word >> n & 1u) != 0; };
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, 27)) return found;  // no way to ask what is saved
  bool const fma = bit(c, 12);
  std::uint32_t saved = 0, saved_high = 0;
  __asm__("xgetbv" : "=a"(saved), "=d"(saved_high) : "c"(0));
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  found.avx2 = fma && bit(b, 5) && (saved & 0x06u) == 0x06u;
  found.avx512 = found.avx2 && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31) && (saved & 0xE6u) == 0xE6u;
  found.avx512_vnni = found.avx512 && bit(c, 11);
  if (found.avx512 && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) found.avx512_bf16 = bit(a, 5);
#endif
  return found;
}

/// Those of this machine.
inline cpu_features const& this_cpu() {
  static cpu_features const found = ask_cpu_features();
  return found;
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
