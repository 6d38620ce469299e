#include <parapet/core/philox.hpp>

#include <doctest/doctest.h>

using namespace parapet;

// The known answers of the authors' Random123 library (kat_vectors, philox 4x32 10).
TEST_CASE("philox4x32-10 gives Random123's known answers") {
  auto const check = [](philox_block counter, std::uint64_t key, philox_block expected) {
    philox_block const got = philox4x32(counter, key);
    for (int i = 0; i < 4; ++i) CHECK(got.word[i] == expected.word[i]);
  };
  check({{0, 0, 0, 0}}, 0, {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}});
  check({{~0u, ~0u, ~0u, ~0u}}, ~0ull, {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}});
  check({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0x299f31d0a4093822ull,
        {{0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u}});
}
