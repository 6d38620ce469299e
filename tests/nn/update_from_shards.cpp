// The optimisers' fused pass: a sum over shards, the step, an average, on any slice of the buffers.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/optimizer.hpp>

#include "nn/problem.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn_test::problem;
using support::normal;

TEST_CASE("slices updated apart give the same bits as the whole") {
  backend::cpu be(1);
  constexpr index_t n = 61;
  auto const g = normal<float>(extents{4, n}, 2);
  auto const check = [&](auto const& rule) {
    auto const run = [&](std::initializer_list<index_t> cuts) {
      problem<float> x(normal<float>(extents{n}, 1));
      auto target = normal<float>(extents{n}, 3);
      for (index_t t = 1; t <= 3; ++t)
        for (auto cut = cuts.begin(); cut + 1 != cuts.end(); ++cut) {
          auto const slice = [&](auto const& view) { return view.rows(cut[0], cut[1]); };
          nn::update_from_shards(be, rule, 0.01, t, slice(x.p.view()), x.state().rows(cut[0], cut[1]),
                                 g.read().columns(cut[0], cut[1]), nn::follower<float>{slice(target.view()), 0.1});
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

TEST_CASE("update_from_shards takes 1, 2, 4 or 8 shards") {
  backend::cpu be(1);
  problem<float> x(normal<float>(extents{4}, 1));
  auto const shards = normal<float>(extents{3, 4}, 2);
  CHECK(support::message_of<argument_error>([&] { nn::update_from_shards(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), shards.read()); }) ==
        "update_from_shards: gradients of 3 shards, expected 1, 2, 4 or 8");
}
