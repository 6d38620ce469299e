#include <parapet/reachability/hamilton_jacobi.hpp>

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/coarse_to_fine.hpp>
#include <parapet/reachability/decomposition.hpp>

#include "support/braking.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;
using namespace support;

namespace {

/// Whether two value functions are the same, bit by bit.
template <class Value>
bool same_values(Value const& a, Value const& b) {
  return std::equal(a.values().data(), a.values().data() + a.nodes().size(), b.values().data());
}

auto solve_braking(backend::cpu& be, index_t n, hamilton_jacobi_options<float> const& options = {}, double horizon = 2.5) {
  return hamilton_jacobi<float>(be, masses<1>{}, braking_grid<1>(n), avoid(beyond_walls<1>{}), finite_horizon{horizon}, options);
}

}  // namespace

TEST_CASE("one thread and two, and three, give the same bits") {
  backend::cpu one(1), two(2), three(3);
  auto const a = solve_braking(one, 151), b = solve_braking(two, 151), c = solve_braking(three, 151);
  CHECK(same_values(a.value, b.value));
  CHECK(same_values(a.value, c.value));
  CHECK(a.report.residuals == b.report.residuals);
}

TEST_CASE("rows at rest are skipped and nothing changes, to the bit") {
  backend::cpu be(2);
  for (int const stages : {1, 2, 3}) {
    auto const skipping = solve_braking(be, 101, {.stages = stages}, 5), sweeping = solve_braking(be, 101, {.stages = stages, .skip_below = -1}, 5);
    CHECK(same_values(skipping.value, sweeping.value));
    CHECK(sweeping.report.swept == 1);
    CHECK(skipping.report.swept < 1);
    CHECK(skipping.report.steps == sweeping.report.steps);
  }
}

TEST_CASE("an infinite horizon is where V no longer moves, and its residuals fall") {
  backend::cpu be(1);
  auto const r = hamilton_jacobi<float>(be, masses<1>{}, braking_grid<1>(101), avoid(beyond_walls<1>{}), infinite_horizon{});
  CHECK(r.report.converged);
  CHECK(r.report.residuals.back() <= 1e-3 * r.report.residuals.front());
  errors const e = against_exact(r.value, 100, inner_box);
  CHECK(e.false_safe == 0);
  CHECK(e.mean < 1e-3);
  CHECK(support::contains(support::message_of<error>([&] {
                            hamilton_jacobi<float>(be, masses<1>{}, braking_grid<1>(51), avoid(beyond_walls<1>{}), infinite_horizon{}, {.max_steps = 5});
                          }), "hamilton_jacobi: not converged after 5 steps"));
}

TEST_CASE("parts that share no input are put together: two masses are the minimum of one and one") {
  backend::cpu be(1);
  index_t const n = 31;
  auto const one = solve_braking(be, n);
  auto const whole = braking_grid<2>(n);
  tensor<float, 4> v(whole.shape());
  combine(be, whole, math::minimum{}, v.view(), part(one.value, {0, 1}), part(one.value, {2, 3}));
  for (index_t k = 0; k < whole.size(); k += 97) {
    auto const i = whole.index(k);
    CHECK(v.flat()[k] == doctest::Approx(std::min(one.value.values()(i[0], i[1]), one.value.values()(i[2], i[3]))).epsilon(1e-5));
  }
  CHECK(support::message_of<argument_error>([&] { combine(be, whole, math::minimum{}, v.view(), part(one.value, {0, 4})); }) ==
        "combine: axis 4 of a grid with 4");
}

TEST_CASE("from a coarse grid to a fine one: fewer steps to the same answer") {
  backend::cpu be(1);
  auto const problem = avoid(beyond_walls<1>{});
  auto const coarse = hamilton_jacobi<float>(be, masses<1>{}, braking_grid<1>(51), problem, infinite_horizon{});
  auto const nodes = braking_grid<1>(101);
  auto const direct = hamilton_jacobi<float>(be, masses<1>{}, nodes, problem, infinite_horizon{}, {.tolerance = 1e-3});
  tensor<float, 2> start(nodes.shape());
  start_from(be, coarse.value, nodes, problem, 0.04f, start.view());
  auto const warm = hamilton_jacobi<float>(be, masses<1>{}, nodes, problem, infinite_horizon{}, {.tolerance = 1e-3, .start = start.flat().data()});
  CHECK(warm.report.steps < direct.report.steps);
  errors const e = against_exact(warm.value, 100, inner_box), wanted = against_exact(direct.value, 100, inner_box);
  CHECK(e.false_safe == 0);
  CHECK(e.mean < 1.2 * wanted.mean + 1e-4);
}

TEST_CASE("the report says where the set reaches the edge of the grid") {
  backend::cpu be(1);
  CHECK(solve_braking(be, 51).report.touches == std::vector<bool>{true, true, true, true});
}
