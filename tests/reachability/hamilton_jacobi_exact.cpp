// Hamilton-Jacobi against values that are known everywhere: a mass between walls, by every scheme. Larger grids, and more masses:
// tests/bench/hamilton_jacobi_accuracy.cpp.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/systems/inverted_pendulum.hpp>

#include "support/braking.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using namespace parapet::reachability;
using namespace support;

namespace {

/// Errors with one scheme on n x n nodes, looking 2.5 s ahead.
template <class Scheme>
errors braking_errors(index_t n) {
  backend::cpu be(1);
  auto const r = hamilton_jacobi<float, Scheme>(be, masses<1>{}, braking_grid<1>(n), avoid(beyond_walls<1>{}), finite_horizon{2.5});
  CHECK(r.report.warnings.empty());
  return against_exact(r.value, 2.5, inner_box);
}

/// `half` and `full` are from grids of which the second has half the spacing: order of convergence in the mean.
template <class Scheme>
void check_errors(double largest, double mean, double order, index_t false_unsafe) {
  errors const half = braking_errors<Scheme>(51), full = braking_errors<Scheme>(101);
  CHECK(half.largest < largest);
  CHECK(half.mean < mean);
  CHECK(std::log2(half.mean / full.mean) > order);
  CHECK(half.false_unsafe <= false_unsafe);
  CHECK(half.false_safe == 0);
  CHECK(full.false_safe == 0);
}

/// More than 0.5 rad from upright; how much more does not matter.
struct fallen {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(vec<X, 2> const& s) const { return math::max(X(0.5f) - math::abs(s[0]), X(-0.2f)); }
};

}  // namespace

TEST_CASE("a mass between walls: errors and orders of the schemes, and no state is called safe that is not") {
  check_errors<grid::upwind>(8.5e-2, 2.1e-2, 1.0, 22);
  check_errors<grid::eno2>(3.3e-2, 3.6e-3, 1.3, 4);
  check_errors<grid::eno3>(2.5e-2, 2.1e-3, 1.4, 2);
  check_errors<grid::weno3>(3.2e-2, 3.4e-3, 1.3, 4);
  check_errors<grid::weno5>(2.25e-2, 1.6e-3, 1.5, 2);
}

TEST_CASE("a pendulum that falls for ever: V settles between the lowest value and the highest that the target has") {
  backend::cpu be(1);
  grid::grid<2> const nodes({{-0.7, 0.7, 36}, {-3, 3, 36}});
  auto const solve = [&](float lowest) {
    return hamilton_jacobi<float>(be, inverted_pendulum(3, 0.3), nodes, avoid(fallen{}), infinite_horizon{}, {.max_steps = 2000, .lowest = lowest});
  };
  auto const r = solve(-0.2f);
  CHECK(r.report.converged);
  float const* const v = r.value.values().data();
  CHECK(*std::min_element(v, v + nodes.size()) == -0.2f);
  CHECK(r.value.value({0, 0}) > 0.1f);
  // 2.7 N m against 9.81 m/s^2: at rest it can be held where sin(theta) < 0.275.
  CHECK(!r.value.contains({0.2f, 0}));
  CHECK(r.value.contains({0.35f, 0}));
  CHECK(support::contains(support::message_of<argument_error>([&] { solve(-0.125f); }), "lowest = -0.125 is above the target's function"));
}
