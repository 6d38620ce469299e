#include <parapet/diffusion/schedule.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;

namespace {

template <class S>
void check_inverse(S const& s) {
  for (int k = 0; k <= 20; ++k) {
    double const t = s.t_min + (s.t_max - s.t_min) * k / 20;
    noise_level const at = level_at(s, t);
    CAPTURE(t);
    if (!std::isfinite(at.lambda())) continue;
    CHECK(std::abs(time_at(s, at.lambda()) - t) <= 1e-9 * s.t_max);
    if (k > 0) CHECK(at.lambda() < level_at(s, s.t_min + (s.t_max - s.t_min) * (k - 1) / 20).lambda());
  }
}

template <class S>
void check_preserves_variance(S const& s) {
  for (double const u : {0.0, 0.1, 0.5, 1.0}) {
    noise_level const at = level_at(s, s.t_min + u * (s.t_max - s.t_min));
    CHECK(std::abs(at.alpha * at.alpha + at.sigma * at.sigma - 1) < 1e-15);
  }
}

}  // namespace

TEST_CASE("schedule: time is the inverse of log-SNR, with a closed form and without") {
  check_inverse(vp_linear{});
  check_inverse(vp_cosine{});
  check_inverse(edm{});
  check_inverse(rectified_flow{});
  check_inverse(interpolated(noise_schedule::linear(1000)));
  check_inverse(interpolated(noise_schedule::scaled_linear(50)));
  check_inverse(custom_schedule{[](double t) { return std::cos(1.5 * t); }, [](double t) { return std::sin(1.5 * t); }, 0.01, 1.0});
}

TEST_CASE("schedule: closed forms") {
  check_preserves_variance(vp_linear{});
  check_preserves_variance(vp_cosine{});
  check_preserves_variance(interpolated(noise_schedule::sigmoid(100)));
  // log alpha is half the integral of -beta(t) from 0 to t, here by Simpson's rule, exact for a linear beta
  vp_linear const s{.beta_min = 0.3, .beta_max = 12};
  double const t = 0.7, middle = 0.3 + 0.35 * 11.7, end = 0.3 + 0.7 * 11.7;
  CHECK(std::abs(std::log(s.alpha(t)) + 0.5 * t / 6 * (0.3 + 4 * middle + end)) < 1e-14);
  CHECK(std::abs(vp_linear{}.alpha(1) - std::exp(-5.025)) < 1e-16);
  // small noise keeps its digits: sigma^2 = beta_min t + ..
  CHECK(std::abs(vp_linear{}.sigma(1e-12) / std::sqrt(0.1e-12) - 1) < 1e-9);
  CHECK(std::abs(vp_cosine{}.alpha(0) - 1) < 1e-15);
  CHECK(std::abs(vp_cosine{}.alpha(0.5) - std::cos(0.508 / 1.008 * std::acos(0.0)) / std::cos(0.008 / 1.008 * std::acos(0.0))) < 1e-15);
}

TEST_CASE("schedule: a discrete one is met at its steps") {
  noise_schedule const steps = noise_schedule::cosine(40);
  interpolated const s(steps);
  for (index_t const i : {0, 1, 17, 39}) {
    CHECK(std::abs(s.alpha(static_cast<double>(i)) - steps.signal(i)) < 1e-15);
    CHECK(std::abs(s.sigma(static_cast<double>(i)) - steps.noise(i)) < 1e-14);
  }
  CHECK(std::abs(std::log(s.alpha(16.25)) - (0.75 * std::log(steps.signal(16)) + 0.25 * std::log(steps.signal(17)))) < 1e-15);
}

TEST_CASE("schedule: refuses a log-SNR that it does not reach") {
  custom_schedule const s{[](double t) { return 1 - t; }, [](double t) { return t; }, 0.25, 0.75};
  CHECK(message_of<argument_error>([&] { time_at(s, 2); }) == "time_at: log-SNR 2 outside [-1.09861229, 1.09861229] of the schedule");
}
