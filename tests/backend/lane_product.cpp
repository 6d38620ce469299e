// The small products of attention: tiles of every height, by packs and on AVX-512, against their formula.
#include <parapet/backend/cpu/lane_product.hpp>

#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>

using namespace parapet;
using namespace parapet::backend::detail;
using support::normal;
using support::relative_difference;

namespace {

constexpr index_t packs = 3, depth = 13;

/// run(rows, packs, operands, depth) for every number of rows up to 20, against the formula; elements beyond the result must stay.
template <class T, bool Transposed, tile_start Start, class Run>
double worst_error(Run run) {
  constexpr index_t width = packs * pack<T>::lanes;
  double worst = 0;
  for (index_t wanted = 1; wanted <= 20; ++wanted) {
    index_t const rows = tiled_rows(wanted);
    auto const a = normal<T>(Transposed ? extents{depth, rows + 3} : extents{rows, depth + 3}, 1);
    auto const b = normal<T>(extents{depth, width + 5}, 2), before = normal<T>(extents{rows + 1, width + 7}, 3);
    auto const factor = normal<T>(extents{width}, 4);
    auto out = support::clone(before), expected = support::clone(before);
    for (index_t r = 0; r < rows; ++r)
      for (index_t j = 0; j < width; ++j) {
        T sum = Start == tile_start::zero ? T(0) : before.read()(r, j);
        if (Start == tile_start::scaled_sum) sum *= factor.read()[j];
        for (index_t k = 0; k < depth; ++k) sum += (Transposed ? a.read()(k, r) : a.read()(r, k)) * b.read()(k, j);
        expected.view()(r, j) = sum;
      }
    run(rows, packs, lane_operands<T>{a.flat().data(), a.shape()[1], b.flat().data(), width + 5, out.flat().data(), width + 7, factor.flat().data()}, depth);
    worst = std::max(worst, relative_difference(out, expected));
  }
  return worst;
}

template <class T, bool Transposed, tile_start Start>
void check() {
  double const bound = std::is_same_v<T, float> ? 2e-6 : 1e-14;
  CHECK(worst_error<T, Transposed, Start>([](auto const&... x) { portable_lane_product<Transposed, Start>(x...); }) < bound);
  CHECK(worst_error<T, Transposed, Start>([](auto const&... x) { lane_product<Transposed, Start>(x...); }) < bound);
}

}  // namespace

TEST_CASE_TEMPLATE("lane_product: overwritten, added, scaled; both orders of the left operand", T, float, double) {
  check<T, false, tile_start::zero>();
  check<T, true, tile_start::zero>();
  check<T, false, tile_start::sum>();
  check<T, true, tile_start::sum>();
  check<T, false, tile_start::scaled_sum>();
  check<T, true, tile_start::scaled_sum>();
}

TEST_CASE("lane_product: tiles cover their rows") {
  for (index_t rows = 1; rows < 100; ++rows) {
    CHECK(tiled_rows(rows) >= rows);
    index_t left = tiled_rows(rows);
    while (left > 0) left -= is_tall(left) ? tall_tile : low_tile;
    CHECK(left == 0);
  }
}
