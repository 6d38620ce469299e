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
  for (index_t const networks : {1, 2}) {
    nn::parameter_list list;
    nn::mlp<Activation> const net(list, "net", {3, 6, 5, 2}, nn::initializer::zeros());
    arena<> memory;
    auto const w = plan(memory, [&](auto& m) { return net.template make_workspace<double>(m, 4, mode::training, networks); });
    auto p = normal<double>(extents{networks, list.size()}, 11);
    auto x = normal<double>(extents{networks, index_t{4}, index_t{3}}, 2);
    auto const dy = normal<double>(extents{networks, index_t{4}, index_t{2}}, 3);
    tensor<double, 3> dx(x.shape());
    tensor<double, 2> dp(p.shape());
    auto const loss = [&] { return support::dot(net.forward(be, p.read(), x.read(), w), dy.flat()); };
    loss();
    net.backward(be, p.read(), x.read(), w, dy.read(), dp.view(), dx.view());
    CHECK(support::gradient_error(p.flat(), dp.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(x.flat(), dx.flat(), loss) < 1e-6);
    CHECK(support::accumulation_error(networks * list.size(), [&](vector_view<double> const& gradient, bool add) {
            loss();
            net.backward(be, p.read(), x.read(), w, dy.read(), matrix_view<double>(gradient.data(), p.shape()), {},
                         add ? nn::gradients::accumulate : nn::gradients::overwrite);
          }) < 1e-14);
  }
}
