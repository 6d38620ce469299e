#include <parapet/nn/fourier_features.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("fourier_features: cosines, then sines, and the gradient of the frequencies", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::fourier_features const layer(list, "time", 10);
  auto const frequencies = normal<double>(extents{list.size()}, 1), times = normal<double>(extents{7}, 2);
  auto const weight = normal<double>(extents{7, 10}, 3);
  auto w = upload(be, frequencies);
  auto const t = upload(be, times);
  on<B, double, 2> y(weight.shape());
  auto const loss = [&] {
    layer.forward(be, w.read(), t.read(), y.view());
    return support::dot(weight.flat(), download(be, y).flat());
  };
  loss();
  auto const features = download(be, y);
  for (index_t i = 0; i < 7; ++i)
    for (index_t j = 0; j < 5; ++j) {
      double const angle = 2 * std::acos(-1.0) * times.read()[i] * frequencies.read()[j];
      CHECK(features.read()(i, j) == doctest::Approx(std::cos(angle)).epsilon(1e-12));
      CHECK(features.read()(i, j + 5) == doctest::Approx(std::sin(angle)).epsilon(1e-12));
    }
  on<B, double, 1> dw(w.shape());
  auto const backward = [&](auto const& gradient, bool add) {
    auto dy = upload(be, weight);  // scratch, too
    layer.backward(be, t.read(), y.read(), dy.view(), gradient, add ? nn::gradients::accumulate : nn::gradients::overwrite);
  };
  backward(dw.view(), false);
  CHECK(support::accumulation_error(be, list.size(), backward) < 1e-14);
  CHECK(support::gradient_error(be, w.flat(), dw.flat(), loss) < 1e-6);
}

TEST_CASE_TEMPLATE("fourier_features says what does not fit", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  CHECK(support::message_of<argument_error>([&] { nn::fourier_features(list, "odd", 7); }) ==
        "fourier_features: 7 features, expected a positive even number");
  CHECK_THROWS_AS(nn::fourier_features(list, "none", 0), argument_error);
  nn::fourier_features const layer(list, "time", 8);
  on<B, float, 1> w(extents{list.size()}), t(extents{3});
  on<B, float, 2> y(extents{3, 6});
  CHECK(support::message_of<shape_error>([&] { layer.forward(be, w.read(), t.read(), y.view()); }) ==
        "fourier_features: output has shape (1, 3, 6), expected (1, 3, 8)");
  on<B, float, 2> more(extents{4, 8});
  CHECK(support::message_of<shape_error>([&] { layer.backward(be, t.read(), more.read(), more.view(), w.view()); }) ==
        "fourier_features: output gradient has shape (1, 4, 8), expected (1, 3, 8)");
}
