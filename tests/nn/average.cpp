#include <parapet/nn/average.hpp>

#include "goldens/optax/optax.hpp"
#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using support::constant;
using support::download;
using support::upload;

TEST_CASE_TEMPLATE("the average is optax's incremental update", B, TEST_BACKENDS) {
  B be;
  auto const online = upload(be, support::generate<double>(extents{5}, [](index_t i) { return std::cos(i); }));
  auto target = upload(be, support::generate<double>(extents{5}, [](index_t i) { return std::sin(i); }));
  nn::update_average(be, 0.005, online.read(), target.view());
  auto const got = download(be, target);
  for (index_t i = 0; i < 5; ++i) CHECK(got.read()[i] == doctest::Approx(goldens::optax::incremental_update[i]).epsilon(1e-14));
}

TEST_CASE_TEMPLATE("the average of a constant approaches it geometrically; rates 0 and 1 are exact", B, TEST_BACKENDS) {
  B be;
  auto const threes = constant(extents{40}, 3.0);
  auto const online = upload(be, threes);
  auto target = upload(be, constant(extents{40}, 1.0));
  for (int step = 0; step < 10; ++step) nn::update_average(be, 0.1, online.read(), target.view());
  auto const after = download(be, target);
  CHECK(after.read()[39] == doctest::Approx(3 - 2 * std::pow(0.9, 10)).epsilon(1e-14));
  auto kept = upload(be, after);
  nn::update_average(be, 0, online.read(), kept.view());
  CHECK(support::same(download(be, kept), after));
  nn::update_average(be, 1, online.read(), kept.view());
  CHECK(support::same(download(be, kept), threes));
  CHECK_THROWS_AS(nn::update_average(be, 0.1, online.read().rows(0, 3), target.view()), shape_error);
}
