#include <parapet/nn/activate.hpp>

#include "support/backends.hpp"

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("activate leaves value and slope, which the backward pass multiplies with", B, TEST_BACKENDS) {
  B be;
  constexpr math::gelu f;
  auto const input = normal<double>(extents{3, 7}, 1), output_gradient = normal<double>(extents{3, 7}, 2);
  auto x = upload(be, input), in_place = upload(be, input), dy = upload(be, output_gradient);
  on<B, double, 2> y(x.shape());
  nn::activate<math::gelu>(be, x.view(), y.view());
  nn::activate<math::gelu>(be, in_place.view());
  nn::activate_backward(be, dy.view(), x.read());
  auto const values = download(be, y), slopes = download(be, x), gradient = download(be, dy);
  CHECK(support::same(download(be, in_place), values));
  for (index_t i = 0; i < x.size(); ++i) {
    double const value = f(input.flat()[i]), slope = f.derivative(input.flat()[i], value);
    CHECK(values.flat()[i] == doctest::Approx(value).epsilon(1e-14));
    CHECK(slopes.flat()[i] == doctest::Approx(slope).epsilon(1e-13));
    CHECK(gradient.flat()[i] == slopes.flat()[i] * output_gradient.flat()[i]);
  }
}
