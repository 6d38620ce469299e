#include <parapet/diffusion/brownian_path.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/backends.hpp"
#include "support/mixture.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;
using support::tensor;

TEST_CASE_TEMPLATE("brownian path: increments add up, whatever the steps", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{100}, index_t{40}};
  brownian_path const path(philox_stream(3, 0), -2, 3);
  auto const increment = [&](double from, double to) {
    tensor<double, 2, space> z(shape);
    path(be, noise_draw{1, from, to}, z.view());
    auto const host = support::download(be, z);
    double const scale = std::sqrt(std::exp(2 * to) - std::exp(2 * from));
    return support::generate<double>(shape, [&](index_t i) { return scale * host.flat()[i]; });
  };
  auto const a = increment(-2, 0.5), b = increment(0.5, 1.75), both = increment(-2, 1.75);
  double worst = 0, product = 0, square = 0;
  for (index_t i = 0; i < both.size(); ++i) {
    worst = std::max(worst, std::abs(a.flat()[i] + b.flat()[i] - both.flat()[i]));
    product += a.flat()[i] * b.flat()[i];
    square += b.flat()[i] * b.flat()[i];
  }
  auto const n = static_cast<double>(both.size());
  double const variance_a = std::exp(1.0) - std::exp(-4.0), variance_b = std::exp(3.5) - std::exp(1.0);
  CHECK(worst < 1e-2);  // scaled here by times as asked for, there rounded to 2^-14 of the range
  CHECK(std::abs(product / n) < 4 * std::sqrt(variance_a * variance_b / n));
  CHECK(std::abs(square / n / variance_b - 1) < 4 * std::sqrt(2 / n));
}

TEST_CASE_TEMPLATE("brownian path: SDE samplers converge on one path", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{8}, index_t{32}};
  vp_linear s{};
  s.t_max = time_at(s, -1.5);
  s.t_min = time_at(s, 2.0);
  brownian_path const path(philox_stream(7, 0), -1.5, 2.0);
  auto const run = [&](int order, index_t n) {
    sampler const solve(make_plan(dpm_pp_multistep{.order = order, .eta = 1}, s, log_snr_grid{}, n));
    arena<space> memory;
    auto const work = plan(memory, [&](auto& m) { return solve.template make_workspace<double>(m, shape[0], shape[1]); });
    tensor<double, 2, space> x(shape);
    support::mixture<double, space> denoise(shape);
    solve.run(be, denoise, path, x.view(), work);
    return support::download(be, x);
  };
  auto const reference = run(2, 1024);
  for (int const order : {1, 2}) {
    CAPTURE(order);
    double const coarse = support::relative_difference(run(order, 32), reference), fine = support::relative_difference(run(order, 128), reference);
    CHECK(fine < 0.02);
    CHECK(std::log2(coarse / fine) / 2 > 0.8);  // strong order 1: the noise is additive
  }
}

TEST_CASE_TEMPLATE("brownian path: draws that are no increment are independent, of the path and of each other", B, TEST_BACKENDS) {
  B be;
  extents const shape{index_t{100}, index_t{40}};
  brownian_path const path(philox_stream(3, 0), -2, 3);
  auto const draw = [&](noise_draw const& d) {
    tensor<double, 2, typename B::space> z(shape);
    path(be, d, z.view());
    return support::download(be, z);
  };
  auto const initial = draw({}), churned = draw({1, 0, 0}), later = draw({2, 0, 0}), step = draw({3, -2, 3});
  auto const mean_product = [](auto const& a, auto const& b) {
    double total = 0;
    for (index_t i = 0; i < a.size(); ++i) total += a.flat()[i] * b.flat()[i];
    return total / static_cast<double>(a.size());
  };
  double const slack = 4 / std::sqrt(4000.0);
  for (auto const* z : {&churned, &later}) {
    CHECK(std::abs(mean_product(*z, *z) - 1) < slack * std::sqrt(2.0));
    CHECK(std::abs(mean_product(*z, initial)) < slack);
    CHECK(std::abs(mean_product(*z, step)) < slack);
  }
  CHECK(std::abs(mean_product(churned, later)) < slack);
}

TEST_CASE_TEMPLATE("brownian path: refuses steps it cannot answer", B, TEST_BACKENDS) {
  B be;
  tensor<float, 2, typename B::space> z(extents{index_t{1}, index_t{1}});
  brownian_path const path(philox_stream(0, 0), -1, 1, 4);
  auto const message = [&](double from, double to) { return message_of<argument_error>([&] { path(be, noise_draw{1, from, to}, z.view()); }); };
  CHECK(message(-1, 1) == "");
  CHECK(message(-1, 2) == "brownian_path: log-SNR 2 outside the path's [-1, 1]");
  CHECK(message(0, 0.01) == "brownian_path: a step from log-SNR 0 to 0.01 is shorter than the path resolves, raise its depth");
  CHECK(message_of<argument_error>([] { brownian_path(philox_stream(0, 0), 1, 1); }) == "brownian_path: a range from 1 to 1");
  CHECK(message_of<argument_error>([] { brownian_path(philox_stream(0, 0), 0, 1, 31); }) == "brownian_path: depth = 31, expected 1 to 30");
}
