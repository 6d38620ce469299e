#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/linear.hpp>

#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn::initializer;
using support::normal;
using support::tensor;

namespace {
auto how(bool add) { return add ? nn::gradients::accumulate : nn::gradients::overwrite; }
}  // namespace

TEST_CASE("linear: gradients of weights, biases and inputs, for one network and a stack") {
  backend::cpu be(1);
  constexpr index_t rows = 6, in = 5, out = 4;
  for (index_t const members : {1, 3}) {
    nn::parameter_list list;
    nn::linear const layer(list, "layer", in, out, initializer::zeros(), members);
    auto p = normal<double>(extents{list.size()}, 1);
    auto x = normal<double>(extents{members, rows, in}, 2);
    auto const dy = normal<double>(extents{members, rows, out}, 3);
    tensor<double, 3> y(dy.shape()), dx(x.shape());
    tensor<double, 1> dp(p.shape());
    auto const loss = [&] {
      layer.forward(be, p.read(), x.read(), y.view());
      return support::dot(dy.flat(), y.flat());
    };
    layer.backward(be, p.read(), x.read(), dy.read(), dp.view(), dx.view());
    CHECK(support::gradient_error(p.view(), dp.read(), loss) < 1e-9);
    CHECK(support::gradient_error(x.flat(), dx.flat(), loss) < 1e-9);
    CHECK(support::accumulation_error(list.size(), [&](vector_view<double> const& gradient, bool add) {
            layer.backward(be, p.read(), x.read(), dy.read(), gradient, dx.view(), how(add));
          }) < 1e-14);

    // The gradient of the inputs [2, 5) alone, and none.
    tensor<double, 3> part(extents{members, rows, index_t{3}});
    layer.backward(be, p.read(), x.read(), dy.read(), dp.view(), part.view(), nn::gradients::overwrite, 2);
    auto const expected = support::generate<double>(part.shape(), [&](index_t i) { return dx.flat()[i / 3 * in + 2 + i % 3]; });
    CHECK(support::relative_difference(part, expected) < 1e-14);
    layer.backward(be, p.read(), x.read(), dy.read(), dp.view(), {});
    CHECK(support::gradient_error(p.view(), dp.read(), loss) < 1e-9);
  }
}

TEST_CASE("linear: forward_add adds the layer to what is there") {
  backend::cpu be(1);
  nn::parameter_list list;
  nn::linear const layer(list, "layer", 5, 4, initializer::zeros(), 2);
  auto const p = normal<double>(extents{list.size()}, 1);
  auto const x = normal<double>(extents{2, 3, 5}, 2);
  auto sum = normal<double>(extents{2, 3, 4}, 3), y = support::clone(sum);
  auto const before = support::clone(sum);
  layer.forward_add(be, p.read(), x.read(), sum.view());
  layer.forward(be, p.read(), x.read(), y.view());
  for (index_t i = 0; i < y.size(); ++i) y.flat()[i] += before.flat()[i];
  CHECK(support::relative_difference(sum, y) < 1e-14);
}

TEST_CASE("linear: members that share an input are independent networks") {
  backend::cpu be(1);
  nn::parameter_list list, single_list;
  nn::linear const stack(list, "stack", 5, 4, initializer::zeros(), 3), single(single_list, "single", 5, 4);
  auto const p = normal<double>(extents{list.size()}, 1);
  auto const x = normal<double>(extents{1, 6, 5}, 2);
  tensor<double, 3> y(extents{3, 6, 4}), one(extents{1, 6, 4});
  stack.forward(be, p.read(), repeated(x.read()(0), 3), y.view());
  for (index_t m = 0; m < 3; ++m) {
    // The flat buffer holds all weights, then all biases.
    auto const own = support::generate<double>(extents{24}, [&](index_t i) { return p.read()[i < 20 ? 20 * m + i : 60 + 4 * m + i - 20]; });
    single.forward(be, own.read(), x.read(), one.view());
    for (index_t i = 0; i < one.size(); ++i) CHECK(one.flat()[i] == doctest::Approx(y.flat()[m * 24 + i]).epsilon(1e-13));
  }
}

TEST_CASE("linear: names and shapes in the list") {
  nn::parameter_list list;
  nn::linear(list, "a", 5, 4);
  nn::linear(list, "b", 5, 4, initializer::ones(), 3);
  auto const* p = &*list.begin();
  CHECK(p[0].name == "a.weight");
  CHECK(p[0].shape == std::vector<index_t>{5, 4});
  CHECK(p[1].name == "a.bias");
  CHECK(p[1].shape == std::vector<index_t>{4});
  CHECK(p[2].shape == std::vector<index_t>{3, 5, 4});
  CHECK(p[3].shape == std::vector<index_t>{3, 4});
  CHECK(p[3].offset == 24 + 60);
  CHECK(list.size() == 24 + 72);
}

TEST_CASE("linear says what does not fit") {
  backend::cpu be(1);
  nn::parameter_list list;
  CHECK(support::message_of<argument_error>([&] { nn::linear(list, "q", 0, 4); }) ==
        "linear 'q': 1 members of 0 x 4, all must be at least 1");
  nn::linear const layer(list, "layer", 5, 4);
  auto const p = normal<float>(extents{list.size()}, 1), few = normal<float>(extents{20}, 1);
  auto const x = normal<float>(extents{1, 6, 5}, 2), narrow = normal<float>(extents{1, 6, 3}, 2);
  tensor<float, 3> y(extents{1, 6, 4});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(support::contains(message([&] { layer.forward(be, p.read(), narrow.read(), y.view()); }), "(1, 5, 4), expected (1, 3, 4)"));
  CHECK(message([&] { layer.forward(be, few.read(), x.read(), y.view()); }) ==
        "a tensor of shape (1, 4) at element 20 of a flat buffer of 20 elements");
}
