#include <parapet/nn/learning_rate.hpp>

#include "goldens/optax/optax.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn::learning_rate;

TEST_CASE("schedules are optax's") {
  auto const check = [](learning_rate const& rate, auto const& golden) {
    for (index_t t = 0; t < 12; ++t) CHECK(rate(t) == doctest::Approx(golden[t]).epsilon(1e-14));
  };
  check(learning_rate::cosine(0.05, 8), goldens::optax::cosine);
  check({.peak = 0.05, .decay = 8, .end = 0.01}, goldens::optax::cosine_to_end);
  check({.peak = 0.05, .warm_up = 3, .decay = 6, .start = 0.01, .end = 0.002}, goldens::optax::warm_up_cosine);
}

TEST_CASE("schedules at their corners") {
  CHECK(learning_rate::constant(0.1)(0) == 0.1);
  CHECK(learning_rate::constant(0.1)(1 << 30) == 0.1);
  CHECK(learning_rate::linear_warm_up(0.1, 4)(0) == 0);
  CHECK(learning_rate::linear_warm_up(0.1, 4)(2) == 0.05);
  CHECK(learning_rate::linear_warm_up(0.1, 4)(4) == 0.1);
  CHECK(learning_rate::linear_warm_up(0.1, 4)(400) == 0.1);
  CHECK(learning_rate::warm_up_cosine(0.1, 4, 10)(4) == 0.1);
  CHECK(learning_rate::warm_up_cosine(0.1, 4, 10)(14) == 0);
  CHECK(learning_rate::cosine(0.1, 3000000)(2000000) == doctest::Approx(0.025).epsilon(1e-12));  // FISOR's last step
}
