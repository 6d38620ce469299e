// Gaussian data N(m, S^2) and the tilted density proportional to exp(-b (x - c)^2 / 2) times it: a Gaussian again, so that every
// prediction, energy and guidance has a closed form, element by element.
#pragma once

#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/parameterization.hpp>

#include <cmath>

namespace support {

using parapet::diffusion::noise_level;

struct gaussian {
  double m = 0.3, s = 0.5;

  double variance(noise_level const& l) const { return l.alpha * l.alpha * s * s + l.sigma * l.sigma; }
  /// Mean and variance of x0 given x at level l.
  double posterior_mean(noise_level const& l, double x) const { return (l.alpha * s * s * x + l.sigma * l.sigma * m) / variance(l); }
  double posterior_variance(noise_level const& l) const { return s * s * l.sigma * l.sigma / variance(l); }
  double score(noise_level const& l, double x) const { return -(x - l.alpha * m) / variance(l); }
  double epsilon(noise_level const& l, double x) const { return -l.sigma * score(l, x); }
};

struct tilt {
  double b = 6, c = 1;  ///< b = beta k of the energy k (x - c)^2 / 2

  gaussian of(gaussian const& g) const {
    double const variance = 1 / (1 / (g.s * g.s) + b);
    return {variance * (g.m / (g.s * g.s) + b * c), std::sqrt(variance)};
  }
  double log_weight(double x0) const { return -0.5 * b * (x0 - c) * (x0 - c); }

  /// f* = log E[w(x0) | x] without its constant, and the gradient: what contrastive energy prediction learns.
  double exact(gaussian const& g, noise_level const& l, double x) const {
    double const d = g.posterior_mean(l, x) - c;
    return -0.5 * b * d * d / (1 + b * g.posterior_variance(l));
  }
  double exact_gradient(gaussian const& g, noise_level const& l, double x) const {
    return mean_gradient(g, l, x) / (1 + b * g.posterior_variance(l));
  }
  /// Gradient of E[log w(x0) | x], the "MSE" energy, and of log w(E[x0 | x]), that of DPS: here they are the same.
  double mean_gradient(gaussian const& g, noise_level const& l, double x) const {
    return -b * (g.posterior_mean(l, x) - c) * l.alpha * g.s * g.s / g.variance(l);
  }
};

/// What a model of parameterization P answers for Gaussian data, as a function of what it is fed.
template <class P>
auto model_of(gaussian const& g, P const& p) {
  return [g, p](noise_level const& l, double input) {
    double scale = 1;
    if constexpr (parapet::diffusion::scales_input<P>) scale = p.input_scale(l);
    double const x = input / scale, eps = g.epsilon(l, x), x0 = g.posterior_mean(l, x);
    return p(l).data * x0 + p(l).noise * eps;
  };
}

/// y = slope x + offset: every prediction of Gaussian data, and every gradient above, is that.
struct affine {
  double slope, offset;
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = X(slope) * x + X(offset); }
};
template <class F>
affine affine_of(F const& f) {
  return {f(1.0) - f(0.0), f(0.0)};
}

/// A denoiser and a gradient on any backend from a function (level, x) of the host that is affine in x.
template <class F, class T, class Space>
struct affine_denoiser {
  F f;
  parapet::matrix_view<T, Space> answer;
  template <class Backend>
  parapet::matrix_view<T const, Space> operator()(Backend& be, parapet::matrix_view<T const, Space> const& x, noise_level const& l) const {
    map(be, affine_of([&](double at) { return f(l, at); }), answer, x);
    return answer;
  }
};
template <class F, class T, class Space>
affine_denoiser(F, parapet::matrix_view<T, Space>) -> affine_denoiser<F, T, Space>;

template <class F>
struct affine_gradient {
  F f;
  template <class Backend, class T, class Space>
  void operator()(Backend& be, parapet::matrix_view<T const, Space> const& x, noise_level const& l, parapet::matrix_view<T, Space> const& g) const {
    map(be, affine_of([&](double at) { return f(l, at); }), g, x);
  }
};
template <class F>
affine_gradient(F) -> affine_gradient<F>;

}  // namespace support
