#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/ddpm.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>

using namespace parapet;
using diffusion::ddpm_sampler;
using diffusion::ddpm_options;
using diffusion::noise_schedule;
using diffusion::philox_noise;
using diffusion::reverse_variance;
using support::tensor;

namespace {

/// Data x_0 ~ N(mean, deviation^2), and the noise expected in x_i.
struct gaussian {
  double mean = 0.3, deviation = 0.5;
  double epsilon_slope(noise_schedule const& s, index_t i) const {
    return s.noise(i) / (s.alpha_bar(i) * deviation * deviation + 1 - s.alpha_bar(i));
  }
  double epsilon(noise_schedule const& s, index_t i, double x) const { return epsilon_slope(s, i) * (x - s.signal(i) * mean); }
};

struct moments {
  double mean = 0, variance = 1;
};

/// Moments of the sampler's result by their recursion: each step is x <- slope x + offset + s_i z.
moments recursion(noise_schedule const& s, gaussian const& data, ddpm_options const& options) {
  moments m;
  for (index_t i = s.steps() - 1; i >= 0; --i) {
    double const beta = s.beta(i), share = beta / s.noise(i), growth = 1 / std::sqrt(1 - beta);
    double const posterior = (1 - s.alpha_bar(i - 1)) / (1 - s.alpha_bar(i));
    double const noise = i == 0 ? 0 : beta * (options.variance == reverse_variance::posterior ? posterior : 1);
    double const slope = growth * (1 - share * data.epsilon_slope(s, i));
    m.mean = slope * m.mean - growth * share * data.epsilon(s, i, 0);
    m.variance = slope * slope * m.variance + options.temperature * options.temperature * noise;
  }
  return m;
}

/// The same from the sampler itself, without sampling: under this denoiser the result is a constant plus a weighted sum
/// of the draws. Row 0 sees no noise and so is the constant; row k + 1 sees 1 in draw k, and so adds that draw's weight.
moments impulses(noise_schedule const& s, gaussian const& data, ddpm_options const& options) {
  backend::cpu be(1);
  tensor<double, 2> x(extents{s.steps() + 1, index_t{1}}), z(x.shape()), epsilon(x.shape());
  auto const denoise = [&](backend::cpu&, matrix_view<double const> now, index_t i) {
    for (index_t row = 0; row < now.extent(0); ++row) epsilon.view()(row, 0) = data.epsilon(s, i, now(row, 0));
    return epsilon.view();
  };
  auto const impulse = [](backend::cpu&, index_t draw, matrix_view<double> out) {
    for (index_t row = 0; row < out.extent(0); ++row) out(row, 0) = row == draw + 1 ? 1 : 0;
  };
  ddpm_sampler(s, options).run(be, denoise, impulse, x.view(), z.view());
  moments m{x.flat()[0], 0};
  for (index_t row = 1; row < x.size(); ++row) m.variance += std::pow(x.flat()[row] - m.mean, 2);
  return m;
}

}  // namespace

TEST_CASE("ddpm: moments on Gaussian data are those of the recursion") {
  struct row {
    index_t steps;
    reverse_variance variance;
    double deviation;
  };
  // A few steps are biased, by design: the deviation of the data is 0.5.
  auto const beta = reverse_variance::beta, posterior = reverse_variance::posterior;
  for (row const& r : {row{5, beta, .4435}, row{10, beta, .5089}, row{50, beta, .5083}, row{1000, beta, .5005},
                       row{5, posterior, .2954}, row{10, posterior, .3643}, row{50, posterior, .4574}, row{1000, posterior, .4971}}) {
    CAPTURE(r.steps);
    noise_schedule const s = noise_schedule::vp(r.steps);
    moments const exact = recursion(s, {}, {r.variance}), got = impulses(s, {}, {r.variance});
    CHECK(std::abs(got.mean - exact.mean) <= 1e-12);
    CHECK(std::abs(got.variance - exact.variance) <= 1e-12);
    CHECK(std::abs(std::sqrt(got.variance) - r.deviation) <= 5e-5);
    CHECK(std::abs(got.mean - 0.2995) <= 5e-5);  // short of 0.3: x_T is not quite pure noise
  }
}

TEST_CASE("ddpm: temperature scales the noise of the steps and not the initial noise") {
  for (double const temperature : {0.0, 0.5}) {
    ddpm_options const options{.temperature = temperature};
    moments const exact = recursion(noise_schedule::vp(5), {}, options), got = impulses(noise_schedule::vp(5), {}, options);
    CHECK(std::abs(got.mean - exact.mean) <= 1e-12);
    CHECK(std::abs(got.variance - exact.variance) <= 1e-12);
  }
}

TEST_CASE("ddpm: clips x itself after every step") {
  backend::cpu be(1);
  noise_schedule const s = noise_schedule::vp(5);
  index_t const rows = 7, dim = 3;
  tensor<double, 2> x(extents{rows, dim}), z(x.shape()), epsilon(x.shape()), manual(x.shape()), fresh(x.shape());
  philox_noise const noise{philox_stream(1, 2)};
  double largest_seen = 0;
  index_t calls = 0;
  auto const predict = [](double v, index_t i) { return 0.3 * v - 0.1 * static_cast<double>(i); };
  auto const denoise = [&](backend::cpu&, matrix_view<double const> const& now, index_t i) -> matrix_view<double const> {
    for (index_t k = 0; k < now.size(); ++k) {
      if (calls > 0) largest_seen = std::max(largest_seen, std::abs(now.data()[k]));
      epsilon.flat()[k] = predict(now.data()[k], i);
    }
    ++calls;
    return epsilon.view();
  };
  ddpm_sampler(s, {.clip = 0.4}).run(be, denoise, noise, x.view(), z.view());
  CHECK(calls == 5);
  CHECK(largest_seen == 0.4);

  noise(be, 0, manual.view());
  for (index_t i = 4; i >= 0; --i) {
    if (i > 0) noise(be, 5 - i, fresh.view());
    for (index_t k = 0; k < manual.size(); ++k) {
      double const v = manual.flat()[k];
      double const mean = (v - s.beta(i) / std::sqrt(1 - s.alpha_bar(i)) * predict(v, i)) / std::sqrt(1 - s.beta(i));
      manual.flat()[k] = std::clamp(mean + (i > 0 ? std::sqrt(s.beta(i)) * fresh.flat()[k] : 0), -0.4, 0.4);
    }
  }
  CHECK(relative_difference(x, manual) <= 1e-14);
}

TEST_CASE("ddpm: draw k of philox_noise is the k-th block of its stream, and a sampler without noise draws once") {
  backend::cpu be(1);
  philox_stream const stream(3, 4);
  tensor<double, 2> x(extents{index_t{2}, index_t{3}}), z(x.shape()), zero(x.shape());
  fill(be, zero.view(), 0.0);
  philox_noise{stream, 10}(be, 2, x.view());
  for (index_t k = 0; k < 6; ++k) CHECK(std::abs(x.flat()[k] - stream.normal(10 + 2 * 6 + k)) <= 1e-6f);

  index_t draws = 0;
  auto const count = [&draws](backend::cpu& worker, index_t, matrix_view<double> const& out) {
    ++draws;
    fill(worker, out, 1.0);
  };
  ddpm_sampler(noise_schedule::vp(5), {.temperature = 0}).run(be, [&](auto&, auto const&, index_t) { return zero.read(); }, count, x.view(), z.view());
  CHECK(draws == 1);
}

TEST_CASE("ddpm: a run allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  backend::cpu be(1);
  ddpm_sampler const sampler(noise_schedule::vp(5), {.clip = 1});
  tensor<double, 2> x(extents{index_t{16}, index_t{2}}), z(x.shape());
  philox_noise const noise{philox_stream(0, 0)};
  auto const denoise = [](backend::cpu&, matrix_view<double const> const& now, index_t) { return now; };
  auto const before = support::allocation_count();
  sampler.run(be, denoise, noise, x.view(), z.view());
  CHECK(support::allocation_count() == before);
}

TEST_CASE("ddpm: refuses options out of range and shapes that do not fit") {
  using support::message_of;
  noise_schedule const s = noise_schedule::vp(5);
  CHECK(message_of<argument_error>([&] { ddpm_sampler(s, {.temperature = -1}); }) == "ddpm_sampler: temperature = -1, expected at least 0");
  CHECK(message_of<argument_error>([&] { ddpm_sampler(s, {.clip = std::nan("")}); }) == "ddpm_sampler: clip = nan, expected at least 0");

  backend::cpu be(1);
  tensor<double, 2> x(extents{index_t{2}, index_t{3}}), wide(extents{index_t{2}, index_t{4}});
  auto const run = [&](auto const& denoised, auto const& out, auto const& scratch) {
    return message_of<shape_error>([&] {
      ddpm_sampler(s).run(be, [&](auto&, auto const&, index_t) { return denoised; }, philox_noise{philox_stream(0, 0)}, out, scratch);
    });
  };
  CHECK(run(x.read(), x.view(), wide.view()) == "ddpm_sampler: scratch has shape (2, 4), expected (2, 3)");
  CHECK(run(wide.read(), x.view(), x.view()) == "sampler: the denoiser's result has shape (2, 4), expected (2, 3)");
  CHECK(run(x.read(), wide.view().columns(0, 3), x.view()) ==
        "philox_noise: z of shape (2, 3) with strides (4, 1), expected a dense view");
}
