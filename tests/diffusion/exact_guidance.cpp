// Which guidance is exact? Gaussian data N(0.3, 0.5^2), energy E = (x - 1)^2 at beta = 3, so that everything has a closed form: the
// tilted density is N(0.72, 0.316^2). Expectations are quadratures, not samples. The table of docs/guidance.md comes from here
// (run with the environment variable PARAPET_TABLE set).
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/contrastive_energy.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/guidance.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/training.hpp>

#include <doctest/doctest.h>

#include "diffusion/tilted_gaussian.hpp"
#include "support/tensor.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;
using diffusion::noise_level;
using support::generate;
using support::tensor;

namespace {

support::gaussian const data;
support::tilt const energy;

noise_level vp(double alpha) { return {alpha, std::sqrt(1 - alpha * alpha), alpha}; }

/// Equally spaced nodes over some deviations: for smooth densities as good as a Gauss rule, to rounding.
struct normal_quadrature {
  std::vector<double> node, weight;
  explicit normal_quadrature(int n, double end = 8) {
    for (int i = 0; i < n; ++i) {
      node.push_back(end * (2 * (i + 0.5) / n - 1));
      weight.push_back(std::exp(-0.5 * node.back() * node.back()) * 2 * end / n * 0.39894228040143268);
    }
  }
  std::size_t size() const { return node.size(); }
};

/// Root mean square, over the noised tilted density, of an error of the guided score.
template <class F>
double score_error(noise_level const& l, F const& gradient) {
  auto const tilted = energy.of(data);
  normal_quadrature const q(200);
  double total = 0;
  for (std::size_t i = 0; i < q.size(); ++i) {
    double const x = l.alpha * tilted.m + std::sqrt(tilted.variance(l)) * q.node[i];
    double const error = data.score(l, x) + gradient(x) - tilted.score(l, x);
    total += q.weight[i] * error * error;
  }
  return std::sqrt(total);
}

/// The gradient by x of f = a x^2 + b x with the least contrastive loss over all groups of two samples.
struct fitted {
  double a = 0, b = 0;
  double operator()(double x) const { return 2 * a * x + b; }
};
fitted fit_contrastive(noise_level const& l, bool softmax_targets) {
  backend::cpu be(1);
  normal_quadrature const q(21, 6.5);
  auto const n = static_cast<index_t>(q.size());
  index_t const groups = n * n * n * n;  // x0 and z of both samples
  tensor<double, 2> x(extents{groups, index_t{2}}), target(x.shape()), f(x.shape()), df(x.shape());
  tensor<double, 1> value(extents{groups}), mass(extents{groups});
  for (index_t i = 0; i < groups; ++i) {
    index_t left = i;
    double p = 1;
    for (index_t k = 0; k < 2; ++k) {
      auto const next = [&] {
        auto const j = static_cast<std::size_t>(left % n);
        left /= n;
        p *= q.weight[j];
        return q.node[j];
      };
      double const x0 = data.m + data.s * next();
      x.view()(i, k) = l.alpha * x0 + l.sigma * next();
      target.view()(i, k) = energy.log_weight(x0);
    }
    mass.view()[i] = p;
  }
  if (softmax_targets) diffusion::softmax_weights(be, 1, target.read(), target.view());
  else
    for (index_t i = 0; i < 2 * groups; ++i) target.flat()[i] = std::exp(target.flat()[i]);
  for (index_t i = 0; i < groups; ++i)
    for (index_t k = 0; k < 2; ++k) target.view()(i, k) *= mass.read()[i];

  struct slope {
    double a, b;
  };
  auto const gradient = [&](fitted const& at) {
    for (index_t i = 0; i < 2 * groups; ++i) f.flat()[i] = (at.a * x.flat()[i] + at.b) * x.flat()[i];
    diffusion::contrastive_loss(be, 1, f.read(), target.read(), value.view(), df.view());
    slope s{0, 0};
    for (index_t i = 0; i < 2 * groups; ++i) {
      s.a += df.flat()[i] * x.flat()[i] * x.flat()[i];
      s.b += df.flat()[i] * x.flat()[i];
    }
    return s;
  };
  fitted f_best;
  for (int iteration = 0; iteration < 12; ++iteration) {  // Newton's method
    double const h = 1e-4;
    slope const g = gradient(f_best), ga = gradient({f_best.a + h, f_best.b}), gb = gradient({f_best.a, f_best.b + h});
    double const aa = (ga.a - g.a) / h, ab = (gb.a - g.a) / h, bb = (gb.b - g.b) / h, determinant = aa * bb - ab * ab;
    double const da = (bb * g.a - ab * g.b) / determinant, db = (aa * g.b - ab * g.a) / determinant;
    f_best.a -= da;
    f_best.b -= db;
    if (std::abs(da) + std::abs(db) < 1e-9) break;
  }
  return f_best;
}

struct moments {
  double mean, deviation;
};
/// What sampling the probability-flow ODE in `steps` steps makes of N(0, 1) under a guidance that is affine in x.
template <class Gradient>
moments sampled(Gradient const& gradient, int steps) {
  backend::cpu be(1);
  diffusion::level_list levels;
  for (int i = 0; i <= steps; ++i) levels.push_back(vp(std::sin(1e-3 + (1.57079632679489662 - 1e-3) * i / steps)));
  levels.back() = {1, 0, 1};
  diffusion::sampler const s(diffusion::make_plan(diffusion::ddim{}, levels), diffusion::epsilon_prediction{});
  tensor<double, 2> x = generate<double>(extents{2, 1}, [](index_t i) { return i == 0 ? -1.0 : 1.0; }), own(x.shape()), answer(x.shape()), slope(x.shape());
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, 2, 1); });
  auto const model = [](noise_level const& l, double at) { return data.epsilon(l, at); };
  diffusion::gradient_guidance guided{support::affine_denoiser{model, own.view()}, support::affine_gradient{gradient}, diffusion::epsilon_prediction{},
                                      1.0, answer.view(), slope.view()};
  s.run_from(be, guided, [](backend::cpu&, index_t, matrix_view<double> const&) {}, x.view(), work);
  return {0.5 * (x.read()(1, 0) + x.read()(0, 0)), 0.5 * (x.read()(1, 0) - x.read()(0, 0))};
}

}  // namespace

TEST_CASE("exact guidance: regression weighted by w learns the noise of the tilted data, at every level and x") {
  backend::cpu be(1);
  normal_quadrature const q(200);
  auto const n = static_cast<index_t>(q.size());
  for (double const alpha : {0.1, 0.5, 0.9, 0.99})
    for (double const x : {-1.0, 0.2, 1.7}) {
      noise_level const l = vp(alpha);
      // all (x0, z) that lead to this x, weighed by their posterior density and w
      auto const a = generate<double>(extents{n, index_t{1}}, [&](index_t i) {
        return data.posterior_mean(l, x) + std::sqrt(data.posterior_variance(l)) * q.node[static_cast<std::size_t>(i)];
      });
      auto const z = generate<double>(a.shape(), [&](index_t i) { return (x - l.alpha * a.flat()[i]) / l.sigma; });
      tensor<double, 1> w(extents{n}), time(extents{n}), weight(extents{n});
      for (index_t i = 0; i < n; ++i) w.view()[i] = energy.log_weight(a.flat()[i]);
      diffusion::normalize_log_weights(be, w.view());
      for (index_t i = 0; i < n; ++i) w.view()[i] *= q.weight[static_cast<std::size_t>(i)];
      diffusion::training_levels<double> const levels(be, {l}, diffusion::epsilon_prediction{});
      auto const which = support::constant(extents{n}, index_t{0});
      tensor<double, 2> input(a.shape()), target(a.shape()), values(a.shape()), danswer(a.shape());
      diffusion::training_batch<double> const batch{input.view(), time.view(), target.view(), weight.view()};
      diffusion::noise_samples(be, levels, which.read(), a.read(), z.read(), batch, w.read());
      auto const slope_at = [&](double epsilon) {
        auto const answer = support::constant(a.shape(), epsilon);
        diffusion::denoising_loss(be, 1, answer.read(), batch, values.view(), danswer.view());
        return sum(be, vector_view<double const>(danswer.flat()));
      };
      double const exact = energy.of(data).epsilon(l, x);
      double const minimiser = -slope_at(0) / (slope_at(1) - slope_at(0));  // of a parabola
      CHECK(minimiser == doctest::Approx(exact).epsilon(1e-11));
      CHECK(std::abs(minimiser - data.epsilon(l, x)) > 1e-3);
    }
}

TEST_CASE("exact guidance: the contrastive loss has its minimum at the exact energy, with plain weights and two samples a group") {
  for (double const alpha : {0.3, 0.7, 0.95}) {
    noise_level const l = vp(alpha);
    fitted const f = fit_contrastive(l, false), normalised = fit_contrastive(l, true);
    for (double const x : {-1.0, 0.2, 1.7}) CHECK(f(x) == doctest::Approx(energy.exact_gradient(data, l, x)).epsilon(1e-5));
    CHECK(score_error(l, f) < 1e-5);
    CHECK(score_error(l, normalised) > 1e-3);  // softmax targets are exact for many samples a group, not for two
  }
}

TEST_CASE("exact guidance: what each guidance makes of the score and of the samples") {
  auto const tilted = energy.of(data);
  CHECK(tilted.m == doctest::Approx(0.72));
  CHECK(tilted.s == doctest::Approx(std::sqrt(0.1)));
  auto const exact = [](noise_level const& l, double x) { return energy.exact_gradient(data, l, x); };
  auto const mean = [](noise_level const& l, double x) { return energy.mean_gradient(data, l, x); };
  auto const none = [](noise_level const&, double) { return 0.0; };
  for (double const alpha : {0.1, 0.3, 0.7, 0.9, 0.99}) {
    noise_level const l = vp(alpha);
    auto const at = [&](auto const& f) { return score_error(l, [&](double x) { return f(l, x); }); };
    CHECK(at(exact) < 1e-13);
    CHECK(at(mean) > 0.05);
    if (alpha < 0.8) CHECK(at(mean) > at(none));
    if (std::getenv("PARAPET_TABLE"))
      std::printf("alpha %.2f: score error exact %.1e, softmax targets of two %.2f, MSE and DPS %.2f, no guidance %.2f\n", alpha, at(exact),
                  score_error(l, fit_contrastive(l, true)), at(mean), at(none));
  }
  // The samples: to the error of 4000 first-order steps.
  moments const of_exact = sampled(exact, 4000), of_mean = sampled(mean, 4000), of_none = sampled(none, 4000);
  CHECK(of_exact.mean == doctest::Approx(tilted.m).epsilon(2e-3));
  CHECK(of_exact.deviation == doctest::Approx(tilted.s).epsilon(2e-3));
  CHECK(of_none.mean == doctest::Approx(data.m).epsilon(2e-3));
  CHECK(of_none.deviation == doctest::Approx(data.s).epsilon(2e-3));
  CHECK(std::abs(of_mean.mean - tilted.m) > 0.02);
  CHECK(std::abs(of_mean.deviation - tilted.s) > 0.02);
  if (std::getenv("PARAPET_TABLE"))
    std::printf("samples: exact %.4f +- %.4f, MSE and DPS %.4f +- %.4f, no guidance %.4f +- %.4f, wanted %.4f +- %.4f\n", of_exact.mean, of_exact.deviation,
                of_mean.mean, of_mean.deviation, of_none.mean, of_none.deviation, tilted.m, tilted.s);
}
