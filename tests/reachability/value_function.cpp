// Queries of a value function whose numbers are known: V = x + 2 y^2 at the nodes, on a plane that is periodic in y.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/slice.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>
#include <parapet/reachability/value_function.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>
#include <utility>

using namespace parapet;
using namespace parapet::reachability;
using support::contains;

namespace {

template <class F>
auto function_of(F f) {
  grid::grid<2> const nodes({{-1, 1, 21}, {-1, 1, 41}});
  buffer<double> values(nodes.size());
  for (index_t i = 0; i < nodes.size(); ++i) values.data()[i] = f(nodes.state(nodes.index(i)));
  return value_function<double_integrator, double, avoid_role, finite_horizon>(double_integrator(1, 0.5), nodes, std::move(values), finite_horizon{2});
}
auto bowl() {
  return function_of([](auto const& s) { return s[0] + 2 * s[1] * s[1]; });
}

}  // namespace

TEST_CASE("values, sets and gradients are those of the function") {
  auto const v = bowl();
  CHECK(v.value({0.3, 0.5}) == doctest::Approx(0.8));
  CHECK(v.contains({-0.5, 0.25}));
  CHECK(!v.contains({-0.4, 0.5}));
  auto const s = v.slopes({0.32, 0.51});  // in the cell from y = 0.5 to 0.55
  CHECK(s.inside);
  CHECK(s.value == doctest::Approx(v.value({0.32, 0.51})));
  CHECK(s.slopes[0] == doctest::Approx(1));
  CHECK(s.slopes[1] == doctest::Approx(2 * (0.55 * 0.55 - 0.25) / 0.05));
  auto const g = v.gradient({0.32, 0.51});  // central differences are exact for a square
  CHECK(g[0] == doctest::Approx(1));
  CHECK(g[1] == doctest::Approx(4 * 0.51));
  CHECK(v.gradient({1, 0.5})[0] == doctest::Approx(1));  // one-sided at the end
  CHECK(v.horizon().time == 2);
}

TEST_CASE("the players go up and down the gradient: avoid's control up, reach's down") {
  auto const v = bowl();
  CHECK(v.control({0, 0.5})[0] == 1);
  CHECK(v.control({0, -0.5})[0] == -1);
  CHECK(v.worst_disturbance({0, 0.5})[0] == -0.5);
  buffer<double> values(v.nodes().size());
  backend::cpu be(1);
  copy(be, flatten(v.values()), values.view());
  value_function<double_integrator, double, reach_role, infinite_horizon> const reaching(double_integrator(1, 0.5), v.nodes(), std::move(values));
  CHECK(reaching.control({0, 0.5})[0] == -1);
  CHECK(reaching.worst_disturbance({0, 0.5})[0] == 0.5);
}

TEST_CASE("a query off the grid does what its type says") {
  auto const v = bowl();
  CHECK(contains(support::message_of<argument_error>([&] { static_cast<void>(v.value({1.5, 0})); }), "(1.5, 0) lies beyond the grid"));
  CHECK(contains(support::message_of<argument_error>([&] { static_cast<void>(v.control({0, NAN})); }), "lies beyond the grid"));
  CHECK(v.value({1.5, 0}, off_grid::clamp{}) == doctest::Approx(1));
  CHECK(v.value({1.5, 0}, off_grid::conservative{-3.0}) == -3);
  CHECK(!v.slopes({1.5, 0}).inside);
  CHECK(v.control({0, 5}, off_grid::clamp{})[0] == 1);
}

TEST_CASE("batches and slices have the values of single queries") {
  backend::cpu be(1);
  auto const v = bowl();
  double const states[] = {0.1, 0.2, -0.7, 0.9, 3, 0};
  double out[3];
  v.values_at(be, matrix_view<double const>(states, extents{index_t{3}, index_t{2}}), vector_view<double>(out, extents{index_t{3}}),
              off_grid::conservative{-9.0});
  CHECK(out[0] == v.value({0.1, 0.2}));
  CHECK(out[1] == v.value({-0.7, 0.9}));
  CHECK(out[2] == -9);
  auto const s = slice(v, 1, 0, {0, 0});  // y across, x up
  CHECK(s.shape == extents{index_t{41}, index_t{21}});
  CHECK(s.values()(40, 0) == doctest::Approx(-1 + 2));
  CHECK_THROWS_AS(slice(v, 0, 0, {0, 0}), argument_error);

  grid::grid<3> const nodes({{-6, 20, 14}, {-10, 10, 11}, {0, 6.283185307179586, 12, grid::periodic}});
  buffer<float> values(nodes.size());
  for (index_t i = 0; i < nodes.size(); ++i) values.data()[i] = static_cast<float>(std::cos(nodes.state(nodes.index(i))[2]));
  value_function<dubins_pair, float, avoid_role, infinite_horizon> const around({}, nodes, std::move(values));
  CHECK(around.value({0, 0, 6.28f}) == doctest::Approx(1).epsilon(0.01));
  CHECK(around.gradient({0, 0, 1.5707963f})[2] == doctest::Approx(-std::sin(0.5235988) / 0.5235988));
  auto const closed = slice(around, 0, 2, {0, 0, 0});  // the seam is drawn
  CHECK(closed.shape[1] == 13);
  CHECK(closed.values()(0, 12) == doctest::Approx(1));
}

TEST_CASE("the horizon is in the type, and another one is claimed aloud") {
  using finite_type = decltype(bowl());
  static_assert(std::is_same_v<finite_type::horizon_type, finite_horizon>);
  auto const v = bowl().with_horizon(infinite_horizon{});
  static_assert(std::is_same_v<std::remove_const_t<decltype(v)>::horizon_type, infinite_horizon>);
  CHECK(v.value({0.3, 0.5}) == doctest::Approx(0.8));
  CHECK_THROWS_AS((value_function<double_integrator, double, avoid_role, infinite_horizon>(double_integrator{}, v.nodes(), buffer<double>(3))), shape_error);
}
