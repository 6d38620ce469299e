// How many blocks of how many threads: plain arithmetic, so that it is tested without a device.
//
// Kernels are grid-stride loops, right for any number of blocks; more blocks than the device can hold gain nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/extents.hpp>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// Blocks along x and y of threads along x and y, with so much dynamic shared memory a block.
struct launch_shape {
  unsigned blocks_x, blocks_y, threads_x, threads_y, shared_bytes = 0;
  friend constexpr bool operator==(launch_shape const&, launch_shape const&) = default;
};

inline constexpr index_t threads_per_block = 256;
inline constexpr index_t blocks_per_multiprocessor = 16;  // two waves of full multiprocessors
inline constexpr index_t warp = 32;
inline constexpr index_t warps_per_block = threads_per_block / warp;
inline constexpr index_t longest_warp_row = 2048;  // longer rows get a block each
inline constexpr index_t reduced_per_thread = 8;   // elements of a reduction that a thread folds before the block does

/// Copies from host memory up to this size go through page-locked memory, and do not wait.
inline constexpr index_t most_staged_bytes = index_t{64} << 10;

constexpr index_t divide_up(index_t n, index_t d) { return n / d + (n % d != 0); }

/// n / per_block blocks, at least one and at most what keeps the device busy.
constexpr unsigned block_count(index_t n, index_t per_block, index_t multiprocessors) {
  index_t const wanted = divide_up(n, per_block), most = multiprocessors * blocks_per_multiprocessor;
  return static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

/// One thread an element.
constexpr launch_shape shape_for_elements(index_t n, index_t multiprocessors) {
  return {block_count(n, threads_per_block, multiprocessors), 1, static_cast<unsigned>(threads_per_block), 1};
}

/// One warp a row, several rows a block; or one block a row.
constexpr bool row_fits_warp(index_t columns) { return columns <= longest_warp_row; }
constexpr launch_shape shape_for_rows(index_t rows, index_t columns, index_t multiprocessors) {
  if (row_fits_warp(columns))
    return {block_count(rows, warps_per_block, multiprocessors), 1, static_cast<unsigned>(warp), static_cast<unsigned>(warps_per_block)};
  return {block_count(rows, 1, multiprocessors), 1, static_cast<unsigned>(threads_per_block), 1};
}

/// 8 columns a block, whose 128 rows of threads share the matrix's rows: 8 floats are what memory moves at once, and few
/// columns a block are many blocks.
inline constexpr index_t columns_per_block = 8, threads_per_column = 128;
constexpr launch_shape shape_for_columns(index_t columns, index_t matrices) {
  return {static_cast<unsigned>(divide_up(columns, columns_per_block)), static_cast<unsigned>(matrices), static_cast<unsigned>(columns_per_block),
          static_cast<unsigned>(threads_per_column)};
}

/// Blocks of a reduction of n elements. By n alone, so that the order of a sum does not depend on the device.
inline constexpr index_t most_partial_results = 512;
constexpr index_t partial_results(index_t n) {
  index_t const wanted = divide_up(n, threads_per_block * reduced_per_thread);
  return wanted < 1 ? 1 : wanted < most_partial_results ? wanted : most_partial_results;
}

/// Kernels count in 32 bits, whose division is several times as fast as that of 64.
constexpr bool fits_32_bits(index_t n) { return n < index_t{1} << 31; }

/// run(begin, shape of the part) for parts of an array of `shape` that fit: one, or halves of halves. Parts of the last axis
/// begin at multiples of 16 elements.
template <int Rank, class Run>
constexpr void for_each_part(extents<Rank> const& begin, extents<Rank> const& shape, Run const& run) {
  if (fits_32_bits(shape.size())) return run(begin, shape);
  int axis = 0;
  while (axis < Rank - 1 && shape[axis] == 1) ++axis;
  index_t const half = axis < Rank - 1 ? shape[axis] / 2 : shape[axis] / 32 * 16;
  extents<Rank> first = shape, second = shape, middle = begin;
  first[axis] = half;
  second[axis] -= half;
  middle[axis] += half;
  for_each_part(begin, first, run);
  for_each_part(middle, second, run);
}

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
