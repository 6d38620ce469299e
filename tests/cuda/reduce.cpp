// Reductions over many blocks, through the bodies of the kernels; no device.
#include <parapet/backend/cuda/reduce.hpp>

#include "support/cuda_bodies.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace parapet;
using namespace parapet::backend::cuda_detail;

TEST_CASE("sums over one block, several, and more elements than blocks have threads") {
  support::cuda_bodies be;
  for (index_t const n : {index_t{255}, index_t{2048}, index_t{2049}, index_t{100'003}, most_partial_results * threads_per_block * reduced_per_thread + 17}) {
    auto const x = support::generate<double>(extents{n}, [](index_t i) { return i % 7 - 3; });
    double total = 0;
    for (index_t i = 0; i < n; ++i) total += x.flat()[i];
    CHECK(sum(be, x.read()) == total);
    CHECK(reduce(be, x.read(), math::maximum{}, -100.0) == 3);
  }
}

TEST_CASE("argmin and argmax across blocks: the first of equals") {
  support::cuda_bodies be;
  constexpr index_t n = 10'000;
  for (index_t const place : {index_t{0}, index_t{1}, index_t{255}, index_t{256}, index_t{5000}, n - 1}) {
    auto x = support::generate<float>(extents{n}, [&](index_t i) { return i >= place && (i - place) % 1000 == 0 ? -1 : 1; });
    CHECK(argmin(be, x.read()) == place);
    for (index_t i = 0; i < n; ++i) x.flat()[i] *= -1;
    CHECK(argmax(be, x.read()) == place);
  }
}

TEST_CASE("the better of two places is the same in any order of folding") {
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  place<double> const places[] = {{0, -1}, {nan, 0}, {2, 1}, {nan, 2}, {-infinity, 3}, {2, 4}, {infinity, 5}, {0.0, 6}, {-0.0, 7}};
  auto const check = [&](auto op) {
    for (auto const& a : places)
      for (auto const& b : places) {
        CHECK(op(a, b).index == op(b, a).index);
        for (auto const& c : places) CHECK(op(op(a, b), c).index == op(a, op(b, c)).index);
      }
  };
  check(better_place<false>{});
  check(better_place<true>{});
  CHECK(better_place<false>{}(places[7], places[8]).index == 6);  // zeros are equal
  CHECK(better_place<true>{}(places[1], places[4]).index == 3);
}
