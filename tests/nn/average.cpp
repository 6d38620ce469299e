#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/average.hpp>

#include "goldens/optax/optax.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::constant;

TEST_CASE("the average is optax's incremental update") {
  backend::cpu be(1);
  auto const online = support::generate<double>(extents{5}, [](index_t i) { return std::cos(i); });
  auto target = support::generate<double>(extents{5}, [](index_t i) { return std::sin(i); });
  nn::update_average(be, 0.005, online.read(), target.view());
  for (index_t i = 0; i < 5; ++i) CHECK(target.read()[i] == doctest::Approx(goldens::optax::incremental_update[i]).epsilon(1e-14));
}

TEST_CASE("the average of a constant approaches it geometrically; rates 0 and 1 are exact") {
  backend::cpu be(1);
  auto const online = constant(extents{40}, 3.0);
  auto target = constant(extents{40}, 1.0);
  for (int step = 0; step < 10; ++step) nn::update_average(be, 0.1, online.read(), target.view());
  CHECK(target.read()[39] == doctest::Approx(3 - 2 * std::pow(0.9, 10)).epsilon(1e-14));
  auto kept = support::clone(target);
  nn::update_average(be, 0, online.read(), kept.view());
  CHECK(support::same(kept, target));
  nn::update_average(be, 1, online.read(), kept.view());
  CHECK(support::same(kept, online));
  CHECK_THROWS_AS(nn::update_average(be, 0.1, online.read().rows(0, 3), target.view()), shape_error);
}
