#include <parapet/diffusion/training.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using diffusion::level_list;
using diffusion::noise_level;
using support::generate;
using support::normal;
using support::tensor;

namespace {

constexpr index_t rows = 7, dimension = 3;

level_list vp_levels() { return {{std::cos(0.2), std::sin(0.2), 0.1, 0}, {std::cos(0.9), std::sin(0.9), 0.5, 1}, {std::cos(1.4), std::sin(1.4), 0.9, 2}}; }

/// A batch downloaded, its loss and gradient against an arbitrary answer.
struct outcome {
  tensor<double, 2> x, target, values, danswer;
  tensor<double, 1> time, weight;
};

template <class B>
outcome run(diffusion::training_levels<double, typename B::space> const& levels, B& be, tensor<double, 2> const& answer, bool weighted) {
  using space = typename B::space;
  auto const a = support::upload(be, normal<double>(extents{rows, dimension}, 1)), z = support::upload(be, normal<double>(extents{rows, dimension}, 2));
  auto const r = support::upload(be, answer);
  auto const which = support::upload(be, generate<index_t>(extents{rows}, [&](index_t i) { return i % levels.size(); }));
  auto const w = support::upload(be, generate<double>(extents{rows}, [](index_t i) { return 0.5 * static_cast<double>(i); }));
  support::on<B, double, 2> x(a.shape()), target(a.shape()), values(a.shape()), danswer(a.shape());
  support::on<B, double, 1> time(extents{rows}), weight(extents{rows});
  diffusion::training_batch<double, space> const batch{x.view(), time.view(), target.view(), weight.view()};
  diffusion::noise_samples(be, levels, which.read(), a.read(), z.read(), batch, weighted ? w.read() : vector_view<double const, space>{});
  diffusion::denoising_loss(be, 0.1, r.read(), batch, values.view(), danswer.view());
  using support::download;
  return {download(be, x), download(be, target), download(be, values), download(be, danswer), download(be, time), download(be, weight)};
}

double total(outcome const& o) {
  double sum = 0;
  for (index_t i = 0; i < o.values.size(); ++i) sum += o.values.flat()[i];
  return sum;
}

struct parameterizations {
  template <class F>
  static void each(F f) {
    f(diffusion::epsilon_prediction{});
    f(diffusion::data_prediction{});
    f(diffusion::v_prediction{});
    f(diffusion::score_prediction{});
    f(diffusion::flow_prediction{});
    f(diffusion::edm_preconditioning{0.5});
  }
};

}  // namespace

TEST_CASE_TEMPLATE("training: inputs, targets and weights of every parameterization, and the gradient of the loss", B, TEST_BACKENDS) {
  B be;
  auto const a = normal<double>(extents{rows, dimension}, 1), z = normal<double>(extents{rows, dimension}, 2);
  auto answer = normal<double>(extents{rows, dimension}, 3);
  parameterizations::each([&](auto const& p) {
    diffusion::min_snr const weight{2};
    diffusion::training_levels<double, typename B::space> const levels(be, vp_levels(), p, weight);
    auto const got = run<B>(levels, be, answer, true);
    double expected = 0;
    for (index_t i = 0; i < rows; ++i) {
      noise_level const l = vp_levels()[static_cast<std::size_t>(i % 3)];
      double scale = 1;
      if constexpr (diffusion::scales_input<std::remove_cvref_t<decltype(p)>>) scale = p.input_scale(l);
      CHECK(got.time.read()[i] == doctest::Approx(l.lambda()));
      CHECK(got.weight.read()[i] == doctest::Approx(0.5 * static_cast<double>(i) * weight(l, p(l))));
      for (index_t j = 0; j < dimension; ++j) {
        double const x = l.alpha * a.read()(i, j) + l.sigma * z.read()(i, j);
        CHECK(got.x.read()(i, j) == doctest::Approx(scale * x));
        // what a sampler makes of the target at this level is the data
        auto const to_data = diffusion::convert(p(l), diffusion::predicts_data, l);
        CHECK(to_data.x_factor * x + to_data.factor * got.target.read()(i, j) == doctest::Approx(a.read()(i, j)));
        double const error = answer.read()(i, j) - got.target.read()(i, j);
        expected += 0.1 * got.weight.read()[i] * error * error;
      }
    }
    CHECK(total(got) == doctest::Approx(expected));
    CHECK(support::gradient_error(answer.flat(), got.danswer.flat(), [&] { return total(run<B>(levels, be, answer, true)); }) < 1e-7);
  });
}

TEST_CASE("training: min-SNR gives every parameterization the weight that its paper states") {
  diffusion::min_snr const weight{5};
  for (noise_level const& l : vp_levels()) {
    double const snr = l.alpha * l.alpha / (l.sigma * l.sigma), least = std::min(snr, 5.0);
    CHECK(weight(l, diffusion::data_prediction{}(l)) == doctest::Approx(least));
    CHECK(weight(l, diffusion::epsilon_prediction{}(l)) == doctest::Approx(least / snr));
    CHECK(weight(l, diffusion::v_prediction{}(l)) == doctest::Approx(least / (snr + 1)));
  }
}

TEST_CASE("training: a uniform weight under EDM's preconditioning is EDM's weight of the data error") {
  diffusion::edm_preconditioning const p{0.5};
  for (double const sigma : {0.01, 0.5, 40.0}) {
    double const c_out = diffusion::convert(p({1, sigma}), diffusion::predicts_data, {1, sigma}).factor;
    CHECK(1 / (c_out * c_out) == doctest::Approx((sigma * sigma + 0.25) / (sigma * sigma * 0.25)));
  }
}

TEST_CASE("training: quantiles of the distributions of levels") {
  auto const edm = diffusion::quantile_levels(diffusion::lognormal_sigma{-1.2, 1.2}, 1001);
  CHECK(edm[500].sigma == doctest::Approx(std::exp(-1.2)));
  double mean = 0, square = 0;
  for (noise_level const& l : edm) {
    mean += std::log(l.sigma) / 1001;
    square += std::log(l.sigma) * std::log(l.sigma) / 1001;
  }
  CHECK(mean == doctest::Approx(-1.2));
  CHECK(std::sqrt(square - mean * mean) == doctest::Approx(1.2).epsilon(0.005));
  for (double const u : {1e-9, 0.025, 0.31, 0.975, 1 - 1e-9})
    CHECK(0.5 * std::erfc(-diffusion::detail::normal_quantile(u) / std::sqrt(2.0)) == doctest::Approx(u).epsilon(1e-12));
  auto const vp = diffusion::quantile_levels(diffusion::uniform_time{diffusion::vp_linear{}}, 3);
  CHECK(vp[1].t == doctest::Approx(0.5005));
  CHECK(vp[1].alpha == doctest::Approx(diffusion::vp_linear{}.alpha(0.5005)));
  auto const flow = diffusion::quantile_levels(diffusion::uniform_flow{}, 4);
  CHECK(flow[1].t == 0.375);
  CHECK(flow[1].alpha == 0.625);
  CHECK(flow[3].step == 3);
  CHECK(diffusion::quantile_levels(diffusion::logit_normal_flow{}, 3)[1].sigma == doctest::Approx(0.5));
  CHECK_THROWS_AS(diffusion::quantile_levels(diffusion::uniform_flow{}, 0), argument_error);
}

TEST_CASE_TEMPLATE("training: levels and shapes that cannot be are refused in words", B, TEST_BACKENDS) {
  B be;
  using table = diffusion::training_levels<double, typename B::space>;
  CHECK_THROWS_AS(table(be, {}, diffusion::epsilon_prediction{}), argument_error);
  CHECK(support::contains(support::message_of<argument_error>([&] { table(be, {{0.5, 0.5}, {1, 0}}, diffusion::epsilon_prediction{}); }),
                          "level 1 with alpha = 1 and sigma = 0 cannot be trained on"));
  CHECK_THROWS_AS(table(be, {{0, 1}}, diffusion::epsilon_prediction{}, diffusion::min_snr{}), argument_error);
  CHECK_THROWS_AS(table(be, {{1, std::nan("")}}, diffusion::epsilon_prediction{}), argument_error);
  table const levels(be, vp_levels(), diffusion::epsilon_prediction{});
  support::on<B, double, 2> good(extents{rows, dimension}), bad(extents{rows, index_t{2}});
  support::on<B, double, 1> time(extents{rows}), short_time(extents{index_t{2}});
  support::on<B, index_t, 1> which(extents{rows}), short_which(extents{index_t{1}});
  diffusion::training_batch<double, typename B::space> const batch{good.view(), time.view(), good.view(), time.view()};
  auto const refused = [&](auto const& w, auto const& a, auto const& z, auto b) {
    CHECK_THROWS_AS(diffusion::noise_samples(be, levels, w.read(), a.read(), z.read(), b), shape_error);
  };
  refused(short_which, good, good, batch);
  refused(which, bad, good, batch);
  refused(which, good, bad, batch);
  auto other = batch;
  other.time = short_time.view();
  refused(which, good, good, other);
  other = batch;
  other.target = bad.view();
  refused(which, good, good, other);
  CHECK_THROWS_AS(diffusion::denoising_loss(be, 1, bad.read(), batch, good.view(), good.view()), shape_error);
}
