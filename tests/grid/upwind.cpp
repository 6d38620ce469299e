#include <parapet/grid/upwind.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace parapet;

namespace {

/// Largest error of the left and of the right derivative of sin on n nodes of a period.
template <class Scheme>
double sine_error(int n) {
  double const dx = 2 * std::numbers::pi / n;
  double largest = 0;
  for (int i = 0; i < n; ++i) {
    double v[2 * Scheme::reach + 1];
    for (int k = -Scheme::reach; k <= Scheme::reach; ++k) v[k + Scheme::reach] = std::sin((i + k) * dx + 0.3);
    auto const p = Scheme::slopes(v, 1 / dx);
    double const exact = std::cos(i * dx + 0.3);
    largest = std::max({largest, std::abs(p.left - exact), std::abs(p.right - exact)});
  }
  return largest;
}

template <class Scheme>
double order() {
  return std::log2(sine_error<Scheme>(80) / sine_error<Scheme>(160));
}

/// Of a line of slope 2 with a kink to slope -1 after the node in the middle.
template <class Scheme>
grid::one_sided<double> at_kink() {
  double v[2 * Scheme::reach + 1];
  for (int k = -Scheme::reach; k <= Scheme::reach; ++k) v[k + Scheme::reach] = k <= 0 ? 2.0 * k : -1.0 * k;
  return Scheme::slopes(v, 1.0);
}

}  // namespace

TEST_CASE("schemes have their order where the function is smooth") {
  CHECK(order<grid::upwind>() == doctest::Approx(1).epsilon(0.05));
  CHECK(order<grid::eno2>() == doctest::Approx(2).epsilon(0.1));
  CHECK(order<grid::eno3>() == doctest::Approx(3).epsilon(0.1));
  CHECK(order<grid::weno3>() > 1.9);  // less at extrema, where the weights cannot tell the stencils apart
  CHECK(order<grid::weno5>() > 4.5);
  CHECK(order<grid::weno5_fixed>() > 4.5);
}

TEST_CASE("at a kink each side has its own slope") {
  auto const check = [](grid::one_sided<double> const& p) {
    CHECK(p.left == doctest::Approx(2).epsilon(1e-3));
    CHECK(p.right == doctest::Approx(-1).epsilon(1e-3));
  };
  check(at_kink<grid::upwind>());
  check(at_kink<grid::eno2>());
  check(at_kink<grid::eno3>());
  check(at_kink<grid::weno3>());
  check(at_kink<grid::weno5>());
}

TEST_CASE("WENO does not depend on units: a function a million times as large has a million times the slope") {
  double v[7], w[7];
  for (int k = 0; k < 7; ++k) {
    v[k] = std::abs(k - 2.6) + 0.1 * k * k;
    w[k] = 1e6 * v[k];
  }
  auto const p = grid::weno5::slopes(v, 1.0), q = grid::weno5::slopes(w, 1.0);
  CHECK(q.left == doctest::Approx(1e6 * p.left).epsilon(1e-12));
  CHECK(q.right == doctest::Approx(1e6 * p.right).epsilon(1e-12));
  auto const fixed = grid::weno5_fixed::slopes(v, 1.0), fixed_large = grid::weno5_fixed::slopes(w, 1.0);
  CHECK(std::abs(fixed_large.left - 1e6 * fixed.left) > 1e-9 * std::abs(fixed_large.left));
}

TEST_CASE("a mirrored function has mirrored slopes, and lanes have those of scalars") {
  double v[7], mirrored[7];
  pack<double> lanes[7];
  for (int k = 0; k < 7; ++k) v[k] = mirrored[6 - k] = std::sin(1.7 * k * k);
  for (int k = 0; k < 7; ++k) lanes[k] = v[k];
  auto const p = grid::weno5::slopes(v, 2.0), m = grid::weno5::slopes(mirrored, 2.0);
  CHECK(p.left == doctest::Approx(-m.right).epsilon(1e-14));
  CHECK(p.right == doctest::Approx(-m.left).epsilon(1e-14));
  auto const q = grid::weno5::slopes(lanes, pack<double>(2.0));
  double lane[8];
  q.left.store(lane);
  CHECK(lane[5] == doctest::Approx(p.left).epsilon(1e-14));
}
