// The stable sort at a size that Thrust's systems divide among threads.
#include "support/backends.hpp"
#include "thrust/policy_of.hpp"

#include <cmath>

using namespace parapet;
using support::download;
using support::generate;
using support::upload;
using thrust_test::policy_of;

TEST_CASE_TEMPLATE("thrust: a stable sort of many elements, NaN last, along a stride", B, TEST_BACKENDS) {
  constexpr index_t many = 100000;
  B be;
  auto const key = [](index_t i) { return i % 1000 == 3 ? std::nanf("") : static_cast<float>((7919 * i) % 37) - 18; };
  auto keys = upload(be, generate<float>(extents{many, 2}, [&](index_t i) { return i % 2 == 0 ? key(i / 2) : -1; }));
  auto order = upload(be, generate<index_t>(extents{many}, [](index_t i) { return i; }));
  vector_view<float, typename B::space> const first(keys.flat().data(), extents{many}, extents{index_t{2}});
  backend::through_thrust::sort_by_key(policy_of(be), first, order.view());
  auto const sorted = download(be, keys);
  auto const places = download(be, order);
  bool in_order = true, moved_along = true, others_kept = true;
  for (index_t i = 0; i < many; ++i) {
    float const here = sorted.read()(i, 0), there = key(places.read()[i]);
    moved_along = moved_along && (here == there || (here != here && there != there));
    others_kept = others_kept && sorted.read()(i, 1) == -1;
    if (i == 0) continue;
    float const before = sorted.read()(i - 1, 0);
    bool const equal = before == here || (before != before && here != here);
    in_order = in_order && (equal ? places.read()[i - 1] < places.read()[i] : before < here || here != here);
  }
  CHECK(in_order);
  CHECK(moved_along);
  CHECK(others_kept);
}
