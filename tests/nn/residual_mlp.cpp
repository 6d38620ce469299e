#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/nn/residual_mlp.hpp>

#include "support/gradient.hpp"

#include <doctest/doctest.h>

#include <tuple>

using namespace parapet;
using nn::mode;
using support::normal;
using support::tensor;

namespace {

using net = nn::residual_mlp<math::mish>;

nn::residual_mlp_config config(index_t blocks, double dropout) {
  return {.in = 5, .hidden = 8, .out = 3, .blocks = blocks, .expansion = 2, .dropout = dropout};
}

}  // namespace

TEST_CASE("residual_mlp: gradients of parameters and inputs, with and without blocks and dropout, of a stack too") {
  backend::cpu be(1);
  constexpr index_t rows = 4;
  for (auto const& [networks, blocks, dropout] : {std::tuple<index_t, index_t, double>{1, 0, 0}, {1, 0, 0.3}, {1, 1, 0}, {1, 3, 0}, {1, 3, 0.3}, {2, 2, 0.3}}) {
    nn::parameter_list list;
    net const n(list, "", config(blocks, dropout));
    arena<> memory;
    auto const w = plan(memory, [&, count = networks](auto& m) {  // clang 14 captures no structured binding
      return n.make_workspace<double>(m, rows, mode::training, count);
    });
    auto p = support::generate<double>(extents{networks, list.size()}, [s = philox_stream(1, 0)](index_t i) { return 0.4f * s.normal(i); });
    auto x = normal<double>(extents{networks, rows, index_t{5}}, 2);
    auto const dy = normal<double>(extents{networks, rows, index_t{3}}, 3);
    tensor<double, 3> dx(x.shape()), part(extents{networks, rows, index_t{2}});
    tensor<double, 2> dp(p.shape());
    auto const loss = [&] {
      return support::dot(n.forward(be, p.read(), x.read(), w, nn::dropout_source{7, 8, 0}), dy.flat());
    };
    auto const backward = [&](vector_view<double> const& gradient, bool add) {
      loss();
      n.backward(be, p.read(), x.read(), w, dy.read(), matrix_view<double>(gradient.data(), p.shape()), dx.view(),
                 add ? nn::gradients::accumulate : nn::gradients::overwrite);
    };
    backward(dp.flat(), false);
    CHECK(support::gradient_error(p.flat(), dp.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(x.flat(), dx.flat(), loss) < 1e-6);
    CHECK(support::accumulation_error(p.size(), backward) < 1e-13);

    loss();
    n.backward(be, p.read(), x.read(), w, dy.read(), dp.view(), part.view(), nn::gradients::overwrite, 3);
    auto const expected = support::generate<double>(part.shape(), [&](index_t i) { return dx.flat()[i / 2 * 5 + 3 + i % 2]; });
    CHECK(support::relative_difference(part, expected) < 1e-14);
    n.backward(be, p.read(), x.read(), w, dy.read(), dp.view());
  }
}

TEST_CASE("residual_mlp: inference gives what training gives without dropout") {
  backend::cpu be(1);
  for (index_t const blocks : {0, 1, 3}) {
    nn::parameter_list list;
    net const n(list, "", config(blocks, 0.3));
    arena<> a, b;
    auto const train = plan(a, [&](auto& m) { return n.make_workspace<double>(m, 6, mode::training); });
    auto const infer = plan(b, [&](auto& m) { return n.make_workspace<double>(m, 6, mode::inference); });
    CHECK(b.used() < a.used());
    auto const p = normal<double>(extents{list.size()}, 1);
    auto const x = normal<double>(extents{1, 6, 5}, 2);
    auto const y = n.forward(be, p.read(), x.read(), train), z = n.forward(be, p.read(), x.read(), infer);
    for (index_t i = 0; i < y.size(); ++i) CHECK(y.data()[i] == doctest::Approx(z.data()[i]).epsilon(1e-12));
  }
}

TEST_CASE("residual_mlp: shards of a batch drop what the whole batch drops") {
  backend::cpu be(1);
  nn::parameter_list list;
  net const n(list, "", config(2, 0.5));
  arena<> a, b;
  auto const whole = plan(a, [&](auto& m) { return n.make_workspace<double>(m, 6, mode::training); });
  auto const shard = plan(b, [&](auto& m) { return n.make_workspace<double>(m, 3, mode::training); });
  auto const p = normal<double>(extents{list.size()}, 1);
  auto const x = normal<double>(extents{1, 6, 5}, 2);
  auto const y = n.forward(be, p.read(), x.read(), whole, nn::dropout_source{7, 8, 10});
  for (index_t const first : {0, 3}) {
    auto const z = n.forward(be, p.read(), x.read().slice(1, first, first + 3), shard, nn::dropout_source{7, 8, 10 + first});
    for (index_t i = 0; i < z.size(); ++i) CHECK(z.data()[i] == doctest::Approx(y.data()[first * 3 + i]).epsilon(1e-12));
  }
}

TEST_CASE("residual_mlp: names of its tensors") {
  nn::parameter_list list;
  net(list, "actor.", config(1, 0));
  std::string names;
  for (nn::parameter const& p : list) names += p.name + ' ';
  CHECK(names == "actor.input.weight actor.input.bias actor.blocks.0.norm.scale actor.blocks.0.norm.bias "
                 "actor.blocks.0.dense0.weight actor.blocks.0.dense0.bias actor.blocks.0.dense1.weight "
                 "actor.blocks.0.dense1.bias actor.output.weight actor.output.bias ");
  CHECK(list.size() == 5 * 8 + 8 + 16 + 8 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3);
}
