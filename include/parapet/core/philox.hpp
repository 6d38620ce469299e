// Philox4x32-10: randomness without hidden state.
//
// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). A bijection of a
// 128-bit counter under a 64-bit key; ten rounds of two 32x32 multiplications. Here the key is the seed and
// the counter is (block, stream): element i of stream s is word i % 4 of block i / 4. Any element can be
// computed alone, in any order, on any backend, so a run repeats whatever the number of threads.
#pragma once

#include <parapet/config.hpp>

#include <cmath>
#include <cstdint>

namespace parapet::inline PARAPET_ABI {

/// Four 32-bit words: a counter, or a block of random bits.
struct philox_block {
  std::uint32_t word[4];
};

namespace detail {

/// The key of a round, and of the next by the paper's Weyl sequence.
struct philox_key {
  std::uint32_t low, high;

  PARAPET_FN explicit constexpr philox_key(std::uint64_t key) : low(static_cast<std::uint32_t>(key)), high(static_cast<std::uint32_t>(key >> 32)) {}
  PARAPET_FN constexpr void advance() {
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
};

inline constexpr int philox_rounds = 10;

/// One round on the words of a block.
PARAPET_FN constexpr void philox_round(std::uint32_t& w0, std::uint32_t& w1, std::uint32_t& w2, std::uint32_t& w3, philox_key const& key) {
  std::uint64_t const a = std::uint64_t{0xD2511F53u} * w0;
  std::uint64_t const b = std::uint64_t{0xCD9E8D57u} * w2;
  w0 = static_cast<std::uint32_t>(b >> 32) ^ w1 ^ key.low;
  w1 = static_cast<std::uint32_t>(b);
  w2 = static_cast<std::uint32_t>(a >> 32) ^ w3 ^ key.high;
  w3 = static_cast<std::uint32_t>(a);
}

}  // namespace detail

/// One block of random bits: ten rounds of Philox4x32 on `counter` under `key` (low word first).
PARAPET_FN constexpr philox_block philox4x32(philox_block counter, std::uint64_t key) {
  detail::philox_key round_key(key);
  for (int round = 0; round < detail::philox_rounds; ++round, round_key.advance())
    detail::philox_round(counter.word[0], counter.word[1], counter.word[2], counter.word[3], round_key);
  return counter;
}

/// Uniform in the open interval (0, 1): the odd multiples of 2^-24, each exact. One more bit would round up to 1.
PARAPET_FN constexpr float to_uniform(std::uint32_t bits) {
  return static_cast<float>(bits >> 9) * 0x1p-23f + 0x1p-24f;
}

/// Uniform integer in [0, n) by multiplication; n at most 2^32. Bias below n / 2^32.
PARAPET_FN constexpr std::uint32_t to_index(std::uint32_t bits, std::uint64_t n) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

/// Standard normal, number 0 to 3 of a block, by Box and Muller on words (0, 1) and (2, 3).
PARAPET_FN inline float to_normal(philox_block const& b, int number) {
  int const pair = number & 2;
  float const radius = std::sqrt(-2.0f * std::log(to_uniform(b.word[pair])));
  float const angle = 6.28318530717958648f * to_uniform(b.word[pair + 1]);
  return radius * (number % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

/// A named sequence of random elements: (seed, stream) picks it, an index reads from it.
class philox_stream {
public:
  PARAPET_FN constexpr philox_stream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  /// Four words of bits: elements 4 b .. 4 b + 3.
  PARAPET_FN constexpr philox_block block(index_t b) const {
    auto const n = static_cast<std::uint64_t>(b);
    return philox4x32({{static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32),
                        static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)}},
                      seed_);
  }
  /// Blocks b .. b + N - 1, word by word: word[w][i] is word w of block b + i. Loops that compilers turn into vector code.
  template <int N>
  void blocks(index_t b, std::uint32_t (&word)[4][N]) const {
    for (int i = 0; i < N; ++i) {
      auto const n = static_cast<std::uint64_t>(b + i);
      word[0][i] = static_cast<std::uint32_t>(n);
      word[1][i] = static_cast<std::uint32_t>(n >> 32);
      word[2][i] = static_cast<std::uint32_t>(stream_);
      word[3][i] = static_cast<std::uint32_t>(stream_ >> 32);
    }
    detail::philox_key key(seed_);
    for (int round = 0; round < detail::philox_rounds; ++round, key.advance())
      for (int i = 0; i < N; ++i) detail::philox_round(word[0][i], word[1][i], word[2][i], word[3][i], key);
  }
  PARAPET_FN constexpr std::uint32_t bits(index_t i) const { return block(i / 4).word[i % 4]; }
  /// Element i, uniform in (0, 1).
  PARAPET_FN constexpr float uniform(index_t i) const { return to_uniform(bits(i)); }
  /// Element i, uniform integer in [0, n).
  PARAPET_FN constexpr index_t below(index_t i, index_t n) const {
    return static_cast<index_t>(to_index(bits(i), static_cast<std::uint64_t>(n)));
  }
  /// Element i, standard normal.
  PARAPET_FN float normal(index_t i) const { return to_normal(block(i / 4), static_cast<int>(i % 4)); }

private:
  std::uint64_t seed_, stream_;
};

}  // namespace parapet::inline PARAPET_ABI
