#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;

namespace {

std::vector<double> times(level_list const& levels) {
  std::vector<double> t;
  for (noise_level const& l : levels) t.push_back(l.t);
  return t;
}
std::vector<index_t> steps(level_list const& levels) {
  std::vector<index_t> i;
  for (noise_level const& l : levels) i.push_back(l.step);
  return i;
}

}  // namespace

TEST_CASE("step grid: equal steps in time, in its root, in log-SNR, in Karras et al.'s root of the noise") {
  vp_linear const s{.t_min = 0.01};
  auto const uniform = times(make_levels(s, time_grid{}, 4));
  for (int i = 0; i <= 4; ++i) CHECK(std::abs(uniform[static_cast<std::size_t>(i)] - (1 - 0.99 * i / 4)) < 1e-15);
  auto const quadratic = times(make_levels(s, time_grid{2}, 4));
  for (int i = 0; i <= 4; ++i) CHECK(std::abs(std::sqrt(quadratic[static_cast<std::size_t>(i)]) - (1 - 0.9 * i / 4)) < 1e-15);

  auto const even = make_levels(s, log_snr_grid{}, 5);
  double const step = (even.back().lambda() - even.front().lambda()) / 5;
  for (std::size_t i = 0; i < 5; ++i) CHECK(std::abs(lambda_difference(even[i], even[i + 1]) - step) < 1e-12);
  CHECK(even.back().t == 0.01);

  // k-diffusion's get_sigmas_karras(5, 0.1, 10)
  auto const karras = make_levels(edm{.t_min = 0.1, .t_max = 10}, karras_grid{}, 5, last_level::data);
  double const low = std::pow(0.1, 1.0 / 7), high = std::pow(10.0, 1.0 / 7);
  REQUIRE(karras.size() == 6);
  for (int i = 0; i < 5; ++i) CHECK(std::abs(karras[static_cast<std::size_t>(i)].sigma - std::pow(high + i / 4.0 * (low - high), 7)) < 1e-12);
  CHECK(karras.back().sigma == 0);
  CHECK(karras.back().alpha == 1);
}

TEST_CASE("step grid: one step, and one step to the data") {
  CHECK(times(make_levels(edm{}, karras_grid{}, 1)) == std::vector<double>{80, 0.002});
  CHECK(times(make_levels(edm{}, karras_grid{}, 1, last_level::data)) == std::vector<double>{80, 0});
  CHECK(times(levels_at(edm{}, {5, 2, 1})) == std::vector<double>{5, 2, 1});
}

TEST_CASE("step grid: diffusers' spacings of a discrete schedule") {
  noise_schedule const s = noise_schedule::linear(1000);
  CHECK(steps(make_levels(s, linspace{}, 4)) == std::vector<index_t>{999, 666, 333, 0, -1});
  CHECK(steps(make_levels(s, leading{}, 4)) == std::vector<index_t>{750, 500, 250, 0, -1});
  CHECK(steps(make_levels(s, leading{1}, 4)) == std::vector<index_t>{751, 501, 251, 1, -1});
  CHECK(steps(make_levels(s, trailing{}, 4)) == std::vector<index_t>{999, 749, 499, 249, -1});
  CHECK(steps(make_levels(s, trailing{}, 4, last_level::schedule)) == std::vector<index_t>{999, 749, 499, 249});
  CHECK(steps(make_levels(noise_schedule::vp(5), linspace{}, 5)) == steps(noise_schedule::vp(5).levels()));
  CHECK(steps(reversed(noise_schedule::vp(3).levels())) == std::vector<index_t>{-1, 0, 1, 2});
}

TEST_CASE("step grid: a plan with its schedule tells the model exact times between levels") {
  vp_linear const s{};
  auto const plan = make_plan(dpm_solver{.order = 3}, s, log_snr_grid{}, 6);
  for (sampling_step const& step : plan.steps) {
    CHECK(std::abs(level_at(s, step.level.t).alpha - step.level.alpha) < 1e-12);
    CHECK(std::abs(level_at(s, step.level.t).sigma - step.level.sigma) < 1e-12);
  }
}

TEST_CASE("step grid: refuses what is no grid") {
  auto const message = [](auto make) { return message_of<argument_error>(make); };
  double const nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(message([] { make_levels(vp_linear{}, time_grid{}, 0); }) == "make_levels: 0 steps, expected at least 1");
  CHECK(message([] { make_levels(noise_schedule::vp(5), trailing{}, 6); }) == "make_levels: 6 steps, expected 1 to 5, those of the schedule");
  CHECK(message([] { make_levels(noise_schedule::vp(5), leading{4}, 5); }) == "make_levels: step 8 outside of the schedule's 5");
  CHECK(message([] { make_levels(vp_linear{.t_min = 1, .t_max = 0.5}, time_grid{}, 3); }) == "make_levels: times from 0.5 to 1, expected descending ones");
  CHECK(message([&] { make_levels(vp_linear{.t_min = nan}, time_grid{}, 3); }) != "");
  CHECK(support::contains(message([] { make_levels(rectified_flow{}, log_snr_grid{}, 3); }),
                          "this grid does not reach the ends of the schedule, set t_min and t_max"));
  CHECK(message([] { make_plan(dpm_solver{}, levels_at(edm{}, {5, 2, 3})); }) ==
        "make_plan: log-SNR -1.09861229 of noise level 2 follows -0.693147181, expected levels that lose noise all along");
}
