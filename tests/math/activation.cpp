// Activations on scalars and packs against their formulas in long double; derivatives against differences of those.
#include <parapet/math/activation.hpp>

#include "support/ulp.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::apply;
using support::grid;

namespace {

template <class X>
using scalar = math::scalar_of_t<X>;

/// Largest errors of value and derivative over `x`, in units of epsilon max(1, |x|): what the sums inside round to.
template <class X, class Activation, class Exact>
double worst_error(Activation f, Exact exact, std::vector<scalar<X>> const& x) {
  auto const y = apply<X>(f, x);
  auto const d = apply<X>([&](auto const& v) { return f.derivative(v, f(v)); }, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    long double const at = x[i], h = 1e-3L;
    long double const slope =
        (8 * (exact(at + h) - exact(at - h)) - (exact(at + 2 * h) - exact(at - 2 * h))) / (12 * h);
    long double const unit = std::numeric_limits<scalar<X>>::epsilon() * std::max(1.0L, std::abs(at));
    long double const tolerance = 1e-12L;  // of the differences
    worst = std::max(worst, static_cast<double>(std::abs(y[i] - exact(at)) / unit));
    worst = std::max(worst, static_cast<double>((std::abs(d[i] - slope) - tolerance) / unit));
  }
  return worst;
}

template <class Activation>
long double exact_value(Activation, long double x) {
  using namespace math;
  if constexpr (std::is_same_v<Activation, identity>) return x;
  if constexpr (std::is_same_v<Activation, relu>) return std::max(x, 0.0L);
  if constexpr (std::is_same_v<Activation, hyperbolic_tangent>) return std::tanh(x);
  if constexpr (std::is_same_v<Activation, silu>) return x / (1 + std::exp(-x));
  if constexpr (std::is_same_v<Activation, mish>) return x * std::tanh(std::log1p(std::exp(x)));
  if constexpr (std::is_same_v<Activation, gelu>) return 0.5L * x * std::erfc(-x * std::sqrt(0.5L));
  if constexpr (std::is_same_v<Activation, gelu_tanh>)
    return 0.5L * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0L)) * (x + 0.044715L * x * x * x)));
}

}  // namespace

#define EVERY_X float, double, pack<float>, pack<double>

TEST_CASE_TEMPLATE("activations and their derivatives match their formulas", X, EVERY_X) {
  // The grid has an even number of points, none of which is 0, where relu has no derivative.
  auto const near = grid<scalar<X>>(-12, 12, 5000), far = grid<scalar<X>>(-80, 80, 1000);
  auto const check = [&]<class Activation>(Activation f) {
    auto const exact = [&](long double x) { return exact_value(f, x); };
    CHECK(worst_error<X>(f, exact, near) < 4);
    CHECK(worst_error<X>(f, exact, far) < 4);
  };
  check(math::identity{});
  check(math::relu{});
  check(math::hyperbolic_tangent{});
  check(math::silu{});
  check(math::mish{});
  check(math::gelu{});
  check(math::gelu_tanh{});
}

TEST_CASE_TEMPLATE("activations are the identity or zero far out, without overflow", X, EVERY_X) {
  using T = scalar<X>;
  T const large = std::numeric_limits<T>::max() / 4;
  std::vector<T> const x{large, T(1e20), T(1e4), -T(1e4), -T(1e20), -large};
  auto const check = [&](auto f) {
    auto const y = apply<X>(f, x), d = apply<X>([&](auto const& v) { return f.derivative(v, f(v)); }, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == (x[i] > 0 ? x[i] : T(0)));
      CHECK(std::abs(d[i] - (x[i] > 0 ? T(1) : T(0))) <= 2 * std::numeric_limits<T>::epsilon());
    }
  };
  check(math::relu{});
  check(math::silu{});
  check(math::mish{});
  check(math::gelu{});
  check(math::gelu_tanh{});
}

TEST_CASE_TEMPLATE("sigmoid keeps its accuracy to both ends", X, EVERY_X) {
  using T = scalar<X>;
  auto const f = [](auto const& x) { return math::sigmoid(x); };
  auto const exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
  CHECK(support::worst_ulp<X>(f, exact, grid<T>(-80, 80, 20001)) <= 2.5);
  CHECK(support::worst_ulp<X>(f, exact, std::vector<T>{T(-1e4), T(1e4), T(0)}) <= 0.5);
}

TEST_CASE_TEMPLATE("NaN passes through every activation and derivative", X, EVERY_X) {
  using T = scalar<X>;
  std::vector<T> const x{std::numeric_limits<T>::quiet_NaN()};
  auto const check = [&](auto f) { CHECK(std::isnan(apply<X>(f, x)[0])); };
  check(math::identity{});
  check(math::relu{});
  check(math::hyperbolic_tangent{});
  check(math::silu{});
  check(math::mish{});
  check(math::gelu{});
  check(math::gelu_tanh{});
}

TEST_CASE("relu's derivative at 0 is 0") { CHECK(math::relu{}.derivative(0.0f, 0.0f) == 0.0f); }
