#include <parapet/diffusion/contrastive_energy.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"

#include <cmath>

using namespace parapet;
using support::generate;
using support::normal;
using support::tensor;

namespace {

struct result {
  tensor<double, 1> value;
  tensor<double, 2> df;
};

template <class B>
result loss_of(tensor<double, 2> const& f, tensor<double, 2> const& target, double scale) {
  B be;
  auto const on_f = support::upload(be, f), on_target = support::upload(be, target);
  support::on<B, double, 1> value(extents{f.shape()[0]});
  support::on<B, double, 2> df(f.shape());
  diffusion::contrastive_loss(be, scale, on_f.read(), on_target.read(), value.view(), df.view());
  return {support::download(be, value), support::download(be, df)};
}

double total(result const& r) {
  double sum = 0;
  for (index_t i = 0; i < r.value.size(); ++i) sum += r.value.read()[i];
  return sum;
}

}  // namespace

TEST_CASE_TEMPLATE("contrastive_loss: value and gradient", B, TEST_BACKENDS) {
  auto f = normal<double>(extents{3, 5}, 1);
  auto const target = generate<double>(f.shape(), [](index_t i) { return i % 7 == 3 ? 0.0 : 0.1 * static_cast<double>(i); });
  auto const got = loss_of<B>(f, target, 0.25);
  for (index_t i = 0; i < 3; ++i) {
    double sum = 0, expected = 0;
    for (index_t k = 0; k < 5; ++k) sum += std::exp(f.read()(i, k));
    for (index_t k = 0; k < 5; ++k) expected -= 0.25 * target.read()(i, k) * std::log(std::exp(f.read()(i, k)) / sum);
    CHECK(got.value.read()[i] == doctest::Approx(expected).epsilon(1e-13));
  }
  CHECK(support::gradient_error(f.flat(), got.df.flat(), [&] { return total(loss_of<B>(f, target, 0.25)); }) < 1e-8);
}

TEST_CASE_TEMPLATE("contrastive_loss: finite at any scale of f, blind to a constant, 0 where f is sure and right", B, TEST_BACKENDS) {
  auto const target = generate<double>(extents{1, 3}, [](index_t i) { return i == 1 ? 1.0 : 0.0; });
  auto const at = [&](double scale, double offset) {
    return loss_of<B>(generate<double>(extents{1, 3}, [&](index_t i) { return offset + (i == 1 ? scale : 0.0); }), target, 1);
  };
  CHECK(at(1e5, 0).value.read()[0] == 0);
  CHECK(at(-1e5, 0).value.read()[0] == doctest::Approx(1e5));
  CHECK(at(-1e5, 0).df.read()(0, 1) == -1);
  CHECK(at(0.5, 3e6).value.read()[0] == doctest::Approx(at(0.5, 0).value.read()[0]).epsilon(1e-8));
}

TEST_CASE_TEMPLATE("contrastive_loss: shapes that do not fit, and groups of nothing", B, TEST_BACKENDS) {
  B be;
  support::on<B, double, 2> f(extents{2, 3}), other(extents{3, 2}), none(extents{2, 0});
  support::on<B, double, 1> value(extents{2});
  CHECK_THROWS_AS(diffusion::contrastive_loss(be, 1, f.read(), other.read(), value.view(), f.view()), shape_error);
  CHECK_THROWS_AS(diffusion::contrastive_loss(be, 1, f.read(), f.read(), value.view(), other.view()), shape_error);
  CHECK_THROWS_AS(diffusion::contrastive_loss(be, 1, none.read(), none.read(), value.view(), none.view()), shape_error);
}
