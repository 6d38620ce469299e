// Errors of elementwise functors in units in the last place, over scalars and packs.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/pack.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace support {

/// |value - exact| in units in the last place of T at `exact`; 0 where both are NaN or the same infinity.
template <class T>
double ulp_error(T value, long double exact) {
  if (std::isnan(value) || std::isnan(exact)) return std::isnan(value) && std::isnan(exact) ? 0 : HUGE_VAL;
  using limits = std::numeric_limits<T>;
  long double const magnitude = std::abs(exact), largest = limits::max();
  if (std::isinf(value)) {  // right where rounding overflows
    long double const edge = largest * (1 + static_cast<long double>(limits::epsilon()) / 4);
    return std::signbit(value) == std::signbit(exact) && magnitude >= edge ? 0 : HUGE_VAL;
  }
  if (std::isinf(exact)) return HUGE_VAL;
  int const exponent = std::max(magnitude > 0 ? std::ilogb(magnitude) : limits::min_exponent, limits::min_exponent - 1);
  long double const unit = std::ldexp(1.0L, exponent - (limits::digits - 1));
  return static_cast<double>(std::abs(static_cast<long double>(value) - exact) / unit);
}

/// f(x) of every element, X being a scalar or a pack; the last pack is filled up with its first element.
template <class X, class F, class T>
std::vector<T> apply(F f, std::vector<T> const& x) {
  std::vector<T> y(x.size());
  if constexpr (std::is_same_v<X, T>) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = f(x[i]);
  } else {
    constexpr std::size_t lanes = X::lanes;
    for (std::size_t i = 0; i < x.size(); i += lanes) {
      std::size_t const count = std::min(lanes, x.size() - i);
      T lane[lanes];
      for (std::size_t k = 0; k < lanes; ++k) lane[k] = x[i + (k < count ? k : 0)];
      f(X::load(lane)).store(lane);
      std::copy(lane, lane + count, y.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return y;
}

/// `count` numbers from low to high, both included.
template <class T>
std::vector<T> grid(double low, double high, int count) {
  std::vector<T> x;
  for (int i = 0; i < count; ++i) x.push_back(static_cast<T>(low + (high - low) * i / (count - 1)));
  return x;
}

/// Numbers of both signs and every order of magnitude from the smallest subnormal to the largest number.
template <class T>
std::vector<T> all_magnitudes() {
  std::vector<T> x;
  using limits = std::numeric_limits<T>;
  for (int e = limits::min_exponent - limits::digits; e < limits::max_exponent; ++e)
    for (double m : {1.0, 1.1, 1.4142, 1.7, 1.9999})
      for (double sign : {-1.0, 1.0}) x.push_back(static_cast<T>(std::ldexp(sign * m, e)));
  return x;
}

/// The largest ulp_error of f on `x`, against `exact` in long double.
template <class X, class F, class G, class T>
double worst_ulp(F f, G exact, std::vector<T> const& x, T* where = nullptr) {
  std::vector<T> const y = apply<X>(f, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const error = ulp_error(y[i], exact(static_cast<long double>(x[i])));
    if (error > worst) {
      worst = error;
      if (where != nullptr) *where = x[i];
    }
  }
  return worst;
}

}  // namespace support
