#include <parapet/nn/loss.hpp>

#include "goldens/optax/optax.hpp"
#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

namespace {

/// A loss by its definition, of an error e = prediction - target.
double formula(nn::squared_error, double e) { return e * e; }
double formula(nn::huber loss, double e) {
  return std::abs(e) <= loss.width ? e * e / 2 : loss.width * (std::abs(e) - loss.width / 2);
}
double formula(nn::expectile loss, double e) {
  double const d = -e;
  return std::abs(loss.level - (d < 0 ? 1 : 0)) * d * d;
}
double formula(nn::reversed_expectile loss, double e) {
  double const d = -e;
  return std::abs(loss.level - (d > 0 ? 1 : 0)) * d * d;
}

template <class F>
void for_each_loss(F f) {
  f(nn::squared_error{});
  f(nn::huber{0.7});
  f(nn::expectile{0.9});
  f(nn::expectile{0.5});
  f(nn::reversed_expectile{0.9});
}

}  // namespace

TEST_CASE_TEMPLATE("losses: values by their formula, slopes by central differences", B, TEST_BACKENDS) {
  B be;
  for_each_loss([&](auto loss) {
    auto const predictions = normal<double>(extents{3, 7, 5}, 1), targets = normal<double>(extents{3, 7, 5}, 2);
    auto const weights = normal<double>(extents{3, 7, 5}, 3);
    auto prediction = upload(be, predictions);
    auto const target = upload(be, targets), weight = upload(be, weights);
    on<B, double, 3> values(target.shape()), slopes(target.shape());
    auto const mean = [&] { return nn::mean_loss(be, loss, prediction.read(), target.read(), values.view(), slopes.view()); };
    double expected = 0;
    for (index_t i = 0; i < 105; ++i) expected += formula(loss, predictions.flat()[i] - targets.flat()[i]) / 105;
    CHECK(mean() == doctest::Approx(expected).epsilon(1e-13));
    auto const gradient = upload(be, download(be, slopes));
    CHECK(support::gradient_error(be, prediction.flat(), gradient.flat(), mean) < 1e-6);

    // Weighted: each element of values and slopes is scaled by its weight.
    on<B, double, 3> weighted(target.shape()), weighted_slopes(target.shape());
    nn::evaluate(be, loss, 1.0 / 105, prediction.read(), target.read(), values.view(), slopes.view());
    nn::evaluate(be, loss, 1.0 / 105, prediction.read(), target.read(), weight.read(), weighted.view(), weighted_slopes.view());
    auto const v = download(be, values), s = download(be, slopes), wv = download(be, weighted), ws = download(be, weighted_slopes);
    for (index_t i = 0; i < 105; ++i) {
      CHECK(wv.flat()[i] == doctest::Approx(weights.flat()[i] * v.flat()[i]).epsilon(1e-13));
      CHECK(ws.flat()[i] == doctest::Approx(weights.flat()[i] * s.flat()[i]).epsilon(1e-13));
    }
  });
}

TEST_CASE("losses work in float, at zero and beyond all bounds") {
  float const infinity = std::numeric_limits<float>::infinity();
  for_each_loss([&](auto loss) {
    CHECK(loss.value(0.0f) == 0);
    CHECK(loss.slope(0.0f) == 0);
    CHECK(loss.value(infinity) == infinity);
    CHECK(loss.value(-infinity) == infinity);
    CHECK(std::isnan(loss.value(std::nanf(""))));
    CHECK(std::isnan(loss.slope(std::nanf(""))));
  });
  CHECK(nn::huber{2}.slope(1e30f) == 2);
  CHECK(nn::huber{2}.value(-1e30f) == 2e30f);
}

TEST_CASE("huber is optax's") {
  for (int i = 0; i < 5; ++i)
    CHECK(nn::huber{0.7}.value(3 * std::cos(2.0 * i) - std::sin(i)) == doctest::Approx(goldens::optax::huber[i]).epsilon(1e-13));
}

TEST_CASE("expectiles of two points have a closed form") {
  // Of values 0 and 1 with chances 1 - q and q the expectile of level t solves t q (1 - x) = (1 - t) (1 - q) x.
  for (double const t : {0.1, 0.5, 0.9})
    for (double const q : {0.2, 0.5}) {
      double const x = t * q / (t * q + (1 - t) * (1 - q));
      double const slope = q * nn::expectile{t}.slope(x - 1) + (1 - q) * nn::expectile{t}.slope(x - 0);
      CHECK(std::abs(slope) < 1e-15);
      double const y = (1 - t) * q / ((1 - t) * q + t * (1 - q));
      double const reversed = q * nn::reversed_expectile{t}.slope(y - 1) + (1 - q) * nn::reversed_expectile{t}.slope(y - 0);
      CHECK(std::abs(reversed) < 1e-15);
    }
}

TEST_CASE_TEMPLATE("shards of a batch add up to the batch, with one weight for each row", B, TEST_BACKENDS) {
  B be;
  auto const predictions = normal<double>(extents{8, 3}, 1), targets = normal<double>(extents{8, 3}, 2);
  auto const weights = normal<double>(extents{8}, 3);
  auto const prediction = upload(be, predictions), target = upload(be, targets);
  auto const weight = upload(be, weights);
  matrix_view<double const, typename B::space> const per_row(weight.flat().data(), extents{8, 3}, extents{1, 0});
  on<B, double, 2> values(extents{8, 3}), slopes(extents{8, 3}), part_values(extents{8, 3}), part_slopes(extents{8, 3});
  nn::evaluate(be, nn::squared_error{}, 1.0 / 8, prediction.read(), target.read(), per_row, values.view(), slopes.view());
  for (index_t const first : {0, 4}) {
    auto const shard = [&](auto const& view) { return view.rows(first, first + 4); };
    nn::evaluate(be, nn::squared_error{}, 1.0 / 8, shard(prediction.read()), shard(target.read()), shard(per_row),
                 shard(part_values.view()), shard(part_slopes.view()));
  }
  CHECK(support::same(download(be, part_values), download(be, values)));
  CHECK(support::same(download(be, part_slopes), download(be, slopes)));
  double expected = 0;
  for (index_t i = 0; i < 24; ++i) expected += weights.flat()[i / 3] * std::pow(predictions.flat()[i] - targets.flat()[i], 2) / 8;
  CHECK(sum(be, values.flat()) == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE_TEMPLATE("a loss of nothing is 0, and shapes must agree", B, TEST_BACKENDS) {
  B be;
  on<B, float, 1> none(extents{0}), one(extents{1});
  CHECK(nn::mean_loss(be, nn::squared_error{}, none.read(), none.read(), none.view(), none.view()) == 0);
  CHECK_THROWS_AS(nn::mean_loss(be, nn::squared_error{}, none.read(), one.read(), none.view(), none.view()), shape_error);
}
