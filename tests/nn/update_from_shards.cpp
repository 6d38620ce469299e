// The optimisers' fused pass: a sum over shards, the step, an average, on any slice of the buffers.
#include <parapet/nn/optimizer.hpp>

#include "nn/problem.hpp"
#include "support/backends.hpp"
#include "support/throws.hpp"

#include <utility>

using namespace parapet;
using nn_test::problem;
using support::download;
using support::normal;
using support::upload;

TEST_CASE_TEMPLATE("slices updated apart give the same bits as the whole", B, TEST_BACKENDS) {
  B be;
  constexpr index_t n = 61;
  auto const g = upload(be, normal<float>(extents{4, n}, 2));
  auto const check = [&](auto const& rule) {
    auto const run = [&](std::initializer_list<index_t> cuts) {
      problem<B, float> x(be, normal<float>(extents{n}, 1));
      auto target = upload(be, normal<float>(extents{n}, 3));
      for (index_t t = 1; t <= 3; ++t)
        for (auto cut = cuts.begin(); cut + 1 != cuts.end(); ++cut) {
          auto const slice = [&](auto const& view) { return view.rows(cut[0], cut[1]); };
          nn::update_from_shards(be, rule, 0.01, t, slice(x.p.view()), x.state().rows(cut[0], cut[1]), g.read().columns(cut[0], cut[1]),
                                 nn::follower<float, typename B::space>{slice(target.view()), 0.1});
          nn::update(be, rule, 0.01, t, slice(x.p.view()), x.state().rows(cut[0], cut[1]), slice(g.read()(0)));
        }
      return std::pair(download(be, x.p), download(be, target));
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

TEST_CASE_TEMPLATE("update_from_shards is the tree sum, the step and the average, bit by bit", B, TEST_BACKENDS) {
  B be;
  constexpr index_t n = 37;
  for (index_t const shards : {1, 2, 4, 8}) {
    auto const gradients = normal<float>(extents{shards, n}, 2);
    auto sums = support::clone(gradients);
    for (index_t pairs = shards / 2, step = 1; pairs > 0; pairs /= 2, step *= 2)
      for (index_t s = 0; s < shards; s += 2 * step)
        for (index_t i = 0; i < n; ++i) sums.view()(s, i) += sums.view()(s + step, i);
    auto const g = upload(be, gradients), sum = upload(be, sums);
    auto const start = normal<float>(extents{n}, 1);
    problem<B, float> a(be, start), b(be, start), c(be, start);
    auto target = upload(be, normal<float>(extents{n}, 3)), expected = upload(be, normal<float>(extents{n}, 3));
    for (index_t t = 1; t <= 2; ++t) {
      nn::update_from_shards(be, nn::adam{}, 0.01, t, a.p.view(), a.state(), g.read(), {target.view(), 0.1});
      nn::update_from_shards(be, nn::adam{}, 0.01, t, c.p.view(), c.state(), g.read());
      nn::update(be, nn::adam{}, 0.01, t, b.p.view(), b.state(), sum.read()(0));
      nn::update_average(be, 0.1, b.p.read(), expected.view());
    }
    CHECK(support::same(download(be, a.p), download(be, b.p)));
    CHECK(support::same(download(be, c.p), download(be, b.p)));
    CHECK(support::same(download(be, target), download(be, expected)));
  }
}

TEST_CASE_TEMPLATE("update_from_shards takes 1, 2, 4 or 8 shards", B, TEST_BACKENDS) {
  B be;
  problem<B, float> x(be, normal<float>(extents{4}, 1));
  auto const shards = upload(be, normal<float>(extents{3, 4}, 2));
  CHECK(support::message_of<argument_error>([&] { nn::update_from_shards(be, nn::adam{}, 0.1, 1, x.p.view(), x.state(), shards.read()); }) ==
        "update_from_shards: gradients of 3 shards, expected 1, 2, 4 or 8");
}
