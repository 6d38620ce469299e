// Hamilton-Jacobi against values that are known everywhere: a mass between walls, by every scheme. Larger grids, and more masses:
// tests/bench/hamilton_jacobi_accuracy.cpp.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>

#include "support/braking.hpp"

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

}  // namespace

TEST_CASE("a mass between walls: errors and orders of the schemes, and no state is called safe that is not") {
  check_errors<grid::upwind>(8.5e-2, 2.1e-2, 1.0, 22);
  check_errors<grid::eno2>(3.3e-2, 3.6e-3, 1.3, 4);
  check_errors<grid::eno3>(2.5e-2, 2.1e-3, 1.4, 2);
  check_errors<grid::weno3>(3.2e-2, 3.4e-3, 1.3, 4);
  check_errors<grid::weno5>(2.25e-2, 1.6e-3, 1.5, 2);
}
