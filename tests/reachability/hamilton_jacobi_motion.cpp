// What moves: targets, obstacles and time, forwards and backwards, on a line, where the answers are known.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;
using namespace parapet::reachability;

namespace {

/// x' = wind(t) + u, |u| <= 1.
struct boat {
  static constexpr int state_dim = 1;
  static constexpr bool control_affine = true;
  double wind = 0, growth = 0;
  box<1> controls{{-1}, {1}};
  no_input disturbances{};

  template <class X>
  vec<X, 1> derivative(vec<X, 1> const&, vec<X, 1> const& u, vec<X, 0> const&, X t) const {
    return {X(wind) + X(growth) * t + u[0]};
  }
};
/// The same without a wind, by its two extreme controls.
struct bang_bang_boat {
  static constexpr int state_dim = 1;
  input_list<1, 2> controls{{{-1}, {1}}};
  no_input disturbances{};

  template <class X>
  vec<X, 1> derivative(vec<X, 1> const&, vec<X, 1> const& u, vec<X, 0> const&) const {
    return {u[0]};
  }
};
struct steady_boat {
  static constexpr int state_dim = 1;
  static constexpr bool control_affine = true;
  double speed = 1;
  box<1> controls{{-1}, {1}};
  no_input disturbances{};

  template <class X>
  vec<X, 1> derivative(vec<X, 1> const&, vec<X, 1> const& u, vec<X, 0> const&) const {
    return {X(speed) * u[0]};
  }
};

struct harbour {
  double radius = 0.3;
  template <class X>
  X operator()(vec<X, 1> const& x) const { return math::abs(x[0]) - X(radius); }
};
/// A ship of half width 0.3 that passes x = 0 at t = 0 with a velocity of 0.5.
struct ship {
  template <class X>
  X operator()(vec<X, 1> const& x, X t) const { return math::abs(x[0] - X(0.5) * t) - X(0.3); }
};
struct beyond {
  double at;
  template <class X>
  X operator()(vec<X, 1> const& x) const { return X(at) - x[0]; }
};

grid::grid<1> const line({{-4, 4, 161}});
using scheme = grid::upwind;

/// Ends of {V <= 0} by linear interpolation.
template <class Value>
std::pair<double, double> interval(Value const& v) {
  double low = NAN, high = NAN;
  for (index_t i = 0; i + 1 < v.nodes().size(); ++i) {
    double const a = static_cast<double>(v.values()(i)), b = static_cast<double>(v.values()(i + 1));
    double const at = v.nodes().axis(0).coordinate(i) + v.nodes().spacing(0) * a / (a - b);
    if (a > 0 && b <= 0 && std::isnan(low)) low = at;
    if (a <= 0 && b > 0) high = at;
  }
  return {low, high};
}

}  // namespace

TEST_CASE("time to reach: the distance over the speed, infinite where the horizon is too short") {
  backend::cpu be(1);
  support::tensor<double, 1> arrival(line.shape());
  hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}), finite_horizon{2.0}, {.arrival = arrival.flat().data()});
  for (index_t i = 0; i < line.size(); ++i) {
    double const distance = std::max(std::abs(line.axis(0).coordinate(i)) - 0.3, 0.0);
    if (distance < 1.9) CHECK(std::abs(arrival.flat()[i] - distance) < 0.02);
    else if (distance > 2.1) CHECK(std::isinf(arrival.flat()[i]));
  }
}

TEST_CASE("a list of extreme inputs does what the interval between them does") {
  backend::cpu be(1);
  auto const list = hamilton_jacobi<double, scheme>(be, bang_bang_boat{}, line, reach(harbour{}), finite_horizon{1.0});
  auto const box = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}), finite_horizon{1.0});
  for (index_t i = 0; i < line.size(); ++i) CHECK(list.value.values()(i) == doctest::Approx(box.value.values()(i)).epsilon(1e-12));
  CHECK(interval(box.value).second == doctest::Approx(1.3).epsilon(0.02));
}

TEST_CASE("set and tube, backwards and forwards, in a wind that the boat cannot beat") {
  backend::cpu be(1);
  boat const drifting{2, 0};
  auto const solve = [&](auto const& problem) { return interval(hamilton_jacobi<double, scheme>(be, drifting, line, problem, finite_horizon{0.5}).value); };
  auto const [tube_low, tube_high] = solve(reach(harbour{}));  // somewhere on the way: 3 m/s from the left, already there at the right
  CHECK(tube_low == doctest::Approx(-1.8).epsilon(0.02));
  CHECK(tube_high == doctest::Approx(0.3).epsilon(0.02));
  auto const [set_low, set_high] = solve(reach(harbour{}).as_set());  // there at the end: 1 to 3 m/s
  CHECK(set_low == doctest::Approx(-1.8).epsilon(0.02));
  CHECK(set_high == doctest::Approx(-0.2).epsilon(0.05));
  auto const [forward_low, forward_high] = solve(reach(harbour{}).as_set().forward());
  CHECK(forward_low == doctest::Approx(0.2).epsilon(0.05));
  CHECK(forward_high == doctest::Approx(1.8).epsilon(0.02));
}

TEST_CASE("local dissipation smears less: against the wind the boat is slower than it could be") {
  backend::cpu be(1);
  auto const problem = reach(harbour{}).as_set();
  auto const global = hamilton_jacobi<double, scheme>(be, boat{2, 0}, line, problem, finite_horizon{0.5});
  auto const local = hamilton_jacobi<double, scheme, local_lax_friedrichs>(be, boat{2, 0}, line, problem, finite_horizon{0.5});
  auto const error_of = [](auto const& v) {
    double mean = 0;
    for (index_t i = 20; i < 141; ++i) {  // the boat can be anywhere in [x + 0.5, x + 1.5]
      double const x = line.axis(0).coordinate(i), exact = std::max({x + 0.5, -x - 1.5, 0.0}) - 0.3;
      mean += std::abs(v.values()(i) - exact) / 121;
    }
    return mean;
  };
  CHECK(error_of(global.value) < 0.05);
  CHECK(error_of(local.value) < 0.8 * error_of(global.value));
}

TEST_CASE("a wind that grows with time") {
  backend::cpu be(1);
  // Over [0, 1] the wind carries 0.5 t^2 * 2 = 1 m: from the left 2 m in all, against it 0.
  auto const [low, high] = interval(hamilton_jacobi<double, scheme>(be, boat{0, 2}, line, reach(harbour{}).as_set(), finite_horizon{1.0}).value);
  CHECK(low == doctest::Approx(-2.3).epsilon(0.03));
  CHECK(std::abs(high - 0.3) < 0.08);
}

TEST_CASE("a target that moves: by a functor of (x, t), and as a film of node values") {
  backend::cpu be(1);
  support::tensor<double, 2> film(extents{index_t{11}, line.size()});
  for (index_t k = 0; k < 11; ++k)
    for (index_t i = 0; i < line.size(); ++i)
      film.view()(k, i) = ship{}(vec<double, 1>{line.axis(0).coordinate(i)}, 0.1 * static_cast<double>(k));
  auto const by_functor = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(ship{}), finite_horizon{1.0});
  auto const by_film = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(moving_values<double, 1>{film.read(), 0, 1}), finite_horizon{1.0});
  for (auto const& [low, high] : {interval(by_functor.value), interval(by_film.value)}) {
    CHECK(high == doctest::Approx(0.3 + 1.5).epsilon(0.03));  // towards each other
    CHECK(low == doctest::Approx(-0.3 - 0.5).epsilon(0.06));  // after it
  }
}

TEST_CASE("node values as a target are its functor's") {
  backend::cpu be(1);
  auto const values = support::generate<double>(line.shape(), [](index_t i) { return harbour{}(vec<double, 1>{line.axis(0).coordinate(i)}); });
  auto const a = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(values.read()), finite_horizon{1.0});
  auto const b = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}), finite_horizon{1.0});
  for (index_t i = 0; i < line.size(); ++i) CHECK(a.value.values()(i) == b.value.values()(i));
}

TEST_CASE("an obstacle is not passed, and a target beyond it not reached") {
  backend::cpu be(1);
  auto const [low, high] = interval(hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}).while_avoiding(beyond{0.8}), finite_horizon{2.0}).value);
  CHECK(low == doctest::Approx(-2.3).epsilon(0.02));
  CHECK(high == doctest::Approx(0.8).epsilon(0.03));
}

TEST_CASE("what cannot be solved is refused in words") {
  backend::cpu be(1);
  auto const message = [&](auto const& system, auto const& nodes, auto const& problem, auto horizon, hamilton_jacobi_options<double> const& options = {}) {
    return support::message_of<error>([&] { hamilton_jacobi<double, grid::weno5>(be, system, nodes, problem, horizon, options); });
  };
  finite_horizon const second{1};
  CHECK(message(steady_boat{}, grid::grid<1>({{-4, 4, 5}}), reach(harbour{}), second) == "hamilton_jacobi: axis 0 has 5 nodes, this scheme needs at least 7");
  CHECK(message(steady_boat{}, line, reach(harbour{}), finite_horizon{0}) == "hamilton_jacobi: a horizon of 0 s, expected above 0");
  CHECK(message(steady_boat{}, line, reach(harbour{}), second, {.cfl = 1.5}) == "hamilton_jacobi: cfl = 1.5, expected above 0, at most 1");
  CHECK(message(steady_boat{}, line, reach(harbour{}), second, {.stages = 4}) == "hamilton_jacobi: 4 stages, expected 1, 2 or 3");
  CHECK(message(steady_boat{}, line, reach(harbour{}), second, {.memory_limit = 1000}) ==
        "hamilton_jacobi: a grid of shape (161) takes 3864 bytes, more than the limit of 1000");
  CHECK(message(boat{0, 1}, line, reach(harbour{}), infinite_horizon{}) ==
        "hamilton_jacobi: the system or a set changes with time, so there is no infinite horizon");
  CHECK(message(steady_boat{0}, line, reach(harbour{}), second) == "hamilton_jacobi: nothing moves: all speeds are 0");
  CHECK(message(steady_boat{NAN}, line, reach(harbour{}), second) == "hamilton_jacobi: the system's speed at (-4) is not finite");
  CHECK(message(steady_boat{}, line, reach(harbour{NAN}), second) == "hamilton_jacobi: the target's function at (-4) is not finite");
  support::tensor<double, 1> const few(extents{index_t{3}});
  CHECK(message(steady_boat{}, line, reach(few.read()), second) == "the target has shape (3), expected (161)");
  auto const flat = support::constant(line.shape(), 2.0);
  CHECK(message(steady_boat{}, line, reach(flat.read()), second) == "hamilton_jacobi: the target's function is 2 everywhere: it has no boundary to move");
}

TEST_CASE("a start with a NaN in it is found, and its state is printed") {
  backend::cpu be(1);
  auto start = support::generate<double>(line.shape(), [](index_t i) { return std::abs(line.axis(0).coordinate(i)) - 0.3; });
  start.flat()[100] = NAN;
  std::string const text = support::message_of<error>(
      [&] { hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}), finite_horizon{1.0}, {.start = start.flat().data()}); });
  CHECK(support::contains(text, "hamilton_jacobi: V is not finite at (0.95)"));
}

TEST_CASE("a target that the grid hardly sees is warned of, and one that it does not see at all") {
  backend::cpu be(1);
  auto const warnings = [&](double radius) {
    return hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{radius}), finite_horizon{0.1}).report.warnings;
  };
  CHECK(warnings(0.3).empty());
  REQUIRE(warnings(0.06).size() == 1);
  CHECK(warnings(0.06)[0] == "reach: the set is 3 nodes wide along axis 0, expected at least 4 for a boundary that means something");
  REQUIRE(warnings(-1).size() == 1);
  CHECK(support::contains(warnings(-1)[0], "no node is in the set"));
}

TEST_CASE("progress is told step by step") {
  backend::cpu be(1);
  index_t calls = 0;
  double time = 0;
  auto const r = hamilton_jacobi<double, scheme>(be, steady_boat{}, line, reach(harbour{}), finite_horizon{1.0}, {}, [&](hamilton_jacobi_progress const& p) {
    CHECK(p.step == ++calls);
    CHECK(p.time > time);
    CHECK(p.residual >= 0);
    time = p.time;
  });
  CHECK(calls == r.report.steps);
  CHECK(time == 1.0);
}
