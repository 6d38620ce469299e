#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/mlp.hpp>

#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn::mode;
using support::normal;
using support::tensor;

TEST_CASE("mlp: inference gives what training gives") {
  backend::cpu be(1);
  nn::parameter_list list;
  nn::mlp<math::mish> const net(list, "net", {3, 20, 20, 2}, nn::initializer::xavier_uniform(), 2);
  arena<> a, b;
  auto const train = plan(a, [&](auto& m) { return net.make_workspace<float>(m, 5, mode::training); });
  auto const infer = plan(b, [&](auto& m) { return net.make_workspace<float>(m, 5, mode::inference); });
  CHECK(b.used() < a.used());
  auto const p = normal<float>(extents{list.size()}, 1);
  auto const x = normal<float>(extents{5, 3}, 2);
  auto const y = net.forward(be, p.read(), repeated(x.read(), 2), train), z = net.forward(be, p.read(), repeated(x.read(), 2), infer);
  for (index_t i = 0; i < y.size(); ++i) CHECK(y.data()[i] == z.data()[i]);
}

TEST_CASE("mlp: one layer, names, and what it refuses") {
  backend::cpu be(1);
  nn::parameter_list list;
  nn::mlp<math::relu> const deep(list, "deep", {3, 8, 2}), plain(list, "plain", {3, 8, 2}, nn::initializer::ones(), 1, false);
  std::string names;
  for (nn::parameter const& p : list) names += p.name + ' ';
  CHECK(names == "deep.dense0.weight deep.dense0.bias deep.output.weight deep.output.bias "
                 "plain.dense0.weight plain.dense0.bias plain.dense1.weight plain.dense1.bias ");
  CHECK(deep.in() == 3);
  CHECK(deep.out() == 2);
  CHECK(deep.members() == 1);
  CHECK(support::message_of<argument_error>([&] { nn::mlp<math::relu>(list, "x", {3}); }) == "mlp 'x': 1 widths, expected at least 2");

  nn::parameter_list affine_list;
  nn::mlp<math::relu> const affine(affine_list, "affine", {3, 2});
  arena<> memory;
  auto const w = plan(memory, [&](auto& m) { return affine.make_workspace<double>(m, 4, mode::training); });
  auto p = normal<double>(extents{affine_list.size()}, 1);
  auto const x = normal<double>(extents{1, 4, 3}, 2), dy = normal<double>(extents{1, 4, 2}, 3);
  tensor<double, 1> dp(p.shape());
  affine.forward(be, p.read(), x.read(), w);
  affine.backward(be, p.read(), x.read(), w, dy.read(), dp.view());
  CHECK(support::gradient_error(p.view(), dp.read(), [&] { return support::dot(affine.forward(be, p.read(), x.read(), w), dy.flat()); }) < 1e-9);
}
