// A mass on its way across a line: the least time is known, against a disturbance too.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/time_to_reach.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;
using namespace parapet::reachability;

namespace {

/// x <= 0.
struct behind_the_line {
  template <class X>
  X operator()(vec<X, 2> const& s) const { return s[0]; }
};

/// Full thrust towards the line against the worst disturbance, c what is left of it: x + v t - c t^2 / 2 = 0.
double least_time(double x, double v, double c) { return x <= 0 ? 0 : (v + std::sqrt(v * v + 2 * c * x)) / c; }

grid::grid<2> const nodes({{-0.5, 2.5, 91}, {-3, 2, 101}});

}  // namespace

TEST_CASE("time to reach: a mass crosses a line in the time of full thrust, within half a step of the grid") {
  backend::cpu be(1);
  double_integrator const mass(1, 0.25);
  auto const t = time_to_reach<double>(be, mass, nodes, reach(behind_the_line{}), finite_horizon{2});
  index_t judged = 0, beyond_horizon = 0;
  double largest = 0;
  for (index_t n = 0; n < nodes.size(); ++n) {
    auto const s = nodes.state(nodes.index(n));
    double const exact = least_time(s[0], s[1], 0.75), found = t.values().data()[n];
    if (s[1] < -1) continue;  // elsewhere the path stays on the grid
    if (exact < 1.95) {
      ++judged;
      largest = std::max(largest, std::abs(found - exact));
    } else if (exact > 2.05) {
      ++beyond_horizon;
      CHECK(std::isinf(found));
    }
  }
  CHECK(judged > 1000);
  CHECK(beyond_horizon > 1000);
  CHECK(largest < 0.02);
  CHECK(t.at({0.4, 0.1}) == doctest::Approx(least_time(0.4, 0.1, 0.75)).epsilon(5e-3));
  CHECK(std::isinf(t.at({2.5, 2})));
  CHECK(std::isinf(t.at({3, 0})));  // beyond the grid
  CHECK(t.at({-0.25, 1}) == 0);
}

TEST_CASE("time to reach of avoid: for how long a fall can be put off") {
  backend::cpu be(1);
  double_integrator const mass(0.25, 1);  // the disturbance is stronger
  auto const t = time_to_reach<double, grid::eno2>(be, mass, nodes, avoid(behind_the_line{}), finite_horizon{1.5});
  for (double const x : {0.2, 0.5}) CHECK(t.at({x, 0.0}) == doctest::Approx(least_time(x, 0, 0.75)).epsilon(0.02));
}
