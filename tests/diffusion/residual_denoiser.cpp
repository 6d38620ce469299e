#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/residual_denoiser.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"

using namespace parapet;
using diffusion::residual_denoiser;
using diffusion::residual_denoiser_config;
using support::download;
using support::normal;
using support::on;
using support::tensor;
using support::upload;

namespace {

constexpr residual_denoiser_config small{
    .action_dim = 2, .state_dim = 3, .steps = 3, .time_features = 4, .condition_width = 4, .width = 8, .blocks = 2, .dropout = 0.3};
constexpr index_t rows = 6;
tensor<index_t, 1> which() {
  return support::generate<index_t>(extents{rows}, [](index_t i) { return (2 + i * i) % 3; });
}

/// A small denoiser in double with parameters, x and s drawn, and a workspace.
template <class B>
struct fixture {
  using space = typename B::space;
  B be;
  nn::parameter_list list;
  residual_denoiser net{list, "actor", small};
  on<B, double, 1> parameters;
  tensor<double, 2> action = normal<double>(extents{rows, small.action_dim}, 2), state = normal<double>(extents{rows, small.state_dim}, 3);
  on<B, index_t, 1> step;
  arena<space> memory;
  residual_denoiser::workspace<double, space> w;

  explicit fixture(nn::mode keep) : parameters(extents{list.size()}), step(upload(be, which())) {
    tensor<double, 1> start(extents{list.size()});
    list.initialize(start.view(), 1, 0);
    parameters = upload(be, start);
    w = plan(memory, [&](auto& a) { return net.template make_workspace<B, double>(be, a, rows, keep); });
  }
  matrix_view<double, space> forward(auto const&... dropout) {
    copy(be, action.read(), net.action(w));
    copy(be, state.read(), net.state(w));
    net.embed_steps(be, parameters.read(), w);
    return net.forward(be, parameters.read(), step.read(), w, dropout...)(0);
  }
  tensor<double, 2> kept(matrix_view<double const, space> const& x) {
    tensor<double, 2> host(x.shape());
    copy(be, x, host.view());
    synchronize(be);
    return host;
  }
  tensor<double, 2> output() { return kept(forward()); }
};

}  // namespace

TEST_CASE_TEMPLATE("residual denoiser: gradient of every parameter", B, TEST_BACKENDS) {
  fixture<B> f(nn::mode::training);
  nn::dropout_source const mask{5, 1000, 0};
  auto const weight = normal<double>(extents{rows, small.action_dim}, 4);
  auto const dy = upload(f.be, weight);
  on<B, double, 1> gradient(extents{f.list.size()});
  auto const loss = [&] { return support::dot(f.kept(f.forward(mask)).flat(), weight.flat()); };
  loss();
  f.net.backward(f.be, f.parameters.read(), f.step.read(), f.w, repeated(dy.read(), 1), gradient.view());
  CHECK(support::gradient_error(f.be, f.parameters.flat(), gradient.read(), loss) <= 1e-6);
}

TEST_CASE_TEMPLATE("residual denoiser: the table of embedded steps is the embedding of each row's step", B, TEST_BACKENDS) {
  fixture<B> f(nn::mode::inference);
  f.forward();

  nn::parameter_list list;  // the same layers on one time a row
  nn::fourier_features const features(list, "actor.time", small.time_features);
  nn::mlp<math::mish> const condition(list, "actor.condition", {small.time_features, small.condition_width, small.condition_width},
                                      nn::initializer::xavier_uniform(), false);
  arena<typename B::space> memory;
  auto const w = plan(memory, [&](auto& a) { return condition.template make_workspace<double>(a, rows, nn::mode::inference); });
  auto const steps = which();
  auto const time = upload(f.be, support::generate<double>(extents{rows}, [&](index_t i) { return steps.read()[i]; }));
  on<B, double, 2> y(extents{rows, small.time_features});
  features.forward(f.be, f.parameters.read(), time.read(), y.view());
  auto const embedded = condition.forward(f.be, f.parameters.read(), repeated(y.read(), 1), w);

  index_t const begin = small.action_dim + small.state_dim;
  CHECK(f.w.input.extent(2) == begin + small.condition_width);
  CHECK(relative_difference(f.kept(f.w.input(0).columns(begin, f.w.input.extent(2))), f.kept(embedded(0))) <= 1e-14);
}

TEST_CASE_TEMPLATE("residual denoiser: every input matters, and modes agree where nothing is dropped", B, TEST_BACKENDS) {
  fixture<B> training(nn::mode::training), inference(nn::mode::inference);
  auto const base = inference.output();
  CHECK(relative_difference(training.output(), base) <= 1e-14);

  auto const moved = [&](auto change) {
    fixture<B> other(nn::mode::inference);
    change(other);
    return relative_difference(other.output(), base);
  };
  CHECK(moved([](fixture<B>&) {}) == 0);
  CHECK(moved([](fixture<B>& f) { f.action.view()(0, 1) += 0.1; }) > 1e-4);
  CHECK(moved([](fixture<B>& f) { f.state.view()(0, 2) += 0.1; }) > 1e-4);
  CHECK(moved([](fixture<B>& f) { f.step = upload(f.be, support::constant(extents{rows}, index_t{2})); }) > 1e-4);
}
