// Verdicts of texts that were judged before: every turn of a chat sends all turns before it again.
//
//     key = HMAC-SHA256(HMAC-SHA256(secret, client), text)
//
// A verdict depends on the text and on the moderator, which is one for the life of the process: what it means for a speaker under the policy of
// the moment is decided each time anew. The secret is of this process, so that its memory has no text and none can be found by trying.
// Clients do not share: nobody learns from the time of an answer what another one asked.
#pragma once

#include <parapet/guard/verdict.hpp>
#include <parapet/io/sha256.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace guarded_chat {

/// Threads may share it. What was not asked for since half of the memory was filled is forgotten with the next half.
class verdict_cache {
public:
  using key = parapet::io::sha256_digest;

  /// `most_bytes` of memory; with 0 nothing is kept.
  explicit verdict_cache(std::size_t most_bytes) : half_(most_bytes / 2) {
    std::random_device random;
    for (auto& byte : secret_) byte = static_cast<char>(random());
  }

  /// `client` is whatever tells clients apart.
  key key_of(std::string_view client, std::string_view text) const {
    key const own = parapet::io::hmac_sha256({secret_.data(), secret_.size()}, client);
    return parapet::io::hmac_sha256({reinterpret_cast<char const*>(own.data()), own.size()}, text);
  }

  std::optional<parapet::guard::verdict> find(key const& text) {
    std::lock_guard const lock(mutex_);
    if (auto const known = young_.find(text); known != young_.end()) return known->second;
    auto const known = old_.find(text);
    if (known == old_.end()) return {};
    auto out = std::move(known->second);
    old_bytes_ -= bytes_of(out);
    old_.erase(known);
    add(text, out);
    return out;
  }

  /// Keeps an answer. A failure is none: the next time may be better.
  void keep(key const& text, parapet::guard::verdict const& v) {
    if (v.status != parapet::guard::verdict_status::ok || bytes_of(v) > half_) return;
    std::lock_guard const lock(mutex_);
    add(text, v);
  }

  /// Bytes that are in use, about.
  std::size_t bytes() const {
    std::lock_guard const lock(mutex_);
    return young_bytes_ + old_bytes_;
  }

private:
  struct first_bytes {  // of what is as good as random
    std::size_t operator()(key const& k) const {
      std::size_t out;
      std::memcpy(&out, k.data(), sizeof out);
      return out;
    }
  };
  using verdicts = std::unordered_map<key, parapet::guard::verdict, first_bytes>;

  /// With what a node, its place in the table and the allocator take.
  static std::size_t bytes_of(parapet::guard::verdict const& v) {
    return sizeof(verdicts::value_type) + 6 * sizeof(void*) + v.windows.size() * sizeof(parapet::guard::window_verdict) + v.message.size();
  }

  void add(key const& text, parapet::guard::verdict const& v) {
    std::size_t const more = bytes_of(v);
    if (young_bytes_ + more > half_) {
      old_ = std::exchange(young_, {});
      old_bytes_ = std::exchange(young_bytes_, 0);
    }
    if (young_.emplace(text, v).second) young_bytes_ += more;
  }

  std::size_t half_;
  std::array<char, 32> secret_;
  mutable std::mutex mutex_;
  verdicts young_, old_;
  std::size_t young_bytes_ = 0, old_bytes_ = 0;
};

}  // namespace guarded_chat
