#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>

#include "goldens/optax/optax.hpp"
#include "nn/problem.hpp"
#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using support::constant;
using support::download;
using support::generate;
using support::normal;
using support::upload;

namespace {

/// Ten steps as in write_goldens.py; `limit` clips the gradient.
template <class B, class Rule, class Golden>
void check_golden(B& be, Rule const& rule, nn::learning_rate const& rate, Golden const& golden,
                  double limit = std::numeric_limits<double>::infinity()) {
  nn_test::problem<B, double> x(be, generate<double>(extents{5}, [](index_t i) { return std::cos(i); }));
  for (index_t t = 0; t < 10; ++t) {
    auto const p = download(be, x.p);
    auto g = upload(be, generate<double>(extents{5}, [&](index_t i) {
      return std::sin(static_cast<double>(i + 1) + 0.7 * static_cast<double>(t)) + 0.1 * p.read()[i];
    }));
    nn::clip_by_global_norm(be, g.view(), limit);
    nn::update(be, rule, rate(t), t + 1, x.p.view(), x.state(), g.read());
  }
  auto const p = download(be, x.p);
  for (index_t i = 0; i < 5; ++i) CHECK(p.read()[i] == doctest::Approx(golden[i]).epsilon(1e-13));
}

}  // namespace

TEST_CASE_TEMPLATE("ten steps are optax's", B, TEST_BACKENDS) {
  B be;
  auto const rate = nn::learning_rate::constant(0.05);
  namespace golden = goldens::optax;
  check_golden(be, nn::adam{}, rate, golden::adam);
  check_golden(be, nn::adam{.beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.1},
               nn::learning_rate::cosine(0.05, 8), golden::adamw_cosine);
  check_golden(be, nn::sgd{}, rate, golden::sgd);
  check_golden(be, nn::sgd{.momentum = 0.9}, rate, golden::sgd_momentum);
  check_golden(be, nn::sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 0.1}, rate, golden::sgd_nesterov_decay);
  check_golden(be, nn::adam{}, rate, golden::adam_clipped, 0.5);
}

TEST_CASE_TEMPLATE("closed forms: Adam's first step, decay alone, momentum's series", B, TEST_BACKENDS) {
  B be;
  auto const slopes = normal<float>(extents{50}, 2), start = normal<float>(extents{50}, 1);
  auto const g = upload(be, slopes);
  nn_test::problem<B, float> a(be, start), w(be, start), m(be, start);
  auto const zero = upload(be, constant(extents{50}, 0.0f));
  nn::update(be, nn::adam{}, 0.01, 1, a.p.view(), a.state(), g.read());
  nn::update(be, nn::adam{.weight_decay = 0.2}, 0.01, 1, w.p.view(), w.state(), zero.read());
  for (index_t t = 1; t <= 3; ++t) nn::update(be, nn::sgd{.momentum = 0.5}, 0.01, t, m.p.view(), m.state(), g.read());
  auto const by_adam = download(be, a.p), decayed = download(be, w.p), by_momentum = download(be, m.p);
  for (index_t i = 0; i < 50; ++i) {
    float const at = start.read()[i], slope = slopes.read()[i];
    CHECK(by_adam.read()[i] == doctest::Approx(at - std::copysign(0.01f, slope)).epsilon(1e-5));
    CHECK(decayed.read()[i] == doctest::Approx(at * (1 - 0.002f)).epsilon(1e-6));
    CHECK(by_momentum.read()[i] == doctest::Approx(at - 0.01f * slope * (1 + 1.5f + 1.75f)).epsilon(1e-5));
  }
}

TEST_CASE_TEMPLATE("gradients are clipped by their norm, which is told", B, TEST_BACKENDS) {
  B be;
  auto g = upload(be, generate<float>(extents{40}, [](index_t i) { return i == 3 ? 3 : i == 33 ? 4 : 0; }));
  CHECK(nn::global_norm(be, g.read()) == 5);
  CHECK(nn::clip_by_global_norm(be, g.view(), 5.0) == 5);
  CHECK(download(be, g).read()[33] == 4);
  CHECK(nn::clip_by_global_norm(be, g.view(), 2.5) == 5);
  CHECK(download(be, g).read()[3] == 1.5f);
  CHECK(download(be, g).read()[33] == 2);
  auto bad = upload(be, generate<float>(extents{3}, [](index_t i) { return i == 1 ? 7 : std::nanf(""); }));
  CHECK(std::isnan(nn::clip_by_global_norm(be, bad.view(), 1.0)));
  CHECK(download(be, bad).read()[1] == 7);
}

TEST_CASE_TEMPLATE("optimisers say what does not fit", B, TEST_BACKENDS) {
  B be;
  nn_test::problem<B, float> x(be, normal<float>(extents{4}, 1));
  auto const three = upload(be, normal<float>(extents{3}, 2));
  CHECK_THROWS_AS(nn::update(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), three.read()), shape_error);
}
