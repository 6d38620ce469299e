#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/mlp.hpp>

#include "support/gradient.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn::mode;
using support::normal;
using support::tensor;

TEST_CASE_TEMPLATE("mlp: gradients of parameters and inputs with every activation", Activation, math::identity, math::relu,
                   math::hyperbolic_tangent, math::silu, math::mish, math::gelu, math::gelu_tanh) {
  backend::cpu be(1);
  for (index_t const members : {1, 2}) {
    nn::parameter_list list;
    nn::mlp<Activation> const net(list, "net", {3, 6, 5, 2}, nn::initializer::zeros(), members);
    arena<> memory;
    auto const w = plan(memory, [&](auto& m) { return net.template make_workspace<double>(m, 4, mode::training); });
    auto p = normal<double>(extents{list.size()}, 11);
    auto x = normal<double>(extents{members, index_t{4}, index_t{3}}, 2);
    auto const dy = normal<double>(extents{members, index_t{4}, index_t{2}}, 3);
    tensor<double, 3> dx(x.shape());
    tensor<double, 1> dp(p.shape());
    auto const loss = [&] { return support::dot(net.forward(be, p.read(), x.read(), w), dy.flat()); };
    loss();
    net.backward(be, p.read(), x.read(), w, dy.read(), dp.view(), dx.view());
    CHECK(support::gradient_error(p.view(), dp.read(), loss) < 1e-6);
    CHECK(support::gradient_error(x.flat(), dx.flat(), loss) < 1e-6);
    CHECK(support::accumulation_error(list.size(), [&](vector_view<double> const& gradient, bool add) {
            loss();
            net.backward(be, p.read(), x.read(), w, dy.read(), gradient, {},
                         add ? nn::gradients::accumulate : nn::gradients::overwrite);
          }) < 1e-14);
  }
}
