#include <parapet/guard/calibration.hpp>

#include <parapet/core/philox.hpp>
#include <parapet/guard/reliability.hpp>

#include "goldens/guard/metrics.hpp"
#include "guard/scored_sample.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;
using doctest::Approx;
using guard::scored;

namespace {
std::vector<scored> const sample = support::scored_sample(goldens::metrics::logit, goldens::metrics::positive);
std::vector<scored> const apart{{-3, false}, {-2, false}, {2, true}, {3, true}}, turned{{-3, true}, {-2, true}, {2, false}, {3, false}};
}  // namespace

TEST_CASE("temperature: scipy's minimum of the log loss") {
  CHECK(guard::fit_temperature(sample).temperature == Approx(goldens::metrics::temperature[0]).epsilon(1e-6));
  float logits[160];
  index_t classes[40];
  std::copy(std::begin(goldens::metrics::logits), std::end(goldens::metrics::logits), logits);
  std::transform(std::begin(goldens::metrics::classes), std::end(goldens::metrics::classes), classes, [](double c) { return static_cast<index_t>(c); });
  matrix_view<float const> const rows(logits, extents{index_t{40}, index_t{4}});
  guard::temperature_scaling const t = guard::fit_temperature(rows, classes);
  CHECK(t.temperature == Approx(goldens::metrics::softmax_temperature[0]).epsilon(1e-6));
  double p[] = {1, 2, 800};
  guard::temperature_scaling{2}.softmax(std::span<double>(p));
  CHECK(p[0] + p[1] + p[2] == Approx(1));
  CHECK(p[2] == Approx(1));
  CHECK_THROWS_AS(guard::fit_temperature(rows, std::span<index_t const>(classes, 39)), shape_error);
  classes[3] = 4;
  CHECK_THROWS_AS(guard::fit_temperature(rows, classes), argument_error);
}

TEST_CASE("temperature: two classes are the same by sigmoid and by softmax, and the ends are kept") {
  std::vector<double> logits;
  std::vector<index_t> classes;
  for (scored const& s : sample) logits.insert(logits.end(), {0.0, s.score}), classes.push_back(s.positive);
  matrix_view<double const> const rows(logits.data(), extents{static_cast<index_t>(sample.size()), index_t{2}});
  CHECK(guard::fit_temperature(rows, classes).temperature == Approx(guard::fit_temperature(sample).temperature).epsilon(1e-9));
  CHECK(guard::fit_temperature(apart).temperature == Approx(1e-3));
  CHECK(guard::fit_temperature(turned).temperature == Approx(1e3));
}

TEST_CASE("Platt: scikit-learn's two numbers, finite where the classes are apart") {
  guard::platt_scaling const platt = guard::fit_platt(sample);
  CHECK(platt.slope == Approx(goldens::metrics::platt[0]).epsilon(1e-4));
  CHECK(platt.offset == Approx(goldens::metrics::platt[1]).epsilon(1e-4));
  CHECK(guard::fit_platt(apart)(2) < 0.99);
  CHECK(guard::fit_platt(apart)(2) > 0.7);
  CHECK(guard::fit_platt(turned).slope < 0);
  CHECK(guard::fit_platt(std::vector<scored>(8, {0.5, true}))(0.5) == Approx(0.9));  // (8 + 1) / (8 + 2)
  // Scores of another scale and place are the same fit.
  std::vector<scored> moved = sample;
  for (scored& s : moved) s.score = 1e4 * s.score + 3e6;
  CHECK(guard::fit_platt(moved)(1e4 * 1.5 + 3e6) == Approx(platt(1.5)).epsilon(1e-6));
}

TEST_CASE("isotonic: scikit-learn's function, ties included") {
  guard::isotonic_map const map = guard::fit_isotonic(sample);
  for (std::size_t i = 0; i < std::size(goldens::metrics::probe); ++i) CHECK(map(goldens::metrics::probe[i]) == Approx(goldens::metrics::isotonic[i]).epsilon(1e-12));
  CHECK(std::is_sorted(map.probabilities.begin(), map.probabilities.end()));
  CHECK(map(-1e9) == map.probabilities.front());
  CHECK(std::isnan(map(std::numeric_limits<double>::quiet_NaN())));
  CHECK(guard::fit_isotonic(turned).scores.size() == 2);
  CHECK(guard::fit_isotonic(turned)(0) == 0.5);
  CHECK(guard::fit_isotonic(std::vector<scored>{{1, true}, {1, false}})(1) == 0.5);
}

TEST_CASE("a fitted calibrator takes away a calibration error") {
  // True probability sigmoid(z / 3 - 1); the scores claim sigmoid(z).
  std::vector<scored> fit, use;
  for (int i = 0; i < 8000; ++i) {
    double const z = 4 * philox_stream(3, 0).normal(i);
    (i % 2 == 0 ? fit : use).push_back({z, philox_stream(3, 1).uniform(i) < guard::sigmoid(z / 3 - 1)});
  }
  auto const error = [&](auto const& calibrator) {
    std::vector<scored> p;
    for (scored const& s : use) p.push_back({calibrator(s.score), s.positive});
    return guard::expected_calibration_error(p);
  };
  CHECK(error([](double z) { return guard::sigmoid(z); }) > 0.15);
  CHECK(error(guard::fit_platt(fit)) < 0.025);
  CHECK(error(guard::fit_isotonic(fit)) < 0.025);
  auto const loss = [&](guard::temperature_scaling const& t) {
    std::vector<scored> p;
    for (scored const& s : use) p.push_back({t(s.score), s.positive});
    return guard::log_loss(p);
  };
  guard::temperature_scaling const t = guard::fit_temperature(fit);
  CHECK(loss(t) < loss({1}) - 0.1);  // it cannot move the threshold, so an error is left
  CHECK(loss(t) < loss({t.temperature * 1.2}));
  CHECK(loss(t) < loss({t.temperature / 1.2}));
}

TEST_CASE("samples that no calibrator can be fitted to") {
  std::vector<scored> const none, broken{{0, true}, {std::numeric_limits<double>::infinity(), false}};
  for (auto const& bad : {none, broken}) {
    CHECK_THROWS_AS(guard::fit_temperature(bad), argument_error);
    CHECK_THROWS_AS(guard::fit_platt(bad), argument_error);
    CHECK_THROWS_AS(guard::fit_isotonic(bad), argument_error);
  }
  CHECK(guard::sigmoid(guard::logit(0.125)) == Approx(0.125));
  CHECK(std::isfinite(guard::logit(0)));
  CHECK(guard::sigmoid(-1e6) == 0);
}
