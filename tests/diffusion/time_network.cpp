#include <parapet/diffusion/time_network.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"

using namespace parapet;
using diffusion::noise_level;
using diffusion::time_network;
using support::normal;

namespace {

/// A small network and its input on the host: sum of dy * y as a function of parameters, x, c and t.
struct problem {
  static constexpr index_t rows = 3;
  nn::parameter_list list;
  time_network net{list, "net", {.dimension = 2, .condition_dim = 3, .out = 2, .time_features = 4, .width = 6, .hidden = 2}};
  support::tensor<double, 1> parameters = normal<double>(extents{list.size()}, 1), time = normal<double>(extents{rows}, 2);
  support::tensor<double, 2> x = normal<double>(extents{rows, index_t{2}}, 3), c = normal<double>(extents{rows, index_t{3}}, 4);
  support::tensor<double, 2> dy = normal<double>(extents{rows, index_t{2}}, 5);
};

template <class B>
struct result {
  support::tensor<double, 2> y, dx;
  support::tensor<double, 1> gradient;
};

template <class B>
result<B> run(problem const& p) {
  B be;
  using space = typename B::space;
  arena<space> memory;
  auto const w = plan(memory, [&](auto& m) { return p.net.template make_workspace<double>(m, p.rows, nn::mode::training); });
  auto const parameters = support::upload(be, p.parameters), time = support::upload(be, p.time);
  auto const x = support::upload(be, p.x), c = support::upload(be, p.c), dy = support::upload(be, p.dy);
  copy(be, time.read(), w.time);
  copy(be, x.read(), p.net.sample(w));
  copy(be, c.read(), p.net.condition(w));
  support::on<B, double, 2> y(p.dy.shape()), dx(p.x.shape());
  support::on<B, double, 1> gradient(p.parameters.shape());
  copy(be, matrix_view<double const, space>(p.net.forward(be, parameters.read(), w)), y.view());
  p.net.sample_gradient(be, parameters.read(), w, dy.read(), dx.view());
  p.net.backward(be, parameters.read(), w, dy.read(), gradient.view());
  return {support::download(be, y), support::download(be, dx), support::download(be, gradient)};
}

}  // namespace

TEST_CASE_TEMPLATE("time_network: gradients of parameters and of the sample", B, TEST_BACKENDS) {
  problem p;
  auto const loss = [&] { return support::dot(run<B>(p).y.flat(), p.dy.flat()); };
  auto const got = run<B>(p);
  CHECK(support::gradient_error(p.parameters.view(), got.gradient.read(), loss) < 1e-6);
  CHECK(support::gradient_error(p.x.flat(), got.dx.flat(), loss) < 1e-6);
}

TEST_CASE("time_network: the time of a level is half its log-SNR, within limits") {
  CHECK(time_network::time_of({1, 1}) == 0);
  CHECK(time_network::time_of({std::exp(2.0), 1}) == doctest::Approx(2));
  CHECK(time_network::time_of({1, 0}) == 10);
  CHECK(time_network::time_of({0, 1}, 6) == -6);
}
