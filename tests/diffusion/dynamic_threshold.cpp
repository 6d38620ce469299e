#include <parapet/diffusion/dynamic_threshold.hpp>

#include "support/backends.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace parapet;
using support::generate;
using support::tensor;

namespace {

template <class B>
tensor<double, 2> thresholded(tensor<double, 2> const& x, diffusion::dynamic_threshold const& hook) {
  B be;
  auto device = support::upload(be, x);
  hook.correct_data(be, device.view(), {});
  return support::download(be, device);
}

/// numpy.quantile of |x| over a row.
double quantile_of(tensor<double, 2> const& x, index_t row, double q) {
  std::vector<double> a;
  for (index_t i = 0; i < x.shape()[1]; ++i) a.push_back(std::abs(x.read()(row, i)));
  std::sort(a.begin(), a.end());
  double const position = q * static_cast<double>(a.size() - 1);
  auto const below = static_cast<std::size_t>(position);
  return below + 1 < a.size() ? a[below] + (position - static_cast<double>(below)) * (a[below + 1] - a[below]) : a[below];
}

}  // namespace

TEST_CASE_TEMPLATE("dynamic_threshold: rows are limited to their own quantile and scaled back", B, TEST_BACKENDS) {
  for (index_t const n : {1, 2, 5, 33}) {
    auto const x = generate<double>(extents{index_t{6}, n}, [s = philox_stream(1, 2)](index_t i) { return std::round(8.0 * static_cast<double>(s.normal(i))) / 4; });
    for (double const q : {0.0, 0.3, 0.5, 0.995, 1.0}) {
      auto const y = thresholded<B>(x, {q, 1, 1e30});
      for (index_t row = 0; row < 6; ++row) {
        double const s = std::max(1.0, quantile_of(x, row, q));
        for (index_t i = 0; i < n; ++i)
          CHECK(y.read()(row, i) == doctest::Approx(std::clamp(x.read()(row, i), -s, s) / s).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE_TEMPLATE("dynamic_threshold: data within the limit stay, the largest quantile is bounded, NaN stays NaN", B, TEST_BACKENDS) {
  auto const small = generate<double>(extents{2, 4}, [](index_t i) { return 0.2 * static_cast<double>(i) - 0.7; });
  CHECK(support::same(thresholded<B>(small, {}), small));
  auto const large = generate<double>(extents{1, 3}, [](index_t i) { return 10.0 * static_cast<double>(i + 1); });
  auto const y = thresholded<B>(large, {1, 2, 20});
  CHECK(y.read()(0, 0) == 1);
  CHECK(y.read()(0, 2) == 2);
  auto const spoilt = generate<double>(extents{1, 3}, [](index_t i) { return i == 1 ? std::nan("") : 4.0; });
  auto const z = thresholded<B>(spoilt, {0.5, 1, 1e30});
  CHECK(std::isnan(z.read()(0, 1)));
  CHECK(z.read()(0, 0) <= 1);
}

TEST_CASE_TEMPLATE("dynamic_threshold: options that cannot be", B, TEST_BACKENDS) {
  B be;
  support::on<B, double, 2> x(extents{1, 1});
  for (diffusion::dynamic_threshold const& hook : {diffusion::dynamic_threshold{1.1, 1, 2}, {0.9, 0, 2}, {0.9, 3, 2}, {std::nan(""), 1, 2}})
    CHECK_THROWS_AS(hook.correct_data(be, x.view(), {}), argument_error);
}
