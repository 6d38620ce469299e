#include <parapet/nn/initializer.hpp>

#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace parapet;
using nn::initializer;

namespace {

struct statistics {
  double mean, variance, largest;
};

constexpr index_t fan_in = 50, fan_out = 30, count = 1 << 17;

statistics statistics_of(initializer rule) {
  support::tensor<double, 1> x(extents{count});
  rule(x.view(), fan_in, fan_out, philox_stream(1, 2));
  statistics s{0, 0, 0};
  for (index_t i = 0; i < count; ++i) {
    s.mean += x.read()[i] / count;
    s.variance += x.read()[i] * x.read()[i] / count;
    s.largest = std::max(s.largest, std::abs(x.read()[i]));
  }
  return s;
}

/// Mean 0 and the given variance, within four deviations of what `count` draws give.
void check_moments(statistics const& s, double variance) {
  CHECK(std::abs(s.mean) < 4 * std::sqrt(variance / count));
  CHECK(std::abs(s.variance / variance - 1) < 4 * std::sqrt(2.0 / count));
}

}  // namespace

TEST_CASE("uniform rules have their variance and fill their interval") {
  auto const check = [](initializer rule, double limit) {
    auto const s = statistics_of(rule);
    check_moments(s, limit * limit / 3);
    CHECK(s.largest < limit);
    CHECK(s.largest > 0.999 * limit);
  };
  check(initializer::uniform(0.3), 0.3);
  check(initializer::xavier_uniform(), std::sqrt(6.0 / (fan_in + fan_out)));
  check(initializer::he_uniform(), std::sqrt(6.0 / fan_in));
}

TEST_CASE("normal rules have their variance") {
  check_moments(statistics_of(initializer::normal(0.2)), 0.04);
  check_moments(statistics_of(initializer::xavier_normal()), 2.0 / (fan_in + fan_out));
  check_moments(statistics_of(initializer::he_normal()), 2.0 / fan_in);
  CHECK(statistics_of(initializer::he_normal()).largest > 4 * std::sqrt(2.0 / fan_in));
}

TEST_CASE("lecun_normal is cut at two deviations of the uncut normal and keeps the variance 1 / fan_in") {
  auto const s = statistics_of(initializer::lecun_normal());
  check_moments(s, 1.0 / fan_in);
  double const cut = 2 / 0.87962566103423978 / std::sqrt(static_cast<double>(fan_in));
  CHECK(s.largest <= cut);
  CHECK(s.largest > 0.999 * cut);
}

TEST_CASE("constants are exact") {
  support::tensor<float, 1> x(extents{5});
  auto const check = [&](initializer rule, float value) {
    rule(x.view(), 1, 1, philox_stream(1, 2));
    for (index_t i = 0; i < 5; ++i) CHECK(x.read()[i] == value);
  };
  check(initializer::zeros(), 0);
  check(initializer::ones(), 1);
  check(initializer::constant(-2.5), -2.5f);
}
