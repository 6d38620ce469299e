// Data with a known answer: a mixture of three normals on the line, each dimension on its own.
//
// Its epsilon is exact, and so is its probability-flow ODE: on the line the flow keeps every point at its quantile, so where it
// takes x follows from the distribution functions at both ends alone.
#pragma once

#include <parapet/diffusion/noise_level.hpp>
#include <parapet/math/functions.hpp>

#include "support/tensor.hpp"

#include <cmath>

namespace support {

/// E[epsilon | x] at one level, as a functor for map.
struct mixture_epsilon {
  static constexpr double weight[] = {0.3, 0.5, 0.2}, mean[] = {-1.0, 0.4, 1.5}, deviation[] = {0.5, 0.4, 0.6};
  double centre[3], inverse[3], log_share[3], sigma;

  explicit mixture_epsilon(parapet::diffusion::noise_level const& l) : sigma(l.sigma) {
    for (int k = 0; k < 3; ++k) {
      double const variance = l.alpha * l.alpha * deviation[k] * deviation[k] + l.sigma * l.sigma;
      centre[k] = l.alpha * mean[k];
      inverse[k] = 1 / variance;
      log_share[k] = std::log(weight[k]) - 0.5 * std::log(variance);
    }
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x) const {
    namespace math = parapet::math;
    X const d0 = x - X(centre[0]), d1 = x - X(centre[1]), d2 = x - X(centre[2]);
    X const l0 = X(log_share[0]) - X(0.5 * inverse[0]) * d0 * d0, l1 = X(log_share[1]) - X(0.5 * inverse[1]) * d1 * d1,
            l2 = X(log_share[2]) - X(0.5 * inverse[2]) * d2 * d2;
    X const top = math::max(l0, math::max(l1, l2));
    X const p0 = math::exp(l0 - top), p1 = math::exp(l1 - top), p2 = math::exp(l2 - top);
    out = X(sigma) * (p0 * X(inverse[0]) * d0 + p1 * X(inverse[1]) * d1 + p2 * X(inverse[2]) * d2) / (p0 + p1 + p2);
  }
};

/// The denoiser of that mixture.
template <class T, class Space>
struct mixture {
  tensor<T, 2, Space> epsilon;
  explicit mixture(extents<2> const& shape) : epsilon(shape) {}
  template <class Backend>
  parapet::matrix_view<T const, Space> operator()(Backend& be, parapet::matrix_view<T const, Space> const& x, parapet::diffusion::noise_level const& level) {
    map(be, mixture_epsilon(level), epsilon.view(), x);
    return epsilon.read();
  }
};

/// Where the probability-flow ODE takes x from one level to another, to rounding.
inline double mixture_flow(double x, parapet::diffusion::noise_level const& from, parapet::diffusion::noise_level const& to) {
  // Upper tail for points above the middle, lower tail below: no cancellation in either.
  auto const tail = [](double at, parapet::diffusion::noise_level const& l, double side) {
    double total = 0;
    for (int k = 0; k < 3; ++k) {
      double const variance = l.alpha * l.alpha * mixture_epsilon::deviation[k] * mixture_epsilon::deviation[k] + l.sigma * l.sigma;
      total += 0.5 * mixture_epsilon::weight[k] * std::erfc(side * (at - l.alpha * mixture_epsilon::mean[k]) / std::sqrt(2 * variance));
    }
    return total;
  };
  double const side = tail(x, from, 1) < 0.5 ? 1 : -1, wanted = tail(x, from, side);
  double low = -20, high = 20;
  for (int i = 0; i < 200; ++i) {
    double const middle = 0.5 * (low + high);
    ((tail(middle, to, side) > wanted) == (side > 0) ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace support
