// Every bfloat16 there and back, and rounding of floats against the definition.
#include <parapet/math/bfloat16.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

using namespace parapet;

TEST_CASE("bfloat16: every number goes to float and back unchanged, and a NaN stays one") {
  index_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    bfloat16 const x{static_cast<std::uint16_t>(bits)};
    bfloat16 const back = to_bfloat16(static_cast<float>(x));
    if (std::isnan(static_cast<float>(x))) wrong += !std::isnan(static_cast<float>(back)) || (back.bits | 0x40u) != (bits | 0x40u);
    else wrong += back.bits != bits;
  }
  CHECK(wrong == 0);
}

TEST_CASE("bfloat16: the nearest, ties to the even one, beyond the largest to infinity") {
  auto const value = [](std::uint32_t bits) { return static_cast<float>(bfloat16{static_cast<std::uint16_t>(bits)}); };
  index_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7F7F; ++bits) {  // pairs of neighbours, subnormal ones too
    float const a = value(bits), b = value(bits + 1);
    float const middle = static_cast<float>((static_cast<double>(a) + static_cast<double>(b)) / 2);
    std::uint32_t const even = bits % 2 == 0 ? bits : bits + 1;
    for (float const sign : {1.0f, -1.0f}) {
      std::uint32_t const upper = sign < 0 ? 0x8000u : 0u;
      wrong += to_bfloat16(sign * middle).bits != (even | upper);
      wrong += to_bfloat16(sign * std::nextafter(middle, 0.0f)).bits != (bits | upper);
      wrong += to_bfloat16(sign * std::nextafter(middle, b)).bits != ((bits + 1) | upper);
    }
  }
  CHECK(wrong == 0);
  CHECK(to_bfloat16(std::numeric_limits<float>::max()).bits == 0x7F80);
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xFF80);
  CHECK(std::isnan(static_cast<float>(to_bfloat16(__builtin_bit_cast(float, 0x7F800001u)))));  // a payload in the lower half alone
  CHECK(std::isnan(static_cast<float>(to_bfloat16(__builtin_bit_cast(float, 0xFFFFFFFFu)))));
  static_assert(static_cast<float>(to_bfloat16(1.00390625f)) == 1.0f);  // a tie
}
