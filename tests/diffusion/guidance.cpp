#include <parapet/diffusion/contrastive_energy.hpp>
#include <parapet/diffusion/guidance.hpp>
#include <parapet/diffusion/time_network.hpp>

#include "diffusion/tilted_gaussian.hpp"
#include "support/backends.hpp"
#include "support/throws.hpp"

using namespace parapet;
using diffusion::noise_level;
using support::affine_denoiser;
using support::affine_gradient;
using support::gaussian;
using support::model_of;
using support::normal;
using support::on;
using support::tilt;

namespace {

noise_level const levels[] = {{std::cos(0.1), std::sin(0.1)}, {std::cos(1.0), std::sin(1.0)}, {0.3, 0.7}, {1, 20}};
gaussian const data;
tilt const energy;

}  // namespace

TEST_CASE_TEMPLATE("classifier-free guidance: the condition alone at 1, none at 0, a straight line through both", B, TEST_BACKENDS) {
  B be;
  auto const x = support::upload(be, normal<double>(extents{5, 3}, 1));
  on<B, double, 2> shared(x.shape()), answer(x.shape());  // one network's memory for both answers
  auto const conditional = [](noise_level const&, double at) { return 2 * at + 1; };
  auto const unconditional = [](noise_level const&, double at) { return at - 3; };
  for (double const w : {0.0, 1.0, 2.5}) {
    diffusion::classifier_free_guidance guided{affine_denoiser{conditional, shared.view()}, affine_denoiser{unconditional, shared.view()}, w, answer.view()};
    guided(be, x.read(), levels[0]);
    auto const got = support::download(be, answer), input = support::download(be, x);
    for (index_t i = 0; i < got.size(); ++i) {
      double const at = input.flat()[i], expected = w * (2 * at + 1) + (1 - w) * (at - 3);
      if (w == 1 || w == 0) CHECK(got.flat()[i] == expected);
      CHECK(got.flat()[i] == doctest::Approx(expected));
    }
  }
}

TEST_CASE_TEMPLATE("gradient guidance: with the exact energy every parameterization answers as a model of the tilted data", B, TEST_BACKENDS) {
  B be;
  auto const check = [&](auto const& p) {
    using P = std::remove_cvref_t<decltype(p)>;
    for (noise_level const& l : levels) {
      double scale = 1;
      if constexpr (diffusion::scales_input<P>) scale = p.input_scale(l);
      auto const x = support::upload(be, support::generate<double>(extents{4, 2}, [&](index_t i) { return scale * (0.7 * static_cast<double>(i) - 2); }));
      on<B, double, 2> own(x.shape()), answer(x.shape()), slope(x.shape()), sample(x.shape());
      auto const gradient = [](noise_level const& at, double xt) { return energy.exact_gradient(data, at, xt); };
      diffusion::gradient_guidance guided{affine_denoiser{model_of(data, p), own.view()}, affine_gradient{gradient}, p, 1.0,
                                         answer.view(), slope.view(), sample.view()};
      guided(be, x.read(), l);
      auto const got = support::download(be, answer), input = support::download(be, x);
      auto const wanted = model_of(energy.of(data), p);
      for (index_t i = 0; i < got.size(); ++i) CHECK(got.flat()[i] == doctest::Approx(wanted(l, input.flat()[i])).epsilon(1e-12));
    }
  };
  check(diffusion::epsilon_prediction{});
  check(diffusion::data_prediction{});
  check(diffusion::v_prediction{});
  check(diffusion::score_prediction{});
  check(diffusion::flow_prediction{});
  check(diffusion::edm_preconditioning{0.5});
}

TEST_CASE_TEMPLATE("energy_gradient: of a network, by the sample alone, at the time of the level", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  nn::parameter_list list;
  diffusion::time_network const net(list, "energy", {.dimension = 2, .condition_dim = 1, .out = 1, .time_features = 4, .width = 8, .hidden = 2});
  arena<space> memory;
  auto const w = plan(memory, [&](auto& m) { return net.template make_workspace<double>(m, 3, nn::mode::training); });
  auto const parameters = support::upload(be, normal<double>(extents{list.size()}, 1));
  auto const c = support::upload(be, normal<double>(extents{3, 1}, 2)), one = support::upload(be, support::constant(extents{3, 1}, 1.0));
  copy(be, c.read(), net.condition(w));
  diffusion::energy_gradient<double, space> const gradient{net, parameters.read(), w, one.read()};
  on<B, double, 2> g(extents{3, 2}), y(extents{3, 1});
  auto host = normal<double>(extents{3, 2}, 3);
  auto const value = [&] {
    auto const x = support::upload(be, host);
    gradient(be, x.read(), levels[1], g.view());
    copy(be, matrix_view<double const, space>(net.forward(be, parameters.read(), w)), y.view());
    double total = 0;
    auto const got = support::download(be, y);
    for (index_t i = 0; i < 3; ++i) total += got.flat()[i];
    return total;
  };
  value();
  auto const got = support::download(be, g);
  for (index_t i = 0; i < host.size(); ++i) {
    double const at = host.flat()[i], h = 1e-4;
    host.flat()[i] = at + h;
    double const above = value();
    host.flat()[i] = at - h;
    double const below = value();
    host.flat()[i] = at;
    CHECK(got.flat()[i] == doctest::Approx((above - below) / (2 * h)).epsilon(1e-6));
  }
}

TEST_CASE_TEMPLATE("guidance: a model or work memory of another shape is refused", B, TEST_BACKENDS) {
  B be;
  auto const x = support::upload(be, normal<double>(extents{5, 3}, 1));
  on<B, double, 2> good(x.shape()), other(extents{5, 2}), slope(x.shape());
  auto const identity = [](noise_level const&, double at) { return at; };
  diffusion::classifier_free_guidance small{affine_denoiser{identity, good.view()}, affine_denoiser{identity, good.view()}, 2.0, other.view()};
  CHECK_THROWS_AS(small(be, x.read(), levels[0]), shape_error);
  diffusion::gradient_guidance wrong{affine_denoiser{identity, good.view()}, affine_gradient{identity},
                                      diffusion::epsilon_prediction{}, 1.0, good.view(), other.view()};
  CHECK_THROWS_AS(wrong(be, x.read(), levels[0]), shape_error);
}

TEST_CASE("gradient guidance: a flow at alpha = 0 says nothing about the noise, so it cannot be bent there") {
  auto const identity = [](noise_level const&, double at) { return at; };
  support::tensor<double, 2> answer(extents{2, 1}), slope(extents{2, 1});
  auto const factor = [&](auto const& p, noise_level const& l) {
    affine_denoiser const model{identity, answer.view()};
    return diffusion::gradient_guidance{model, affine_gradient{identity}, p, 1.0, answer.view(), slope.view()}.slope_factor(l);
  };
  CHECK(support::message_of<argument_error>([&] { factor(diffusion::flow_prediction{}, {0, 1, 1}); }) ==
        "convert: the model's prediction does not determine what the solver needs at alpha = 0, sigma = 1");
  CHECK(factor(diffusion::flow_prediction{}, {0.5, 0.5, 0.5}) == -1);  // r = epsilon - x_0: 1 + sigma / alpha of it, times -sigma
  CHECK(factor(diffusion::epsilon_prediction{}, {0, 1, 1}) == -1);
}
