// bfloat16: the upper half of a float, 8 bits of exponent and 7 of fraction. A storage type: arithmetic is done in float.
//
// To float it is exact. From float it rounds to the nearest, ties to even; a NaN stays a NaN (quiet, with the upper bits of its
// payload), and what lies beyond the largest bfloat16 becomes infinite.
#pragma once

#include <parapet/config.hpp>

#include <cstdint>

namespace parapet::inline PARAPET_ABI {

/// A number as files and kernels store it: an aggregate of its bits.
struct bfloat16 {
  std::uint16_t bits;

  PARAPET_FN explicit constexpr operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }
};

/// The bfloat16 nearest to x.
PARAPET_FN constexpr bfloat16 to_bfloat16(float x) {
  auto const word = __builtin_bit_cast(std::uint32_t, x);
  if ((word & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<std::uint16_t>(word >> 16 | 0x40u)};  // rounding could carry into the sign
  return {static_cast<std::uint16_t>((word + 0x7FFFu + (word >> 16 & 1u)) >> 16)};
}

}  // namespace parapet::inline PARAPET_ABI
