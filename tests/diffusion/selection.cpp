#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/selection.hpp>

#include <doctest/doctest.h>

#include "support/tensor.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using diffusion::conformal_margin;
using diffusion::cost_budget;
using diffusion::feasible_reward;
using diffusion::highest_reward;
using diffusion::resampled;
using diffusion::safest;

namespace {

double const not_a_number = std::nan("");

template <class Select>
index_t choose(Select const& select, std::vector<double> const& reward, std::vector<double> const& safety, double u = 0.5) {
  auto const n = static_cast<index_t>(reward.size());
  return select(vector_view<double const>(reward.data(), extents{n}), vector_view<double const>(safety.data(), extents{n}), u);
}

}  // namespace

TEST_CASE("selection: the highest reward, the safest, and reward among the feasible") {
  std::vector<double> const reward{1, 5, 3, 5}, safety{-2, 4, -1, 3};
  CHECK(choose(highest_reward{}, reward, safety) == 1);  // the first of equals
  CHECK(choose(safest{}, reward, safety) == 0);
  CHECK(choose(feasible_reward{}, reward, safety) == 2);
  CHECK(choose(feasible_reward{3}, reward, safety) == 3);   // on the limit is feasible
  CHECK(choose(feasible_reward{-1.5}, reward, safety) == 0);
  CHECK(choose(feasible_reward{-3}, reward, safety) == 0);  // none is: the safest
}

TEST_CASE("selection: NaN is never chosen while there is a number") {
  CHECK(choose(highest_reward{}, {not_a_number, 1, not_a_number}, {0, 0, 0}) == 1);
  CHECK(choose(safest{}, {0, 0, 0}, {not_a_number, not_a_number, 7}) == 2);
  CHECK(choose(feasible_reward{}, {9, 1, 2}, {not_a_number, -1, 1}) == 1);
  CHECK(choose(feasible_reward{}, {not_a_number, 1}, {-1, 5}) == 0);  // no feasible number: the safest, whatever its reward
  CHECK(choose(feasible_reward{}, {not_a_number, not_a_number}, {not_a_number, not_a_number}) == 0);
  CHECK(choose(resampled<diffusion::exponential_advantage>{{1}}, {not_a_number, 1, not_a_number}, {0, 0, 0}, 0.01) == 1);
}

TEST_CASE("selection: resampling draws with the rule's probabilities, at both ends of u and of the exponents") {
  resampled<diffusion::exponential_advantage> const softmax{{2}};
  std::vector<double> const q{1000, 1000.5, 999}, none{0, 0, 0};
  double const total = 1 + std::exp(1.0) + std::exp(-2.0), first = 1 / total, second = (1 + std::exp(1.0)) / total;
  for (double const e : {-1e-9, 1e-9}) {
    CHECK(choose(softmax, q, none, first + e) == (e < 0 ? 0 : 1));
    CHECK(choose(softmax, q, none, second + e) == (e < 0 ? 1 : 2));
  }
  CHECK(choose(softmax, q, none, 1e-12) == 0);
  CHECK(choose(softmax, q, none, 1.0) == 2);
  resampled<diffusion::expectile_advantage> const idql{{0.75}, 1000};  // 3/4 above the value, 1/4 below
  CHECK(choose(idql, q, none, 0.75 / 1.75 - 1e-9) == 0);
  CHECK(choose(idql, q, none, 0.75 / 1.75 + 1e-9) == 1);
  CHECK(choose(idql, q, none, 1.5 / 1.75 + 1e-9) == 2);
  CHECK(choose(resampled<diffusion::positive_advantage>{{0}, 999.5}, q, none, 1.0) == 1);
}

TEST_CASE("cost_budget: what a constant cost of remaining / steps a step is worth to a discounted critic") {
  double worth = 0;
  for (int i = 0; i < 50; ++i) worth += std::pow(0.97, i) * 10 / 50;
  CHECK(cost_budget(10, 50, 0.97) == doctest::Approx(worth).epsilon(1e-13));
  CHECK(cost_budget(10, 50, 1) == 10);
  CHECK(cost_budget(10, 50, 1 - 1e-12) == doctest::Approx(10).epsilon(1e-3));
  CHECK(cost_budget(-1, 50, 0.97) < 0);
  CHECK_THROWS_AS(cost_budget(1, 0, 0.9), argument_error);
  CHECK_THROWS_AS(cost_budget(1, 5, 1.1), argument_error);
}

TEST_CASE("conformal_margin: the rank of the quantile, and how often it covers") {
  std::vector<double> errors;
  for (int i = 99; i >= 1; --i) errors.push_back(i);
  CHECK(conformal_margin(errors, 0.1) == 90);   // ceil(100 * 0.9)
  CHECK(conformal_margin(errors, 0.01) == 99);
  CHECK(std::isinf(conformal_margin(errors, 0.005)));
  CHECK(std::isinf(conformal_margin({}, 0.1)));
  CHECK_THROWS_AS(conformal_margin(errors, 0), argument_error);
  CHECK_THROWS_AS(conformal_margin({1, not_a_number}, 0.5), argument_error);

  // Covers a fresh error with probability ceil((n + 1)(1 - miscoverage)) / (n + 1), whatever its distribution.
  constexpr int n = 19, trials = 20000;
  philox_stream const random(1, 1);
  int covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    auto const draw = [&](int i) { return std::exp(3.0 * static_cast<double>(random.normal((n + 1) * trial + i))); };
    std::vector<double> calibration;
    for (int i = 0; i < n; ++i) calibration.push_back(draw(i));
    covered += draw(n) <= conformal_margin(calibration, 0.15);
  }
  CHECK(covered / static_cast<double>(trials) == doctest::Approx(17.0 / 20).epsilon(0.015));
}
