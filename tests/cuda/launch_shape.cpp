// Grids of CUDA kernels: everything is covered, nothing overflows; no device.
#include <parapet/backend/cuda/launch_shape.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using namespace parapet;
using namespace parapet::backend::cuda_detail;

namespace {
constexpr index_t h100 = 132;                                                // multiprocessors
constexpr index_t huge = std::numeric_limits<index_t>::max() / 2;
constexpr index_t sizes[] = {1, 2, 31, 32, 33, 255, 256, 257, 1 << 20, (index_t{1} << 31) - 1, index_t{1} << 31, (index_t{1} << 33) + 5, huge};

// A grid-stride loop's last step may pass n by one grid: that must not wrap around in 32 bits.
bool loop_ends(index_t n, launch_shape const& s) {
  auto const grid = static_cast<std::uint64_t>(s.blocks_x) * s.threads_x * s.threads_y;
  return static_cast<std::uint64_t>(n) + grid <= std::numeric_limits<std::uint32_t>::max();
}
}  // namespace

TEST_CASE("elements: at least one block, no more than keep the device busy, threads a whole number of warps") {
  for (index_t const n : sizes) {
    CAPTURE(n);
    launch_shape const s = shape_for_elements(n, h100);
    CHECK(s.blocks_x >= 1);
    CHECK(static_cast<index_t>(s.blocks_x) <= h100 * blocks_per_multiprocessor);
    CHECK(s.threads_x % warp == 0);
    CHECK(s.threads_x * s.threads_y <= 1024);
    if (n <= 100'000) CHECK(static_cast<index_t>(s.blocks_x) * s.threads_x >= n);              // one element a thread
    if (n <= 100'000) CHECK(static_cast<index_t>(s.blocks_x - 1) * s.threads_x < n);           // no idle block
    if (fits_32_bits(n)) CHECK(loop_ends(n, s));
  }
  CHECK(shape_for_elements(1, h100) == launch_shape{1, 1, 256, 1});
  CHECK(shape_for_elements(257, h100) == launch_shape{2, 1, 256, 1});
  CHECK(shape_for_elements(huge, 1) == launch_shape{16, 1, 256, 1});
}

TEST_CASE("arrays of 2^31 elements and more are cut into parts that are counted in 32 bits") {
  auto const check = [](auto const& shape) {
    index_t covered = 0, parts = 0;
    auto next = shape;  // where the next part must begin, along the axis that is cut
    next = {};
    for_each_part(next, shape, [&](auto const& begin, auto const& part) {
      ++parts;
      covered += part.size();
      CHECK(fits_32_bits(part.size()));
      constexpr int last = static_cast<int>(sizeof shape / sizeof(index_t)) - 1;
      CHECK(begin[last] % 16 == 0);
      for (int axis = 0; axis <= last; ++axis) CHECK((begin[axis] >= 0 && begin[axis] + part[axis] <= shape[axis] && part[axis] > 0));
    });
    CHECK(covered == shape.size());
    return parts;
  };
  CHECK(check(extents{index_t{7}}) == 1);
  CHECK(check(extents{(index_t{1} << 31) - 1}) == 1);
  CHECK(check(extents{index_t{1} << 31}) == 2);
  CHECK(check(extents{(index_t{1} << 33) + 5}) == 8);
  CHECK(check(extents{index_t{1}, index_t{1}, (index_t{1} << 32) + 3}) > 2);
  CHECK(check(extents{index_t{5}, index_t{1} << 30}) == 5);
  CHECK(check(extents{index_t{3}, index_t{1000}, index_t{1} << 22}) > 5);
}

TEST_CASE("rows: a warp each while they are short, then a block each") {
  CHECK(shape_for_rows(1024, 256, h100) == launch_shape{128, 1, 32, 8});
  CHECK(shape_for_rows(1, 1, h100) == launch_shape{1, 1, 32, 8});
  CHECK(shape_for_rows(9, longest_warp_row, h100) == launch_shape{2, 1, 32, 8});
  CHECK(shape_for_rows(9, longest_warp_row + 1, h100) == launch_shape{9, 1, 256, 1});
  CHECK(shape_for_rows(huge, 4, h100).blocks_x == h100 * blocks_per_multiprocessor);
  CHECK(shape_for_rows(huge, 100'000, h100).blocks_x == h100 * blocks_per_multiprocessor);
}

TEST_CASE("columns: blocks of 8 for every matrix") {
  CHECK(shape_for_columns(1, 1) == launch_shape{1, 1, 8, 128});
  CHECK(shape_for_columns(9, 16) == launch_shape{2, 16, 8, 128});
  CHECK(shape_for_columns(1024, 2) == launch_shape{128, 2, 8, 128});
}

TEST_CASE("reductions: the number of blocks follows from the length alone") {
  CHECK(partial_results(1) == 1);
  CHECK(partial_results(2048) == 1);
  CHECK(partial_results(2049) == 2);
  CHECK(partial_results(huge) == most_partial_results);
  for (index_t const n : sizes) CHECK((partial_results(n) >= 1 && partial_results(n) <= most_partial_results));
}

TEST_CASE("divide_up") {
  CHECK(divide_up(0, 8) == 0);
  CHECK(divide_up(1, 8) == 1);
  CHECK(divide_up(8, 8) == 1);
  CHECK(divide_up(9, 8) == 2);
  CHECK(divide_up(std::numeric_limits<index_t>::max(), 2) == std::numeric_limits<index_t>::max() / 2 + 1);
}
