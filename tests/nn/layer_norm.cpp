#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/nn/layer_norm.hpp>

#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::normal;
using support::tensor;

TEST_CASE("layer_norm: gradients of scale, bias and inputs, in place too") {
  backend::cpu be(1);
  for (index_t const n : {2, 7, 8, 19}) {
    constexpr index_t rows = 4;
    nn::parameter_list list;
    nn::layer_norm const layer(list, "norm", n, 1e-2);
    arena<> memory;
    auto const kept = plan(memory, [&](auto& m) { return layer.make_workspace<double>(m, rows); });
    auto p = normal<double>(extents{list.size()}, 1);
    auto x = normal<double>(extents{rows, n}, 2);
    auto dy = normal<double>(extents{rows, n}, 3);
    tensor<double, 2> y(x.shape()), dx(x.shape());
    tensor<double, 1> dp(p.shape());
    auto const weights = support::clone(dy);
    auto const loss = [&] {
      layer.forward(be, p.read(), x.read(), kept, y.view());
      return support::dot(weights.flat(), y.flat());
    };
    loss();
    layer.backward(be, p.read(), kept, dy.read(), dp.view(), dx.view());
    CHECK(support::gradient_error(p.view(), dp.read(), loss) < 1e-9);
    CHECK(support::gradient_error(x.flat(), dx.flat(), loss) < 1e-6);
    loss();
    CHECK(support::accumulation_error(list.size(), [&](vector_view<double> const& gradient, bool add) {
            layer.backward(be, p.read(), kept, weights.read(), gradient, dx.view(),
                           add ? nn::gradients::accumulate : nn::gradients::overwrite);
          }) < 1e-14);
    layer.backward(be, p.read(), kept, dy.read(), dp.view(), dy.view());
    CHECK(support::same(dy, dx));
  }
}

TEST_CASE("layer_norm starts as the identity on standardised rows, and says what does not fit") {
  backend::cpu be(1);
  nn::parameter_list list;
  nn::layer_norm const layer(list, "norm", 6);
  tensor<float, 1> p(extents{list.size()});
  list.initialize(p.view(), 0, 0);
  arena<> memory;
  auto const kept = plan(memory, [&](auto& m) { return layer.make_workspace<float>(m, 2); });
  auto const x = normal<float>(extents{2, 6}, 1), wide = normal<float>(extents{2, 7}, 1);
  tensor<float, 2> y(x.shape()), z(x.shape());
  layer.forward(be, p.read(), x.read(), kept, y.view());
  layer.forward(be, p.read(), y.read(), kept, z.view());
  CHECK(support::relative_difference(z, y) < 1e-5);
  CHECK(support::message_of<shape_error>([&] { layer.forward(be, p.read(), wide.read(), kept, y.view()); }) ==
        "layer_norm: input has shape (2, 7), expected (2, 6)");
  CHECK_THROWS_AS(layer.backward(be, p.read(), kept, wide.read(), p.view(), y.view()), shape_error);
}
