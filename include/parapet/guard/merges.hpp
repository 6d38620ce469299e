// Byte pair encoding: of all neighbours that may merge, the pair of the lowest rank does, the leftmost of equals, until none may.
//
// Sennrich et al., "Neural machine translation of rare words with subword units" (2016). A word of up to 24 symbols is
// searched again for each merge, which is fastest for what people write. A longer one has a bucket of positions for each rank: these
// come in order while a bucket before is worked off from left to right, so that n symbols take O(n) steps, and O(n log n) at worst.
#pragma once

#include <parapet/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// A piece of text while it is merged: its id (negative: merges with nothing) and where it starts in the source.
struct symbol {
  std::int32_t id;
  std::uint32_t begin;
};

/// Which pairs merge, in which order, and into what: a hash table with open addressing.
class merge_table {
public:
  static constexpr std::uint32_t never = 0xFFFFFFFF;
  struct merge {
    std::uint32_t rank = never;
    std::int32_t id = -1;
  };

  /// The first entry of a pair holds.
  void add(std::int32_t left, std::int32_t right, merge const& to) {
    if ((count_ + 1) * 2 > slots_.size()) grow();
    slot& at = slots_[place(left, right)];
    if (at.left >= 0) return;
    at = {left, right, to};
    ++count_;
  }

  merge find(std::int32_t left, std::int32_t right) const {
    if (left < 0 || right < 0 || slots_.empty()) return {};
    return slots_[place(left, right)].to;
  }

  /// Merges symbols[from, to) in place and returns the new end. `memory` is for what it needs meanwhile, where they are many.
  std::size_t apply(symbol* symbols, std::size_t from, std::size_t to, std::pmr::polymorphic_allocator<> memory = {}) const {
    std::size_t const count = to - from;
    return from + (count < 2 ? count : count <= few ? apply_to_few(symbols + from, count) : apply_to_many(symbols + from, count, memory));
  }

private:
  static constexpr std::size_t few = 24;
  struct slot {
    std::int32_t left = -1, right = -1;
    merge to;
  };

  /// The slot of the pair, or the empty one where it would be.
  std::size_t place(std::int32_t left, std::int32_t right) const {
    std::uint64_t const key = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
    std::uint64_t const mixed = key * 0x9E3779B97F4A7C15u;
    std::size_t const mask = slots_.size() - 1;
    for (std::size_t at = static_cast<std::size_t>(mixed ^ mixed >> 32) & mask;; at = (at + 1) & mask) {
      slot const& here = slots_[at];
      if (here.left < 0 || (here.left == left && here.right == right)) return at;
    }
  }

  void grow() {
    std::vector<slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    old.swap(slots_);
    for (slot const& s : old)
      if (s.left >= 0) slots_[place(s.left, s.right)] = s;
  }

  std::size_t apply_to_few(symbol* symbols, std::size_t count) const {
    merge next[few];
    for (std::size_t k = 0; k + 1 < count; ++k) next[k] = find(symbols[k].id, symbols[k + 1].id);
    while (count > 1) {
      std::size_t best = 0;
      for (std::size_t k = 1; k + 1 < count; ++k)
        if (next[k].rank < next[best].rank) best = k;
      if (next[best].rank == never) break;
      symbols[best].id = next[best].id;
      std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
      std::copy(next + best + 1, next + count - 1, next + best);
      --count;
      if (best > 0) next[best - 1] = find(symbols[best - 1].id, symbols[best].id);
      if (best + 1 < count) next[best] = find(symbols[best].id, symbols[best + 1].id);
    }
    return count;
  }

  /// Left positions of pairs of one rank, the smallest first.
  class bucket {
  public:
    explicit bucket(std::pmr::polymorphic_allocator<> memory) : run_(memory), late_(memory) {}

    bool empty() const { return next_ == run_.size() && late_.empty(); }
    void push(std::uint32_t position) {
      if (run_.empty() || position >= run_.back()) return run_.push_back(position);
      late_.push_back(position);
      std::push_heap(late_.begin(), late_.end(), after);
    }
    std::uint32_t pop() {
      if (late_.empty() || (next_ < run_.size() && run_[next_] < late_.front())) return run_[next_++];
      std::pop_heap(late_.begin(), late_.end(), after);
      std::uint32_t const position = late_.back();
      late_.pop_back();
      return position;
    }

  private:
    static bool after(std::uint32_t a, std::uint32_t b) { return a > b; }

    std::pmr::vector<std::uint32_t> run_, late_;  // in order; a heap of those that came out of order
    std::size_t next_ = 0;
  };

  std::size_t apply_to_many(symbol* symbols, std::size_t count, std::pmr::polymorphic_allocator<> memory) const {
    struct link {
      std::uint32_t previous, next;
      merge with_next;
    };
    auto const end = static_cast<std::uint32_t>(count);
    std::pmr::vector<link> links(count, memory);
    std::pmr::map<std::uint32_t, bucket> buckets(memory);  // by rank; a pair that has changed since is dropped when it comes up
    auto const look = [&](std::uint32_t left) {
      link& at = links[left];
      at.with_next = at.next < end ? find(symbols[left].id, symbols[at.next].id) : merge{};
      if (at.with_next.rank != never) buckets.try_emplace(at.with_next.rank, memory).first->second.push(left);
    };
    for (std::uint32_t k = 0; k < end; ++k) links[k] = {k - 1, k + 1, {}};
    for (std::uint32_t k = 0; k < end; ++k) look(k);
    while (!buckets.empty()) {
      auto const first = buckets.begin();
      std::uint32_t const rank = first->first, left = first->second.pop();
      if (links[left].with_next.rank == rank) {
        std::uint32_t const gone = links[left].next;
        symbols[left].id = links[left].with_next.id;
        links[left].next = links[gone].next;
        if (links[gone].next < end) links[links[gone].next].previous = left;
        links[gone].with_next = {};
        if (left != 0) look(links[left].previous);
        look(left);
      }
      if (first->second.empty()) buckets.erase(first);
    }
    std::size_t kept = 0;
    for (std::uint32_t k = 0; k < end; k = links[k].next) symbols[kept++] = symbols[k];
    return kept;
  }

  std::vector<slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::guard
