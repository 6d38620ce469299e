// Air3D at 51 x 40 x 50: volume, crossings of the axes, symmetry. At 101 x 78 x 100: tests/bench/hamilton_jacobi_accuracy.cpp.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>

#include "support/dubins_collision.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using namespace parapet::reachability;
using namespace support;

TEST_CASE("two cars that must keep apart: the set has the volume and the shape that other tools find") {
  backend::cpu be(1);
  float const quarter = static_cast<float>(std::numbers::pi / 2);
  auto const nodes = collision_grid(51, 40, 50);
  auto const fifth = hamilton_jacobi<float, grid::weno5>(be, dubins_pair{}, nodes, avoid(collision{}), finite_horizon{2.8});
  CHECK(fifth.report.steps == 364);
  CHECK(volume(fifth.value) == doctest::Approx(886.0).epsilon(2e-4));
  CHECK(crossing(fifth.value, {0, 0, quarter}, 0, 0, 20) == doctest::Approx(7.087).epsilon(1e-3));
  CHECK(crossing(fifth.value, {0, 0, quarter}, 1, 0, 10) == doctest::Approx(4.994).epsilon(1e-3));
  CHECK(fifth.value.value({8, 2, 3}) == doctest::Approx(-2.451).epsilon(1e-3));
  CHECK(fifth.value.value({4, 4, quarter}) == doctest::Approx(0.6563).epsilon(1e-3));

  auto const first = hamilton_jacobi<float, grid::upwind>(be, dubins_pair{}, nodes, avoid(collision{}), finite_horizon{2.8});
  double const v = volume(first.value);
  CHECK(v < 886.0);
  CHECK(v > 0.93 * 886.0);
  CHECK(crossing(first.value, {0, 0, quarter}, 0, 0, 20) == doctest::Approx(7.193).epsilon(1e-3));
  double asymmetry = 0, above_start = -1;
  for (index_t n = 0; n < nodes.size(); ++n) {
    auto const i = nodes.index(n);
    float const here = first.value.values()(i[0], i[1], i[2]), mirrored = first.value.values()(i[0], 39 - i[1], (50 - i[2]) % 50);
    asymmetry = std::max(asymmetry, std::abs(static_cast<double>(here) - static_cast<double>(mirrored)));
    above_start = std::max(above_start, static_cast<double>(here - collision{}(nodes.state<float>(i))));
  }
  CHECK(asymmetry < 2e-5);
  CHECK(above_start < 1e-6);
}
