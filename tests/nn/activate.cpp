#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/activate.hpp>

#include "support/tensor.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::normal;

TEST_CASE("activate leaves value and slope, which the backward pass multiplies with") {
  backend::cpu be(1);
  constexpr math::gelu f;
  auto const input = normal<double>(extents{3, 7}, 1), output_gradient = normal<double>(extents{3, 7}, 2);
  auto x = support::clone(input), in_place = support::clone(input), dy = support::clone(output_gradient);
  support::tensor<double, 2> y(x.shape());
  nn::activate<math::gelu>(be, x.view(), y.view());
  nn::activate<math::gelu>(be, in_place.view());
  nn::activate_backward(be, dy.view(), x.read());
  for (index_t i = 0; i < x.size(); ++i) {
    double const value = f(input.flat()[i]), slope = f.derivative(input.flat()[i], value);
    CHECK(y.flat()[i] == doctest::Approx(value).epsilon(1e-14));
    CHECK(in_place.flat()[i] == y.flat()[i]);
    CHECK(x.flat()[i] == doctest::Approx(slope).epsilon(1e-14));
    CHECK(dy.flat()[i] == x.flat()[i] * output_gradient.flat()[i]);
  }
}
