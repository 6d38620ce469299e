#include <parapet/diffusion/noise_schedule.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace parapet;
using diffusion::noise_schedule;
using support::message_of;

namespace {

bool near(double value, double expected, double tolerance) {
  return std::abs(value - expected) <= tolerance * std::abs(expected);
}

}  // namespace

TEST_CASE("noise schedule: the five steps of Diffusion-QL, IDQL and FISOR") {
  noise_schedule const five = noise_schedule::vp(5);
  double const beta[] = {.19587, .45882, .63578, .75488, .83503}, alpha_bar[] = {.80413, .43518, .15850, .03885, .00641};
  REQUIRE(five.steps() == 5);
  for (index_t i = 0; i < 5; ++i) {
    CHECK(std::abs(five.beta(i) - beta[i]) < 5e-6);
    CHECK(std::abs(five.alpha_bar(i) - alpha_bar[i]) < 5e-6);
  }
}

TEST_CASE("noise schedule: vp has the closed form of its integral") {
  for (index_t const steps : {1, 2, 5, 1000}) {
    CAPTURE(steps);
    noise_schedule const s = noise_schedule::vp(steps, 0.1, 20);
    double worst = 0;
    for (index_t i = 0; i < steps; ++i) {
      double const t = static_cast<double>(i + 1) / static_cast<double>(steps);
      double const exact = std::exp(-0.1 * t - 0.5 * (20 - 0.1) * t * t);
      worst = std::max(worst, std::abs(s.alpha_bar(i) - exact) / exact);
    }
    CHECK(worst < 1e-11);  // 1 - beta cancels where beta is near 1
  }
}

TEST_CASE("noise schedule: linear goes from its first to its last beta in equal steps") {
  noise_schedule const s = noise_schedule::linear(1000);
  CHECK(s.beta(0) == 1e-4);
  CHECK(near(s.beta(999), 0.02, 1e-14));
  CHECK(near(s.beta(500), 1e-4 + 500 * (0.02 - 1e-4) / 999, 1e-14));
  double log_alpha_bar = 0;
  for (index_t i = 0; i < 1000; ++i) log_alpha_bar += std::log1p(-s.beta(i));
  CHECK(near(s.alpha_bar(999), std::exp(log_alpha_bar), 1e-12));
  CHECK(near(s.alpha_bar(999), 4.0358e-5, 1e-4));  // of the DDPM paper's schedule
  CHECK(noise_schedule::linear(1, 0.3, 0.5).beta(0) == 0.3);
}

TEST_CASE("noise schedule: cosine follows its cosine, and its last beta is limited") {
  noise_schedule const s = noise_schedule::cosine(100);
  auto const f = [](double t) { return std::pow(std::cos((t + 0.008) / 1.008 * std::acos(0.0)), 2); };
  for (index_t const i : {0, 1, 50, 98}) CHECK(near(s.alpha_bar(i), f(static_cast<double>(i + 1) / 100) / f(0), 1e-12));
  CHECK(s.beta(99) == 0.999);
  CHECK(noise_schedule::cosine(1).beta(0) == 0.999);
}

TEST_CASE("noise schedule: data and noise share the variance") {
  noise_schedule const s({0.1, 0.5, 0.9});
  CHECK(s.alpha_bar(-1) == 1);  // before the first step there is no noise
  for (index_t i = 0; i < 3; ++i) CHECK(near(s.signal(i) * s.signal(i) + s.noise(i) * s.noise(i), 1, 1e-15));
  CHECK(near(s.alpha_bar(2), 0.9 * 0.5 * 0.1, 1e-15));
}

TEST_CASE("noise schedule: refuses what is no schedule") {
  auto const message = [](auto make) { return message_of<argument_error>(make); };
  CHECK(message([] { noise_schedule({}); }) == "noise_schedule: no steps");
  CHECK(message([] { noise_schedule({1.0, 0.5}); }) == "noise_schedule: beta 1 outside (0, 1)");
  CHECK(message([] { noise_schedule({0.0}); }) == "noise_schedule: beta 0 outside (0, 1)");
  CHECK(message([] { noise_schedule({std::numeric_limits<double>::quiet_NaN()}); }) == "noise_schedule: beta nan outside (0, 1)");
  CHECK(message([] { noise_schedule::vp(0); }) == "noise_schedule: 0 steps, expected at least 1");
  CHECK(message([] { noise_schedule::linear(-3); }) == "noise_schedule: -3 steps, expected at least 1");
  CHECK(message([] { noise_schedule::vp(5, -1, 0); }) != "");
  CHECK(message([] { noise_schedule::cosine(10, -1); }) != "");  // divides by zero
}
