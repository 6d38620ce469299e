// Gradients against central differences, in double: of host memory, and with a backend as first argument of its memory.
#pragma once

#include <parapet/core/tensor_view.hpp>

#include "support/tensor.hpp"

#include <algorithm>
#include <cmath>

namespace support {

/// Largest relative error of `gradient` against differences of f() with respect to the argument that holds x, and whose element i
/// is changed by set(i, value). The five-point difference has an error of h^4; errors are relative to the element, or to a
/// thousandth of the largest.
template <class Set, class F>
double gradient_error(parapet::vector_view<double const> const& x, parapet::vector_view<double const> const& gradient, Set set, F f) {
  double scale = 1e-30, worst = 0;
  for (parapet::index_t i = 0; i < gradient.extent(0); ++i) scale = std::max(scale, 1e-3 * std::abs(gradient[i]));
  for (parapet::index_t i = 0; i < x.extent(0); ++i) {
    double const at = x[i], h = 1e-3;
    auto const value = [&](double step) {
      set(i, at + step);
      return f();
    };
    double const difference = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    set(i, at);
    double const error = std::abs(difference - gradient[i]) / std::max(scale, std::abs(gradient[i]));
    if (std::isnan(error)) return error;
    worst = std::max(worst, error);
  }
  return worst;
}

/// The same of x in host memory, which f reads.
template <class F>
double gradient_error(parapet::vector_view<double> const& x, parapet::vector_view<double const> const& gradient, F f) {
  return gradient_error(parapet::vector_view<double const>(x), gradient, [&](parapet::index_t i, double value) { x[i] = value; }, f);
}

/// The same of x in a backend's memory.
template <class B, class F>
double gradient_error(B& be, parapet::vector_view<double, typename B::space> const& x,
                      parapet::vector_view<double const, typename B::space> const& gradient, F f) {
  tensor<double, 1> at(x.shape()), expected(x.shape()), one(parapet::extents{1});
  copy(be, parapet::vector_view<double const, typename B::space>(x), at.view());
  copy(be, gradient, expected.view());
  synchronize(be);
  auto const set = [&](parapet::index_t i, double value) {
    one.view()[0] = value;
    copy(be, one.read(), x.rows(i, i + 1));
    synchronize(be);
  };
  return gradient_error(at.read(), expected.read(), set, f);
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

/// The same in a backend's memory.
template <class B, class Backward>
double accumulation_error(B& be, parapet::index_t n, Backward backward) {
  auto const before = normal<double>(parapet::extents{n}, 99);
  tensor<double, 1, typename B::space> written(before.shape()), added(before.shape());
  copy(be, before.read(), written.view());
  copy(be, before.read(), added.view());
  backward(written.view(), false);
  backward(added.view(), true);
  auto expected = clone(before), got = clone(before);
  copy(be, written.read(), expected.view());
  copy(be, added.read(), got.view());
  synchronize(be);
  for (parapet::index_t i = 0; i < n; ++i) expected.view()[i] += before.read()[i];
  return relative_difference(got, expected);
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
