#include <parapet/nn/layer_norm.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("layer_norm: gradients of scale, bias and inputs, in place too, of one network and of a stack", B, TEST_BACKENDS) {
  B be;
  constexpr index_t rows = 4;
  for (auto const& shape : {std::pair<index_t, index_t>{1, 2}, {1, 7}, {1, 8}, {1, 19}, {3, 7}}) {
    index_t const networks = shape.first, n = shape.second;
    nn::parameter_list list;
    nn::layer_norm const layer(list, "norm", n, 1e-2);
    arena<typename B::space> memory;
    auto const kept = plan(memory, [&](auto& m) { return layer.template make_workspace<double>(m, rows, networks); });
    auto p = upload(be, normal<double>(extents{networks, list.size()}, 1));
    auto x = upload(be, normal<double>(extents{networks, rows, n}, 2));
    auto const weight = normal<double>(extents{networks, rows, n}, 3);
    auto dy = upload(be, weight);
    on<B, double, 3> y(weight.shape()), dx(weight.shape());
    on<B, double, 2> dp(p.shape());
    auto const loss = [&] {
      layer.forward(be, p.read(), x.read(), kept, y.view());
      return support::dot(weight.flat(), download(be, y).flat());
    };
    loss();
    layer.backward(be, p.read(), kept, dy.read(), dp.view(), dx.view());
    CHECK(support::gradient_error(be, p.flat(), dp.flat(), loss) < 1e-9);
    CHECK(support::gradient_error(be, x.flat(), dx.flat(), loss) < 1e-6);
    loss();
    CHECK(support::accumulation_error(be, p.size(), [&](auto const& gradient, bool add) {
            layer.backward(be, p.read(), kept, dy.read(), matrix_view<double, typename B::space>(gradient.data(), p.shape()), dx.view(),
                           add ? nn::gradients::accumulate : nn::gradients::overwrite);
          }) < 1e-14);
    layer.backward(be, p.read(), kept, dy.read(), dp.view(), dy.view());
    CHECK(support::same(download(be, dy), download(be, dx)));
  }
}

TEST_CASE_TEMPLATE("layer_norm starts as the identity on standardised rows, and says what does not fit", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::layer_norm const layer(list, "norm", 6);
  support::tensor<float, 1> initial(extents{list.size()});
  list.initialize(initial.view(), 0, 0);
  auto p = upload(be, initial);
  arena<typename B::space> memory;
  auto const kept = plan(memory, [&](auto& m) { return layer.template make_workspace<float>(m, 2); });
  auto const x = upload(be, normal<float>(extents{1, 2, 6}, 1)), wide = upload(be, normal<float>(extents{1, 2, 7}, 1));
  on<B, float, 3> y(x.shape()), z(x.shape());
  layer.forward(be, p.read(), x.read(), kept, y.view());
  layer.forward(be, p.read(), y.read(), kept, z.view());
  CHECK(support::relative_difference(download(be, z), download(be, y)) < 1e-5);
  CHECK(support::message_of<shape_error>([&] { layer.forward(be, p.read(), wide.read(), kept, y.view()); }) ==
        "layer_norm: input has shape (1, 2, 7), expected (1, 2, 6)");
  CHECK_THROWS_AS(layer.backward(be, p.read(), kept, wide.read(), p.view(), y.view()), shape_error);
}
