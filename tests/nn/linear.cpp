#include <parapet/nn/linear.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

using namespace parapet;
using nn::initializer;
using support::download;
using support::normal;
using support::on;
using support::upload;

namespace {

constexpr index_t rows = 6, in = 5, out = 4;

auto how(bool add) { return add ? nn::gradients::accumulate : nn::gradients::overwrite; }

/// A flat vector of n numbers for each network, as a stack.
template <class T, class Space>
matrix_view<T, Space> stack_of(vector_view<T, Space> const& flat, index_t n) { return {flat.data(), extents{flat.extent(0) / n, n}}; }

}  // namespace

TEST_CASE_TEMPLATE("linear: gradients of weights, biases and inputs, for one network and stacks that share inputs", B, TEST_BACKENDS) {
  B be;
  for (auto const& stack : {std::pair<index_t, index_t>{1, 1}, {3, 3}, {3, 1}, {6, 2}}) {
    index_t const networks = stack.first, inputs = stack.second;
    CAPTURE(networks);
    CAPTURE(inputs);
    nn::parameter_list list;
    nn::linear const layer(list, "layer", in, out);
    index_t const n = list.size();
    auto p = upload(be, normal<double>(extents{networks * n}, 1)), x = upload(be, normal<double>(extents{inputs * rows * in}, 2));
    auto const weight = normal<double>(extents{networks, rows, out}, 3);
    auto const dy = upload(be, weight);
    on<B, double, 3> y(weight.shape()), dx(extents{networks, rows, in});
    on<B, double, 1> dp(p.shape());
    auto const parameters = stack_of(p.read(), n);
    tensor_view<double const, 3, typename B::space> const input(x.read().data(), extents{inputs, rows, in});
    auto const loss = [&] {
      layer.forward(be, parameters, input, y.view());
      return support::dot(weight.flat(), download(be, y).flat());
    };
    auto const backward = [&](auto const& gradient, bool add) {
      layer.backward(be, parameters, input, dy.read(), stack_of(gradient, n), dx.view(), how(add));
    };
    backward(dp.view(), false);
    CHECK(support::gradient_error(be, p.flat(), dp.flat(), loss) < 1e-9);
    CHECK(support::accumulation_error(be, networks * n, backward) < 1e-14);
    if (inputs == networks) CHECK(support::gradient_error(be, x.flat(), dx.flat(), loss) < 1e-9);

    // The gradient of the inputs [2, 5) alone, and none; that of the inputs alone.
    auto const all = download(be, dx);
    auto const expected = support::generate<double>(extents{networks, rows, index_t{3}}, [&](index_t i) { return all.flat()[i / 3 * in + 2 + i % 3]; });
    on<B, double, 3> part(expected.shape());
    layer.backward(be, parameters, input, dy.read(), stack_of(dp.view(), n), part.view(), nn::gradients::overwrite, 2);
    CHECK(support::relative_difference(download(be, part), expected) < 1e-14);
    layer.backward(be, parameters, input, dy.read(), stack_of(dp.view(), n), {});
    CHECK(support::gradient_error(be, p.flat(), dp.flat(), loss) < 1e-9);
    fill(be, dx.flat(), 0.0);
    layer.backward(be, parameters, input, dy.read(), {}, dx.view());
    CHECK(support::same(download(be, dx), all));
  }
}

TEST_CASE_TEMPLATE("linear: forward_add adds the layer to what is there", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::linear const layer(list, "layer", in, out);
  auto const p = upload(be, normal<double>(extents{index_t{2}, list.size()}, 1));
  auto const x = upload(be, normal<double>(extents{index_t{2}, rows, in}, 2));
  auto const before = normal<double>(extents{index_t{2}, rows, out}, 3);
  auto const skip = upload(be, before);
  auto in_place = upload(be, before);
  on<B, double, 3> y(before.shape()), sum(before.shape());
  layer.forward(be, p.read(), x.read(), y.view());
  layer.forward_add(be, p.read(), x.read(), skip.read(), sum.view());
  layer.forward_add(be, p.read(), x.read(), in_place.read(), in_place.view());
  auto expected = download(be, y);
  for (index_t i = 0; i < expected.size(); ++i) expected.flat()[i] += before.flat()[i];
  CHECK(support::relative_difference(download(be, sum), expected) < 1e-14);
  CHECK(support::same(download(be, in_place), download(be, sum)));
}

TEST_CASE_TEMPLATE("linear: forward_activated is forward and the activation, bit by bit", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::linear const layer(list, "layer", in, out);
  auto const p = upload(be, normal<float>(extents{index_t{6}, list.size()}, 1));
  for (index_t const inputs : {1, 2, 6}) {  // one product of shared inputs, three products, one of a stack
    CAPTURE(inputs);
    auto const x = upload(be, normal<float>(extents{inputs, rows, in}, 2));
    on<B, float, 3> y(extents{index_t{6}, rows, out}), expected(y.shape());
    auto const check = [&]<class F>(F) {
      layer.forward(be, p.read(), x.read(), expected.view());
      nn::activate<F>(be, expected.view());
      layer.template forward_activated<F>(be, p.read(), x.read(), y.view());
      CHECK(support::same(download(be, y), download(be, expected)));
    };
    check(math::relu{});
    check(math::gelu_tanh{});
    check(math::mish{});
  }
}

TEST_CASE_TEMPLATE("linear: networks of a stack are independent, also in rows with gaps", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  nn::linear const layer(list, "layer", in, out);
  index_t const n = list.size(), networks = 4, pitch = n + 5;
  auto const p = upload(be, normal<double>(extents{networks, pitch}, 1));
  auto const x = upload(be, normal<double>(extents{index_t{2}, rows, in}, 2));
  on<B, double, 3> y(extents{networks, rows, out}), one(extents{index_t{1}, rows, out});
  layer.forward(be, p.read().columns(0, n), x.read(), y.view());
  auto const all = download(be, y);
  for (index_t k = 0; k < networks; ++k) {
    layer.forward(be, p.read()(k).rows(0, n), x.read().rows(k / 2, k / 2 + 1), one.view());
    auto const own = download(be, one);
    for (index_t i = 0; i < own.size(); ++i) CHECK(own.flat()[i] == doctest::Approx(all.flat()[k * rows * out + i]).epsilon(1e-13));
  }
}

TEST_CASE_TEMPLATE("linear says what does not fit", B, TEST_BACKENDS) {
  B be;
  nn::parameter_list list;
  CHECK(support::message_of<argument_error>([&] { nn::linear(list, "q", 0, 4); }) == "linear 'q': 0 x 4, both must be at least 1");
  nn::linear const layer(list, "layer", in, out);
  CHECK(list.size() == 24);
  on<B, float, 1> p(extents{list.size()}), few(extents{20});
  on<B, float, 2> three(extents{index_t{3}, list.size()});
  on<B, float, 3> x(extents{1, 6, 5}), narrow(extents{1, 6, 3}), two(extents{2, 6, 5}), y(extents{1, 6, 4}), y3(extents{3, 6, 4});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(support::contains(message([&] { layer.forward(be, p.read(), narrow.read(), y.view()); }), "(1, 5, 4), expected (1, 3, 4)"));
  CHECK(message([&] { layer.forward(be, few.read(), x.read(), y.view()); }) ==
        "a tensor of shape (4) at element 20 of a flat buffer of 20 elements");
  CHECK(message([&] { layer.forward_add(be, p.read(), x.read(), y3.read(), y3.view()); }) == "linear: output has shape (3, 6, 4), expected (1, 6, 4)");
  CHECK(message([&] { layer.forward_add(be, p.read(), x.read(), x.read(), x.view()); }) == "linear: output has shape (1, 6, 5), expected (1, 6, 4)");
  CHECK(message([&] { layer.forward(be, three.read(), two.read(), y3.view()); }) == "a stack of 3 networks cannot share inputs of shape (2, 6, 5)");
}
