#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/backends.hpp"
#include "support/mixture.hpp"

#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::tensor;

namespace {

/// One in row draw + 1 of draw `index`, zero elsewhere: row 0 shows a sampler's constant, row k + 1 its weight of draw k.
template <class T, class Space>
struct mark_draw {
  matrix_view<T, Space> z;
  index_t draw;
  PARAPET_FN void operator()(index_t row, index_t column) const { z(row, column) = row == draw + 1 ? T(1) : T(0); }
};
struct impulses {
  template <class B, class T, class Space>
  void operator()(B& be, index_t draw, matrix_view<T, Space> const& z) const { for_each_index(be, z.shape(), mark_draw<T, Space>{z, draw}); }
};

struct affine_map {
  double slope, offset;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x) const { out = X(slope) * x + X(offset); }
};
/// The best epsilon for Gaussian data.
template <class T, class Space>
struct gaussian_denoiser {
  gaussian_data data;
  tensor<T, 2, Space> epsilon;
  template <class B>
  matrix_view<T const, Space> operator()(B& be, matrix_view<T const, Space> const& x, noise_level const& l) {
    double const slope = (1 - l.alpha * data.slope(l)) / l.sigma;
    map(be, affine_map{slope, -l.alpha * data.offset(l) / l.sigma}, epsilon.view(), x);
    return epsilon.read();
  }
};

/// Another prediction of the same mixture: r = data x_0 + noise epsilon, from x that comes scaled.
struct mixture_prediction {
  support::mixture_epsilon epsilon;
  double alpha, scale;
  prediction r;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& scaled) const {
    X const x = scaled / X(scale);
    X e;
    epsilon(e, x);
    out = X(r.data / alpha) * (x - X(epsilon.sigma) * e) + X(r.noise) * e;
  }
};
template <class P, class T, class Space>
struct predicting_mixture {
  P parameterization;
  tensor<T, 2, Space> out;
  template <class B>
  matrix_view<T const, Space> operator()(B& be, matrix_view<T const, Space> const& x, noise_level const& l) {
    double scale = 1;
    if constexpr (scales_input<P>) scale = parameterization.input_scale(l);
    map(be, mixture_prediction{support::mixture_epsilon(l), l.alpha, scale, parameterization(l)}, out.view(), x);
    return out.read();
  }
};

level_list vp_levels(index_t n) { return make_levels(vp_linear{}, log_snr_grid{}, n, last_level::data); }

/// What a sampler makes of noise of `seed`.
template <class B, class T, class P, class... Hooks>
tensor<T, 2> sample(B& be, sampler<P, Hooks...> const& s, extents<2> const& shape, std::uint64_t seed = 1) {
  using space = typename B::space;
  arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<T>(m, shape[0], shape[1]); });
  tensor<T, 2, space> x(shape);
  predicting_mixture<P, T, space> denoise{{}, tensor<T, 2, space>(shape)};
  s.run(be, denoise, philox_noise{philox_stream(seed, 0)}, x.view(), work);
  return support::download(be, x);
}

}  // namespace

TEST_CASE_TEMPLATE("sampler: runs a plan as its exact moments say", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  gaussian_data const data{0.3, 0.5};
  for (sampling_plan const& what : {make_plan(ddpm{}, vp_levels(12)), make_plan(ddim{.eta = 0.5}, vp_levels(12)),
                                    make_plan(dpm_pp_multistep{.order = 3, .eta = 1}, vp_levels(12)),
                                    make_plan(unipc{.order = 3}, vp_levels(12)), make_plan(dpm_solver{}, vp_levels(5))}) {
    CAPTURE(what.name);
    sampler const s(what);
    extents const shape{what.draws() + 2, index_t{3}};
    arena<space> memory;
    auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, shape[0], shape[1]); });
    tensor<double, 2, space> x(shape);
    gaussian_denoiser<double, space> denoise{data, tensor<double, 2, space>(shape)};
    s.run(be, denoise, impulses{}, x.view(), work);
    auto const host = support::download(be, x);
    gaussian_moments const exact = moments_of(what, data);
    for (index_t column = 0; column < 3; ++column) {
      double const mean = host.read()(0, column);
      double variance = 0;
      for (index_t row = 1; row < shape[0]; ++row) variance += std::pow(host.read()(row, column) - mean, 2);
      CHECK(std::abs(mean - exact.mean) < 1e-12);
      CHECK(std::abs(variance - exact.variance) < 1e-12);
    }
  }
}

TEST_CASE_TEMPLATE("sampler: any prediction of one model gives the same samples", B, TEST_BACKENDS) {
  B be;
  extents const shape{index_t{5}, index_t{7}};
  for (sampling_plan const& what : {make_plan(ddim{}, vp_levels(6)), make_plan(dpm_pp_multistep{}, vp_levels(6)), make_plan(unipc{}, vp_levels(6)),
                                    make_plan(dpm_solver{.order = 2}, vp_levels(6))}) {
    CAPTURE(what.name);
    auto const reference = sample<B, double>(be, sampler(what), shape);
    CHECK(relative_difference(sample<B, double>(be, sampler(what, data_prediction{}), shape), reference) < 1e-12);
    CHECK(relative_difference(sample<B, double>(be, sampler(what, v_prediction{}), shape), reference) < 1e-12);
    CHECK(relative_difference(sample<B, double>(be, sampler(what, edm_preconditioning{}), shape), reference) < 1e-12);
  }
}

TEST_CASE_TEMPLATE("sampler: every row and column goes its own way", B, TEST_BACKENDS) {
  B be;
  sampler const s(make_plan(dpm_pp_multistep{.order = 3}, vp_levels(10)));
  auto const wide = sample<B, double>(be, s, {{1, 64}});
  auto const tall = sample<B, double>(be, s, {{64, 1}});
  CHECK(support::relative_difference(support::generate<double>(tall.shape(), [&](index_t i) { return wide.flat()[i]; }), tall) < 1e-15);
}

TEST_CASE_TEMPLATE("sampler: goes back to the noise it came from", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{4}, index_t{3}};
  auto const there = [](index_t n) { return make_levels(vp_linear{.t_min = 0.02}, log_snr_grid{}, n); };
  double error[2];
  for (int k = 0; k < 2; ++k) {
    index_t const n = k == 0 ? 50 : 100;
    dpm_solver const solver{.order = 3};
    sampler const forward(make_plan(solver, there(n))), backward(make_plan(solver, reversed(there(n))));
    arena<space> memory;
    auto const work = plan(memory, [&](auto& m) { return forward.template make_workspace<double>(m, shape[0], shape[1]); });
    auto const noise = support::normal<double>(shape, 3);
    auto x = support::upload(be, noise);
    support::mixture<double, space> denoise(shape);
    forward.run_from(be, denoise, philox_noise{philox_stream(0, 0)}, x.view(), work);
    CHECK(support::relative_difference(support::download(be, x), noise) > 0.1);
    backward.run_from(be, denoise, philox_noise{philox_stream(0, 0)}, x.view(), work);
    error[k] = support::relative_difference(support::download(be, x), noise);
  }
  CHECK(error[1] < 1e-4);
  CHECK(std::log2(error[0] / error[1]) > 2.7);
}
