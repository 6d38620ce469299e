#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/residual_denoiser.hpp>

#include <doctest/doctest.h>

#include "support/gradient.hpp"
#include "support/tensor.hpp"

using namespace parapet;
using diffusion::residual_denoiser;
using diffusion::residual_denoiser_config;
using support::tensor;

namespace {

constexpr residual_denoiser_config small{
    .action_dim = 2, .state_dim = 3, .steps = 3, .time_features = 4, .condition_width = 4, .width = 8, .blocks = 2, .dropout = 0.3};
constexpr index_t rows = 6;
constexpr index_t which[rows] = {2, 0, 1, 1, 0, 2};

/// A small denoiser in double with parameters, x and s drawn, and a workspace.
struct fixture {
  backend::cpu be{1};
  nn::parameter_list list;
  residual_denoiser net{list, "actor", small};
  buffer<double> parameters{list.size()};
  arena<> memory;
  residual_denoiser::workspace<double, host_space> w;
  vector_view<index_t const> step{which, extents{rows}};

  explicit fixture(nn::mode keep) {
    list.initialize(parameters.view(), 1, 0);
    w = plan(memory, [&](auto& a) { return net.make_workspace<backend::cpu, double>(be, a, rows, keep); });
    copy(be, support::normal<double>(extents{rows, small.action_dim}, 2).read(), net.action(w));
    copy(be, support::normal<double>(extents{rows, small.state_dim}, 3).read(), net.state(w));
  }
  vector_view<double const> read() const { return parameters.view(); }
  matrix_view<double> forward() {
    net.embed_steps(be, read(), w);
    return net.forward(be, read(), step, w)(0);
  }
};

tensor<double, 2> kept(matrix_view<double const> const& x) {
  return support::generate<double>(x.shape(), [&](index_t i) { return x(i / x.extent(1), i % x.extent(1)); });
}

}  // namespace

TEST_CASE("residual denoiser: gradient of every parameter") {
  fixture f(nn::mode::training);
  nn::dropout_source const mask{5, 1000, 0};
  auto const weight = support::normal<double>(extents{rows, small.action_dim}, 4);
  buffer<double> gradient(f.list.size());
  auto const loss = [&] {
    f.net.embed_steps(f.be, f.read(), f.w);
    return support::dot(f.net.forward(f.be, f.read(), f.step, f.w, mask), weight.read());
  };
  loss();
  f.net.backward(f.be, f.read(), f.step, f.w, repeated(weight.read(), 1), gradient.view());
  CHECK(support::gradient_error(f.parameters.view(), vector_view<double const>(gradient.view()), loss) <= 1e-6);
}

TEST_CASE("residual denoiser: the table of embedded steps is the embedding of each row's step") {
  fixture f(nn::mode::inference);
  f.forward();

  nn::parameter_list list;  // the same layers on one time a row
  nn::fourier_features const features(list, "actor.time", small.time_features);
  nn::mlp<math::mish> const condition(list, "actor.condition", {small.time_features, small.condition_width, small.condition_width},
                                      nn::initializer::xavier_uniform(), false);
  arena<> memory;
  auto const w = plan(memory, [&](auto& a) { return condition.make_workspace<double>(a, rows, nn::mode::inference); });
  auto const time = support::generate<double>(extents{rows}, [](index_t i) { return which[i]; });
  tensor<double, 2> y(extents{rows, small.time_features});
  features.forward(f.be, f.read(), time.read(), y.view());
  auto const embedded = condition.forward(f.be, f.read(), repeated(y.read(), 1), w);

  index_t const begin = small.action_dim + small.state_dim;
  CHECK(f.w.input.extent(2) == begin + small.condition_width);
  CHECK(relative_difference(kept(f.w.input(0).columns(begin, f.w.input.extent(2))), kept(embedded(0))) <= 1e-14);
}

TEST_CASE("residual denoiser: every input matters, and modes agree where nothing is dropped") {
  fixture training(nn::mode::training), inference(nn::mode::inference);
  auto const base = kept(inference.forward());
  CHECK(relative_difference(kept(training.forward()), base) <= 1e-14);

  auto const moved = [&](auto change) {
    fixture other(nn::mode::inference);
    change(other);
    return relative_difference(kept(other.forward()), base);
  };
  CHECK(moved([](fixture&) {}) == 0);
  CHECK(moved([](fixture& f) { f.net.action(f.w)(0, 1) += 0.1; }) > 1e-4);
  CHECK(moved([](fixture& f) { f.net.state(f.w)(0, 2) += 0.1; }) > 1e-4);
  index_t const last_step[rows] = {2, 2, 2, 2, 2, 2};
  CHECK(moved([&](fixture& f) { f.step = {last_step, extents{rows}}; }) > 1e-4);
}
