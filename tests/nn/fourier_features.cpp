#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/fourier_features.hpp>

#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::normal;
using support::tensor;

TEST_CASE("fourier_features: cosines, then sines, and the gradient of the frequencies") {
  backend::cpu be(1);
  nn::parameter_list list;
  nn::fourier_features const layer(list, "time", 10);
  auto w = normal<double>(extents{list.size()}, 1);
  auto const t = normal<double>(extents{7}, 2);
  auto const dy = normal<double>(extents{7, 10}, 3);
  tensor<double, 2> y(dy.shape());
  auto const loss = [&] {
    layer.forward(be, w.read(), t.read(), y.view());
    return support::dot(dy.flat(), y.flat());
  };
  loss();
  for (index_t i = 0; i < 7; ++i)
    for (index_t j = 0; j < 5; ++j) {
      double const angle = 2 * std::acos(-1.0) * t.read()[i] * w.read()[j];
      CHECK(y.read()(i, j) == doctest::Approx(std::cos(angle)).epsilon(1e-12));
      CHECK(y.read()(i, j + 5) == doctest::Approx(std::sin(angle)).epsilon(1e-12));
    }
  tensor<double, 1> dw(w.shape());
  auto const backward = [&](vector_view<double> const& gradient, bool add) {
    auto scratch = support::clone(dy);
    layer.backward(be, t.read(), y.read(), scratch.view(), gradient, add ? nn::gradients::accumulate : nn::gradients::overwrite);
  };
  backward(dw.view(), false);
  CHECK(support::accumulation_error(list.size(), backward) < 1e-14);
  CHECK(support::gradient_error(w.view(), dw.read(), loss) < 1e-6);
}

TEST_CASE("fourier_features says what does not fit") {
  backend::cpu be(1);
  nn::parameter_list list;
  CHECK(support::message_of<argument_error>([&] { nn::fourier_features(list, "odd", 7); }) ==
        "fourier_features: 7 features, expected a positive even number");
  CHECK_THROWS_AS(nn::fourier_features(list, "none", 0), argument_error);
  nn::fourier_features const layer(list, "time", 8);
  auto const w = normal<float>(extents{list.size()}, 1), t = normal<float>(extents{3}, 2);
  tensor<float, 2> y(extents{3, 6});
  CHECK(support::message_of<shape_error>([&] { layer.forward(be, w.read(), t.read(), y.view()); }) ==
        "fourier_features: output has shape (3, 6), expected (3, 8)");
}
