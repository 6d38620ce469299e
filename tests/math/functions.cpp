// Every function on scalars and packs against the standard library in long double. Bounds are in units in the last place.
#include <parapet/math/functions.hpp>

#include "support/ulp.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::all_magnitudes;
using support::apply;
using support::grid;
using support::worst_ulp;

namespace {

template <class X>
using scalar = math::scalar_of_t<X>;

// Measured: 2.3 (erf of a pack of floats), 2.0 (glibc's tanh), 0.5 to 1.5 the others.
constexpr double bound = 2.5;

template <class X>
constexpr scalar<X> infinity = std::numeric_limits<scalar<X>>::infinity();
template <class X>
constexpr scalar<X> not_a_number = std::numeric_limits<scalar<X>>::quiet_NaN();

/// f of one number in every lane.
template <class X, class F>
scalar<X> at(F f, scalar<X> x) {
  return apply<X>(f, std::vector<scalar<X>>{x})[0];
}

}  // namespace

#define EVERY_X float, double, pack<float>, pack<double>
#define FUNCTION(name) [](auto const& argument) { return name(argument); }

TEST_CASE_TEMPLATE("functions keep their accuracy over all magnitudes and where they bend", X, EVERY_X) {
  using T = scalar<X>;
#define CHECK_FUNCTION(name, low, high)                                                                         \
  CHECK(worst_ulp<X>(FUNCTION(math::name), FUNCTION(std::name), all_magnitudes<T>()) <= bound);                 \
  CHECK(worst_ulp<X>(FUNCTION(math::name), FUNCTION(std::name), grid<T>(low, high, 20001)) <= bound)
  CHECK_FUNCTION(exp, -110, 100);
  CHECK_FUNCTION(log, -1, 10);
  CHECK_FUNCTION(tanh, -10, 10);
  CHECK_FUNCTION(erf, -10, 10);
  CHECK_FUNCTION(sqrt, -1, 10);
  CHECK_FUNCTION(abs, -10, 10);
  CHECK_FUNCTION(sin, -3.1, 3.1);
  CHECK_FUNCTION(cos, -1.5, 1.5);
}

TEST_CASE_TEMPLATE("sine and cosine are within 2^-23 in absolute terms at every magnitude", X, EVERY_X) {
  using T = scalar<X>;
  for (double reach : {10.0, 1e3, 8192.0, 1e5, 1e8}) {
    auto const x = grid<T>(-reach, reach, 20001);
    auto const s = apply<X>(FUNCTION(math::sin), x), c = apply<X>(FUNCTION(math::cos), x);
    long double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      long double const exact = x[i];
      worst = std::max({worst, std::abs(s[i] - std::sin(exact)), std::abs(c[i] - std::cos(exact))});
    }
    CHECK(worst < std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE_TEMPLATE("functions at the ends", X, EVERY_X) {
  using T = scalar<X>;
  T const inf = infinity<X>;
  CHECK(at<X>(FUNCTION(math::exp), -inf) == 0);
  CHECK(at<X>(FUNCTION(math::exp), inf) == inf);
  CHECK(at<X>(FUNCTION(math::exp), T(0)) == 1);
  CHECK(at<X>(FUNCTION(math::log), T(0)) == -inf);
  CHECK(at<X>(FUNCTION(math::log), T(-0.0)) == -inf);
  CHECK(at<X>(FUNCTION(math::log), T(1)) == 0);
  CHECK(at<X>(FUNCTION(math::log), inf) == inf);
  CHECK(at<X>(FUNCTION(math::tanh), inf) == 1);
  CHECK(at<X>(FUNCTION(math::tanh), -inf) == -1);
  CHECK(at<X>(FUNCTION(math::erf), inf) == 1);
  CHECK(at<X>(FUNCTION(math::erf), -inf) == -1);
  CHECK(at<X>(FUNCTION(math::sqrt), inf) == inf);
  CHECK(!std::signbit(at<X>(FUNCTION(math::abs), T(-0.0))));
  CHECK(at<X>(FUNCTION(math::abs), -inf) == inf);
  CHECK(std::isnan(at<X>(FUNCTION(math::log), T(-1))));
  CHECK(std::isnan(at<X>(FUNCTION(math::sqrt), T(-1))));
  CHECK(std::isnan(at<X>(FUNCTION(math::sin), inf)));
  CHECK(std::isnan(at<X>(FUNCTION(math::cos), inf)));
  auto const clamp = [](auto const& x) { return math::clamp(x, T(-1), T(2)); };
  CHECK(at<X>(clamp, T(-5)) == -1);
  CHECK(at<X>(clamp, T(5)) == 2);
  CHECK(at<X>(clamp, T(0.5)) == T(0.5));
}

TEST_CASE_TEMPLATE("NaN in, NaN out", X, EVERY_X) {
  using T = scalar<X>;
#define CHECK_NAN(name) CHECK(std::isnan(at<X>(FUNCTION(name), not_a_number<X>)))
  CHECK_NAN(math::exp);
  CHECK_NAN(math::log);
  CHECK_NAN(math::tanh);
  CHECK_NAN(math::erf);
  CHECK_NAN(math::sin);
  CHECK_NAN(math::cos);
  CHECK_NAN(math::sqrt);
  CHECK_NAN(math::abs);
  CHECK(std::isnan(at<X>([](auto const& x) { return math::clamp(x, T(-1), T(2)); }, not_a_number<X>)));
}

TEST_CASE_TEMPLATE("one bad lane does not spoil its neighbours", X, pack<float>, pack<double>) {
  using T = scalar<X>;
  std::vector<T> x = grid<T>(0.5, 2, X::lanes);
  auto const clean = apply<X>(FUNCTION(math::sin), x);
  for (T const bad : {infinity<X>, not_a_number<X>, T(1e6)}) {
    x[3] = bad;
    auto const y = apply<X>(FUNCTION(math::sin), x);
    for (std::size_t i = 0; i < x.size(); ++i)
      if (i != 3) CHECK(std::abs(y[i] - clean[i]) <= std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE("the folds of a reduction") {
  CHECK(math::plus{}(2.0f, 3.0f) == 5.0f);
  CHECK(math::minimum{}(2.0, 3.0) == 2.0);
  CHECK(math::maximum{}(2.0, 3.0) == 3.0);
  CHECK(math::square{}(-3.0f) == 9.0f);
  CHECK(math::identity{}(-3.0f) == -3.0f);
}
