// SHA-256 (FIPS 180-4), to name a file of weights or to stand for a text that is not to be stored.
//
//     io::to_hex(io::sha256("abc"))      io::sha256_stream s; s.add(a); s.add(b); s.digest()
//
// About 0.3 GB/s on one core, portably. A hash of a short text can be guessed by trying: give it a secret salt (hmac_sha256, RFC 2104).
#pragma once

#include <parapet/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::io {

using sha256_digest = std::array<std::uint8_t, 32>;

/// The hash of bytes that come in pieces.
class sha256_stream {
public:
  void add(std::string_view bytes) {
    length_ += bytes.size();
    while (!bytes.empty()) {
      std::size_t const room = sizeof block_ - filled_, take = bytes.size() < room ? bytes.size() : room;
      std::memcpy(block_ + filled_, bytes.data(), take);
      filled_ += take;
      bytes.remove_prefix(take);
      if (filled_ == sizeof block_) mix(), filled_ = 0;
    }
  }

  /// The hash of all that was added so far, to which more may be added.
  sha256_digest digest() const {
    sha256_stream last = *this;
    std::uint64_t const bits = length_ * 8;
    last.block_[last.filled_++] = 0x80;
    if (last.filled_ > 56) {
      std::memset(last.block_ + last.filled_, 0, sizeof block_ - last.filled_);
      last.mix();
      last.filled_ = 0;
    }
    std::memset(last.block_ + last.filled_, 0, 56 - last.filled_);
    for (unsigned k = 0; k < 8; ++k) last.block_[56 + k] = static_cast<std::uint8_t>(bits >> (56 - 8 * k));
    last.mix();
    sha256_digest out;
    for (unsigned k = 0; k < 32; ++k) out[k] = static_cast<std::uint8_t>(last.state_[k / 4] >> (24 - 8 * (k % 4)));
    return out;
  }

private:
  void mix() {
    static constexpr std::uint32_t constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
        0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
        0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
        0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
        0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
        0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    std::uint32_t w[64];
    for (unsigned k = 0; k < 16; ++k)
      w[k] = std::uint32_t{block_[4 * k]} << 24 | std::uint32_t{block_[4 * k + 1]} << 16 | std::uint32_t{block_[4 * k + 2]} << 8 | block_[4 * k + 3];
    for (unsigned k = 16; k < 64; ++k) {
      std::uint32_t const a = w[k - 15], b = w[k - 2];
      w[k] = w[k - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[k - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (unsigned k = 0; k < 64; ++k) {
      std::uint32_t const t = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + constants[k] + w[k];
      std::uint32_t const u = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
    }
    std::uint32_t const step[8] = {a, b, c, d, e, f, g, h};
    for (unsigned k = 0; k < 8; ++k) state_[k] += step[k];
  }

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint64_t length_ = 0;  // bytes
  std::size_t filled_ = 0;
  std::uint8_t block_[64];
};

inline sha256_digest sha256(std::string_view bytes) {
  sha256_stream stream;
  stream.add(bytes);
  return stream.digest();
}

/// The hash of `bytes` under a secret key (HMAC, RFC 2104): who does not have the key cannot test a guess of the bytes.
inline sha256_digest hmac_sha256(std::string_view key, std::string_view bytes) {
  std::uint8_t block[64] = {};
  if (key.size() <= sizeof block) {
    std::memcpy(block, key.data(), key.size());
  } else {
    auto const hashed = sha256(key);
    std::memcpy(block, hashed.data(), hashed.size());
  }
  auto const padded = [&](std::uint8_t pad) {
    std::string out;
    for (std::uint8_t const b : block) out += static_cast<char>(b ^ pad);
    return out;
  };
  sha256_stream inner, outer;
  inner.add(padded(0x36));
  inner.add(bytes);
  auto const hash = inner.digest();
  outer.add(padded(0x5c));
  outer.add({reinterpret_cast<char const*>(hash.data()), hash.size()});
  return outer.digest();
}

inline std::string to_hex(sha256_digest const& digest) {
  constexpr char const* hex = "0123456789abcdef";
  std::string out;
  for (std::uint8_t const b : digest) out += {hex[b >> 4], hex[b & 15]};
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::io
