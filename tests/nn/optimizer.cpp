#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>

#include "goldens/optax/optax.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace parapet;
using support::constant;
using support::generate;
using support::normal;
using support::tensor;

namespace {

/// Parameters and state of n elements.
template <class T>
struct problem {
  tensor<T, 1> p, first, second;
  explicit problem(tensor<T, 1> const& start)
      : p(support::clone(start)), first(constant(start.shape(), T(0))), second(constant(start.shape(), T(0))) {}
  nn::moments<T> state() { return {first.view(), second.view()}; }
};

/// Ten steps as in write_goldens.py; `limit` clips the gradient.
template <class Rule, class Golden>
void check_golden(Rule const& rule, nn::learning_rate const& rate, Golden const& golden,
                  double limit = std::numeric_limits<double>::infinity()) {
  backend::cpu be(1);
  problem<double> x(generate<double>(extents{5}, [](index_t i) { return std::cos(i); }));
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
  problem<float> a(normal<float>(extents{50}, 1)), w(normal<float>(extents{50}, 1)), m(normal<float>(extents{50}, 1));
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

TEST_CASE_TEMPLATE("slices updated apart give the same bits as the whole", T, float, double) {
  backend::cpu be(1);
  constexpr index_t n = 61;
  auto const g = normal<T>(extents{4, n}, 2);
  auto const check = [&](auto const& rule) {
    auto const run = [&](std::initializer_list<index_t> cuts) {
      problem<T> x(normal<T>(extents{n}, 1));
      auto target = normal<T>(extents{n}, 3);
      for (index_t t = 1; t <= 3; ++t)
        for (auto cut = cuts.begin(); cut + 1 != cuts.end(); ++cut) {
          auto const slice = [&](auto const& view) { return view.rows(cut[0], cut[1]); };
          nn::update_from_shards(be, rule, 0.01, t, slice(x.p.view()), x.state().rows(cut[0], cut[1]),
                                 g.read().columns(cut[0], cut[1]), nn::follower<T>{slice(target.view()), 0.1});
          nn::update(be, rule, 0.01, t, slice(x.p.view()), x.state().rows(cut[0], cut[1]), slice(g.read()(0)));
        }
      return std::pair(std::move(x.p), std::move(target));
    };
    auto const whole = run({0, n});
    for (index_t cut = 1; cut < n; ++cut) {
      auto const parts = run({0, cut, n});
      CHECK(support::same(parts.first, whole.first));
      CHECK(support::same(parts.second, whole.second));
    }
  };
  check(nn::adam{.weight_decay = 0.1});
  check(nn::sgd{.momentum = 0.9, .nesterov = true});
}

TEST_CASE("update_from_shards is the tree sum, the step and the average, bit by bit") {
  backend::cpu be(1);
  constexpr index_t n = 37;
  for (index_t const shards : {1, 2, 4, 8}) {
    auto const g = normal<float>(extents{shards, n}, 2);
    auto sum = support::clone(g);
    for (index_t half = shards / 2, step = 1; half > 0; half /= 2, step *= 2)
      for (index_t s = 0; s < shards; s += 2 * step)
        for (index_t i = 0; i < n; ++i) sum.view()(s, i) += sum.view()(s + step, i);
    problem<float> a(normal<float>(extents{n}, 1)), b(normal<float>(extents{n}, 1)), c(normal<float>(extents{n}, 1));
    auto target = normal<float>(extents{n}, 3), expected = normal<float>(extents{n}, 3);
    for (index_t t = 1; t <= 2; ++t) {
      nn::update_from_shards(be, nn::adam{}, 0.01, t, a.p.view(), a.state(), g.read(), {target.view(), 0.1});
      nn::update_from_shards(be, nn::adam{}, 0.01, t, c.p.view(), c.state(), g.read());
      nn::update(be, nn::adam{}, 0.01, t, b.p.view(), b.state(), vector_view<float const>(sum.view()(0)));
      nn::update_average(be, 0.1, b.p.read(), expected.view());
    }
    CHECK(support::same(a.p, b.p));
    CHECK(support::same(c.p, b.p));
    CHECK(support::same(target, expected));
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
  problem<float> x(normal<float>(extents{4}, 1));
  auto const three = normal<float>(extents{3}, 2);
  auto const shards = normal<float>(extents{3, 4}, 2);
  CHECK_THROWS_AS(nn::update(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), three.read()), shape_error);
  CHECK(support::message_of<argument_error>([&] { nn::update_from_shards(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), shards.read()); }) ==
        "update_from_shards: gradients of 3 shards, expected 1, 2, 4 or 8");
}
