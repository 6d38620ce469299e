// How the small products of attention are cut into tiles, and where a tile's operands are.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/pack.hpp>

namespace parapet::inline PARAPET_ABI::backend::detail {

#if PARAPET_SIMD_BYTES >= 32
inline constexpr int tall_tile = 6, low_tile = 4;
#else
inline constexpr int tall_tile = 2, low_tile = 2;
#endif

/// The least number of rows, at least `rows`, that tiles make up.
constexpr index_t tiled_rows(index_t rows) { return rows <= low_tile ? low_tile : rows + rows % 2; }
/// Whether the next tile of `left` rows, what is left of a result of tiled_rows, is a tall one: two low ones come last where they must.
constexpr bool is_tall(index_t left) { return left >= tall_tile && left != 2 * low_tile; }

/// What a tile starts from.
enum class tile_start { zero, sum, scaled_sum };

/// Where a tile of a product begins.
template <class T>
struct lane_operands {
  T const* a;
  index_t a_stride;
  T const* b;
  index_t b_stride;
  T* out;
  index_t out_stride;
  T const* factor = nullptr;

  template <bool Transposed>
  void next_rows(index_t rows) {
    a += Transposed ? rows : rows * a_stride;
    out += rows * out_stride;
  }
  void next_packs(index_t packs) {
    b += packs * pack<T>::lanes;
    out += packs * pack<T>::lanes;
    if (factor != nullptr) factor += packs * pack<T>::lanes;
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::detail
