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

TEST_CASE("uniforms are exact, symmetric and strictly inside (0, 1)") {
  CHECK(to_uniform(0) == 0x1p-24f);
  CHECK(to_uniform(~0u) == 1.0f - 0x1p-24f);
  CHECK(to_uniform(0x80000000u) == 0.5f + 0x1p-24f);
}

TEST_CASE("integers cover their range") {
  CHECK(to_index(0, 7) == 0);
  CHECK(to_index(~0u, 7) == 6);
  CHECK(to_index(~0u, 1ull << 32) == ~0u);
}

TEST_CASE("an element depends on seed, stream and index alone") {
  philox_stream const stream(1, 2);
  for (index_t i = 0; i < 9; ++i) CHECK(stream.bits(i) == stream.block(i / 4).word[i % 4]);
  CHECK(stream.bits(5) == philox_stream(1, 2).bits(5));
  CHECK(stream.bits(5) != philox_stream(1, 3).bits(5));
  CHECK(stream.bits(5) != philox_stream(2, 2).bits(5));
  CHECK(stream.bits(5) != stream.bits(5 + (index_t{1} << 34)));       // the counter's second word
  CHECK(stream.bits(5) != philox_stream(1, 2 + (1ull << 32)).bits(5));  // and its fourth
}

TEST_CASE("uniforms fill 64 cells evenly and follow each other independently") {
  constexpr index_t n = 1 << 18;
  philox_stream const stream(7, 0);
  double cell[64] = {}, pair[8][8] = {}, sum = 0, squares = 0;
  for (index_t i = 0; i < n; ++i) {
    double const u = static_cast<double>(stream.uniform(i));
    sum += u;
    squares += u * u;
    cell[static_cast<int>(64 * u)] += 1;
    if (i % 2 == 1) pair[static_cast<int>(8 * stream.uniform(i - 1))][static_cast<int>(8 * u)] += 1;
  }
  double const mean = sum / n, variance = squares / n - mean * mean;
  CHECK(std::abs(mean - 0.5) < 4 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(variance - 1.0 / 12) < 4 * std::sqrt(1.0 / 180 / n));
  auto const chi_square = [](double const* count, int cells, double expected) {
    double total = 0;
    for (int c = 0; c < cells; ++c) total += (count[c] - expected) * (count[c] - expected) / expected;
    return total;
  };
  // 63 degrees of freedom: 99.9 % lie below 103.4, and 0.1 % below 32.
  CHECK(chi_square(cell, 64, n / 64.0) < 103.4);
  CHECK(chi_square(cell, 64, n / 64.0) > 32);
  CHECK(chi_square(&pair[0][0], 64, n / 128.0) < 103.4);
}

TEST_CASE("normals have the moments of a normal, and neighbours are uncorrelated") {
  constexpr index_t n = 1 << 18;
  philox_stream const stream(7, 1);
  double moment[5] = {}, product[5] = {}, last[5] = {};
  for (index_t i = 0; i < n; ++i) {
    double const z = static_cast<double>(stream.normal(i));
    double power = 1;
    for (double& m : moment) {
      m += power / n;
      power *= z;
    }
    for (int lag = 4; lag > 0; --lag) {
      last[lag] = last[lag - 1];
      product[lag] += z * last[lag] / n;
    }
    last[0] = z;
  }
  double const sigma = std::sqrt(1.0 / n);
  CHECK(std::abs(moment[1]) < 4 * sigma);
  CHECK(std::abs(moment[2] - 1) < 4 * std::sqrt(2.0) * sigma);
  CHECK(std::abs(moment[3]) < 4 * std::sqrt(15.0) * sigma);
  CHECK(std::abs(moment[4] - 3) < 4 * std::sqrt(96.0) * sigma);
  for (int lag = 1; lag <= 4; ++lag) CHECK(std::abs(product[lag]) < 4 * sigma);
}
