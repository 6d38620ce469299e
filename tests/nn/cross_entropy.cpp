#include <parapet/nn/cross_entropy.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using support::download;
using support::generate;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("cross_entropy: loss and gradient of rows with weights of classes; rows without a label give 0", B, TEST_BACKENDS) {
  B be;
  constexpr index_t rows = 5, classes = 4;
  auto logits = upload(be, normal<double>(extents{rows, classes}, 1));
  auto const label = [](index_t i) { return i == 3 ? nn::no_label : static_cast<int>(i % classes); };
  auto const labels = upload(be, generate<int>(extents{rows}, label));
  auto const weights = generate<double>(extents{classes}, [](index_t j) { return 0.5 + static_cast<double>(j); });
  auto const device_weights = upload(be, weights);
  on<B, double, 1> values(extents{rows});
  on<B, double, 2> dlogits(logits.shape());
  for (bool const weighted : {false, true}) {
    vector_view<double const, typename B::space> const class_weight = weighted ? device_weights.read() : vector_view<double const, typename B::space>{};
    auto const loss = [&] {
      nn::cross_entropy(be, 0.25, logits.read(), labels.read(), class_weight, values.view(), dlogits.view());
      return sum(be, values.flat());
    };
    loss();
    auto const host = download(be, logits), slopes = download(be, dlogits);
    auto const got = download(be, values);
    for (index_t i = 0; i < rows; ++i) {
      double total = 0, expected = 0;
      for (index_t j = 0; j < classes; ++j) total += std::exp(host.read()(i, j));
      if (label(i) >= 0) expected = -0.25 * (weighted ? weights.read()[label(i)] : 1.0) * std::log(std::exp(host.read()(i, label(i))) / total);
      CHECK(got.read()[i] == doctest::Approx(expected).epsilon(1e-13));
    }
    CHECK(support::gradient_error(be, logits.flat(), dlogits.flat(), loss) < 1e-6);
    for (index_t j = 0; j < classes; ++j) CHECK(slopes.read()(3, j) == 0);
    auto in_place = upload(be, host);
    nn::cross_entropy(be, 0.25, in_place.read(), labels.read(), class_weight, values.view(), in_place.view());
    CHECK(support::same(download(be, in_place), slopes));
  }
}

TEST_CASE_TEMPLATE("cross_entropy: far logits stay finite, and what does not fit is said", B, TEST_BACKENDS) {
  B be;
  auto const far = upload(be, generate<float>(extents{2, 2}, [](index_t i) { return i % 3 == 0 ? 1e30f : -1e30f; }));
  auto const labels = upload(be, generate<index_t>(extents{2}, [](index_t) { return 0; }));
  on<B, float, 1> values(extents{2});
  nn::cross_entropy(be, 1, far.read(), labels.read(), {}, values.view());
  auto const got = download(be, values);
  CHECK(got.read()[0] == 0);
  CHECK(got.read()[1] == 2e30f);
  on<B, float, 1> three(extents{3});
  CHECK_THROWS_AS(nn::cross_entropy(be, 1, far.read(), labels.read(), three.read(), values.view()), shape_error);
  CHECK_THROWS_AS(nn::cross_entropy(be, 1, far.read(), labels.read(), {}, three.view()), shape_error);
  auto const missing = upload(be, generate<index_t>(extents{2}, [](index_t i) { return 1 + i; }));
  if constexpr (std::is_same_v<typename B::space, host_space>)
    CHECK(support::message_of<argument_error>([&] { nn::cross_entropy(be, 1, far.read(), missing.read(), {}, values.view()); }) ==
          "cross_entropy: row 1 has label 2 of 2 classes");
}

TEST_CASE_TEMPLATE("binary_cross_entropy: loss and gradient, soft targets, weights, and a missing label beside anything", B, TEST_BACKENDS) {
  B be;
  constexpr index_t rows = 3, n = 19;
  auto logits = upload(be, normal<double>(extents{rows, n}, 1));
  auto const targets = generate<double>(extents{rows, n}, [](index_t i) { return i % 3 == 2 ? 0.3 : static_cast<double>(i % 3); });
  auto const weights = generate<double>(extents{rows, n}, [](index_t i) { return static_cast<double>(i % 4) / 2; });
  auto const target = upload(be, targets), weight = upload(be, weights);
  on<B, double, 2> values(targets.shape()), slopes(targets.shape());
  auto const loss = [&] {
    nn::binary_cross_entropy(be, 2, logits.read(), target.read(), weight.read(), values.view(), slopes.view());
    return sum(be, values.flat());
  };
  loss();
  auto const host = download(be, logits), got = download(be, values);
  for (index_t i = 0; i < host.size(); ++i) {
    double const p = 1 / (1 + std::exp(-host.flat()[i])), y = targets.flat()[i];
    CHECK(got.flat()[i] == doctest::Approx(-2 * weights.flat()[i] * (y * std::log(p) + (1 - y) * std::log(1 - p))).epsilon(1e-13));
  }
  CHECK(support::gradient_error(be, logits.flat(), slopes.flat(), loss) < 1e-6);

  float const nan = std::numeric_limits<float>::quiet_NaN(), z[] = {-30, 30, 1e30f, -1e30f, nan}, y[] = {0, 0, 1, 1, nan}, w[] = {1, 1, 1, 1, 0};
  auto const list = [&](float const* from) { return upload(be, generate<float>(extents{5}, [&](index_t i) { return from[i]; })); };
  auto const far = list(z), labels = list(y), use = list(w);
  on<B, float, 1> value(extents{5}), slope(extents{5});
  nn::binary_cross_entropy(be, 1, far.read(), labels.read(), use.read(), value.view(), slope.view());
  auto const loss_of = download(be, value), slope_of = download(be, slope);
  CHECK(loss_of.flat()[0] == doctest::Approx(std::exp(-30.0)).epsilon(1e-5));  // not rounded to 0
  CHECK(loss_of.flat()[1] == 30);
  CHECK(loss_of.flat()[2] == 0);
  CHECK(loss_of.flat()[3] == 1e30f);
  CHECK(slope_of.flat()[3] == -1);
  CHECK(loss_of.flat()[4] == 0);
  CHECK(slope_of.flat()[4] == 0);
}
