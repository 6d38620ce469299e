#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>

#include "goldens/optax/optax.hpp"
#include "nn/problem.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace parapet;
using support::constant;
using support::generate;
using support::normal;

namespace {

/// Ten steps as in write_goldens.py; `limit` clips the gradient.
template <class Rule, class Golden>
void check_golden(Rule const& rule, nn::learning_rate const& rate, Golden const& golden,
                  double limit = std::numeric_limits<double>::infinity()) {
  backend::cpu be(1);
  nn_test::problem<double> x(generate<double>(extents{5}, [](index_t i) { return std::cos(i); }));
  for (index_t t = 0; t < 10; ++t) {
    auto g = generate<double>(extents{5}, [&](index_t i) { return std::sin(static_cast<double>(i + 1) + 0.7 * static_cast<double>(t)) + 0.1 * x.p.read()[i]; });
    nn::clip_by_global_norm(be, g.view(), limit);
    nn::update(be, rule, rate(t), t + 1, x.p.view(), x.state(), g.read());
  }
  for (index_t i = 0; i < 5; ++i) CHECK(x.p.read()[i] == doctest::Approx(golden[i]).epsilon(1e-13));
}

}  // namespace

TEST_CASE("ten steps are optax's") {
  auto const rate = nn::learning_rate::constant(0.05);
  namespace golden = goldens::optax;
  check_golden(nn::adam{}, rate, golden::adam);
  check_golden(nn::adam{.beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.1},
               nn::learning_rate::cosine(0.05, 8), golden::adamw_cosine);
  check_golden(nn::sgd{}, rate, golden::sgd);
  check_golden(nn::sgd{.momentum = 0.9}, rate, golden::sgd_momentum);
  check_golden(nn::sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 0.1}, rate, golden::sgd_nesterov_decay);
  check_golden(nn::adam{}, rate, golden::adam_clipped, 0.5);
}

TEST_CASE("closed forms: Adam's first step, decay alone, momentum's series") {
  backend::cpu be(1);
  auto const g = normal<float>(extents{50}, 2);
  nn_test::problem<float> a(normal<float>(extents{50}, 1)), w(normal<float>(extents{50}, 1)), m(normal<float>(extents{50}, 1));
  auto const start = support::clone(a.p);
  auto const zero = constant(extents{50}, 0.0f);
  nn::update(be, nn::adam{}, 0.01, 1, a.p.view(), a.state(), g.read());
  nn::update(be, nn::adam{.weight_decay = 0.2}, 0.01, 1, w.p.view(), w.state(), zero.read());
  for (index_t t = 1; t <= 3; ++t) nn::update(be, nn::sgd{.momentum = 0.5}, 0.01, t, m.p.view(), m.state(), g.read());
  for (index_t i = 0; i < 50; ++i) {
    float const at = start.read()[i];
    CHECK(a.p.read()[i] == doctest::Approx(at - std::copysign(0.01f, g.read()[i])).epsilon(1e-5));
    CHECK(w.p.read()[i] == doctest::Approx(at * (1 - 0.002f)).epsilon(1e-6));
    CHECK(m.p.read()[i] == doctest::Approx(at - 0.01f * g.read()[i] * (1 + 1.5f + 1.75f)).epsilon(1e-5));
  }
}

TEST_CASE("gradients are clipped by their norm, which is told") {
  backend::cpu be(1);
  auto g = generate<float>(extents{40}, [](index_t i) { return i == 3 ? 3 : i == 33 ? 4 : 0; });
  CHECK(nn::global_norm(be, g.read()) == 5);
  CHECK(nn::clip_by_global_norm(be, g.view(), 5.0) == 5);
  CHECK(g.read()[33] == 4);
  CHECK(nn::clip_by_global_norm(be, g.view(), 2.5) == 5);
  CHECK(g.read()[3] == 1.5f);
  CHECK(g.read()[33] == 2);
  auto bad = constant(extents{3}, std::nanf(""));
  bad.view()[1] = 7;
  CHECK(std::isnan(nn::clip_by_global_norm(be, bad.view(), 1.0)));
  CHECK(bad.read()[1] == 7);
}

TEST_CASE("optimisers say what does not fit") {
  backend::cpu be(1);
  nn_test::problem<float> x(normal<float>(extents{4}, 1));
  auto const three = normal<float>(extents{3}, 2);
  CHECK_THROWS_AS(nn::update(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), three.read()), shape_error);
}
