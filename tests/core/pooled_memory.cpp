#include "support/allocation_counter.hpp"

#include <parapet/core/pooled_memory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <numeric>
#include <string>
#include <vector>

using namespace parapet;

TEST_CASE("pieces are apart, aligned, and used again") {
  pooled_memory memory;
  std::uint32_t state = 1;
  struct piece {
    unsigned char* bytes;
    std::size_t size;
    unsigned char mark;
  };
  std::vector<piece> taken;
  for (int step = 0; step < 20'000; ++step) {
    state = state * 1664525 + 1013904223;
    if (taken.size() < 40 && (state >> 8) % 3 != 0) {
      std::size_t const size = std::size_t{1} + (state >> 12) % (step % 100 == 0 ? 3'000'000 : 3'000);
      auto* const bytes = static_cast<unsigned char*>(memory.allocate(size));
      REQUIRE(reinterpret_cast<std::uintptr_t>(bytes) % alignof(std::max_align_t) == 0);
      taken.push_back({bytes, size, static_cast<unsigned char>(step)});
      std::fill_n(bytes, size, taken.back().mark);
    } else if (!taken.empty()) {
      std::swap(taken[(state >> 12) % taken.size()], taken.back());
      piece const p = taken.back();
      taken.pop_back();
      REQUIRE(std::all_of(p.bytes, p.bytes + p.size, [&](unsigned char b) { return b == p.mark; }));
      memory.deallocate(p.bytes, p.size);
    }
  }
  for (piece const& p : taken) memory.deallocate(p.bytes, p.size);
}

TEST_CASE("after the most demanding call there is no allocation") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  pooled_memory memory;
  auto const call = [&](int n) {
    std::pmr::vector<int> numbers(&memory);
    for (int k = 0; k < n; ++k) numbers.push_back(k);
    std::pmr::vector<std::pmr::string> texts(static_cast<std::size_t>(n / 100), std::pmr::string(50, 'x', &memory), &memory);
    return std::accumulate(numbers.begin(), numbers.end(), static_cast<int>(texts.size()));
  };
  CHECK(call(30'000) != 0);
  call(30'000);  // its first block was several
  long const before = support::allocation_count();
  for (int n : {1, 100, 29'999, 7, 30'000}) call(n);
  long const counted = support::allocation_count() - before;
  CHECK(counted == 0);
}

TEST_CASE("a copy begins empty, and pieces of other alignments or above a mebibyte are the heap's") {
  pooled_memory memory;
  void* const piece = memory.allocate(100);
  {
    pooled_memory copy(memory);
    copy = memory;
    CHECK(!copy.is_equal(memory));
    copy.deallocate(copy.allocate(100), 100);
  }
  memory.deallocate(piece, 100);
  void* const wide = memory.allocate(64, 128);
  CHECK(reinterpret_cast<std::uintptr_t>(wide) % 128 == 0);
  memory.deallocate(wide, 64, 128);
  void* const large = memory.allocate(5 << 20);
  memory.deallocate(large, 5 << 20);
}
