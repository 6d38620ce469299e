// Samplers as their papers write them, followed exactly on Gaussian data: x is an affine function of the draws.
//
// A value is a constant and a weight of each draw; it can be scaled, added and given a fresh draw. So each reference below is the
// published loop and nothing of our plans.
#pragma once

#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace support {

struct affine {
  std::vector<double> weight;  // of 1, and of each draw so far

  friend affine operator*(double f, affine a) {
    for (double& w : a.weight) w *= f;
    return a;
  }
  friend affine operator+(affine a, affine const& b) {
    a.weight.resize(std::max(a.weight.size(), b.weight.size()));
    for (std::size_t i = 0; i < b.weight.size(); ++i) a.weight[i] += b.weight[i];
    return a;
  }
  friend affine operator-(affine const& a, affine const& b) { return a + -1.0 * b; }

  double mean() const { return weight[0]; }
  double variance() const {
    double total = 0;
    for (std::size_t i = 1; i < weight.size(); ++i) total += weight[i] * weight[i];
    return total;
  }
};

/// Fresh draws, and the exact denoiser of N(mean, deviation^2).
struct gaussian_world {
  double mean = 0.3, deviation = 0.5;
  std::size_t draws = 0;

  affine draw() {
    affine z{std::vector<double>(++draws + 1)};
    z.weight.back() = 1;
    return z;
  }
  affine constant(double value) const { return {{value}}; }
  /// E[x_0 | x] for x = a x_0 + s z, by the formula for two correlated normals.
  affine data(affine const& x, double a, double s) const {
    double const covariance = a * deviation * deviation, variance = a * covariance + s * s;
    return constant(mean) + covariance / variance * (x - constant(a * mean));
  }
  affine epsilon(affine const& x, double a, double s) const { return 1 / s * (x - a * data(x, a, s)); }
};

}  // namespace support
