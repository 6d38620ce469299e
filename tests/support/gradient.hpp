// Gradients against central differences, in double.
#pragma once

#include <parapet/core/tensor_view.hpp>

#include "support/tensor.hpp"

#include <algorithm>
#include <cmath>

namespace support {

/// Largest relative error of `gradient` against differences of f() with respect to x, which f reads. The five-point
/// difference has an error of h^4; errors are relative to the element, or to a thousandth of the largest.
template <class F>
double gradient_error(parapet::vector_view<double> const& x, parapet::vector_view<double const> const& gradient, F f) {
  double scale = 1e-30, worst = 0;
  for (parapet::index_t i = 0; i < gradient.extent(0); ++i) scale = std::max(scale, 1e-3 * std::abs(gradient[i]));
  for (parapet::index_t i = 0; i < x.extent(0); ++i) {
    double const at = x[i], h = 1e-3;
    auto const value = [&](double step) {
      x[i] = at + step;
      return f();
    };
    double const difference = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    x[i] = at;
    double const error = std::abs(difference - gradient[i]) / std::max(scale, std::abs(gradient[i]));
    if (std::isnan(error)) return error;
    worst = std::max(worst, error);
  }
  return worst;
}

/// Error of a backward pass that adds to a gradient of n elements, against one that writes over it: backward(gradient, add).
template <class Backward>
double accumulation_error(parapet::index_t n, Backward backward) {
  using parapet::extents;
  auto const before = normal<double>(extents{n}, 99);
  auto written = clone(before), added = clone(before);
  backward(written.view(), false);
  backward(added.view(), true);
  for (parapet::index_t i = 0; i < n; ++i) written.view()[i] += before.read()[i];
  return relative_difference(added, written);
}

/// Sum of the products of two dense arrays of one size.
template <class A, class B>
double dot(A const& a, B const& b) {
  double total = 0;
  for (parapet::index_t i = 0; i < a.size(); ++i)
    total += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
  return total;
}

}  // namespace support
