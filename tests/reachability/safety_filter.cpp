// Filters on the exact value function of a double integrator before a wall, where every answer is known.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/safety_filter.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/verification.hpp>

#include "support/allocation_counter.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>

using namespace parapet;
using namespace parapet::reachability;

namespace {

struct wall {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return s[0]; }
};

/// Stay at x > 0 with |u| <= 1: V = x - min(v, 0)^2 / 2, exact at the nodes.
auto exact_value() {
  grid::grid<2> const nodes({{-0.5, 2, 126}, {-1.5, 1.5, 151}});
  buffer<float> values(nodes.size());
  for (index_t i = 0; i < nodes.size(); ++i) {
    auto const s = nodes.state(nodes.index(i));
    values.data()[i] = static_cast<float>(s[0] - std::min(s[1], 0.0) * std::min(s[1], 0.0) / 2);
  }
  return value_function<double_integrator, float, avoid_role, infinite_horizon>(double_integrator{}, nodes, std::move(values));
}

/// x' = (cos x, sin x) . u, |u| <= 1.
struct turning_thruster {
  static constexpr int state_dim = 1;
  ball<2> controls{1};
  no_input disturbances{};
  template <class X>
  PARAPET_FN vec<X, 1> drift(vec<X, 1> const&) const { return {X(0.0f)}; }
  template <class X>
  PARAPET_FN grid::mat<X, 1, 2> control_matrix(vec<X, 1> const& s) const { return {math::cos(s[0]), math::sin(s[0])}; }
};

using state = vec<float, 2>;
using input = vec<float, 1>;

}  // namespace

TEST_CASE("least restrictive: the wish while it is safe, the best control at the margin, and hysteresis before it lets go") {
  auto const v = exact_value();
  safety_filter filter(v, least_restrictive{}, {.margin = 0.1, .hysteresis = 0.2});
  auto far = filter(state{1, 0}, input{-0.7f});
  CHECK(far.reason == filter_reason::inside);
  CHECK(far.control[0] == -0.7f);
  CHECK(far.safety == doctest::Approx(1));
  CHECK(filter(state{1, 0}, input{-7}).control[0] == -1);  // into the input set
  auto const near = filter(state{0.58f, -1}, input{-1});   // S = 0.08
  CHECK(near.reason == filter_reason::active);
  CHECK(near.control[0] == 1);
  CHECK(filter(state{0.75f, -1}, input{-1}).reason == filter_reason::active);  // S = 0.25: above the margin, within the hysteresis
  CHECK(filter(state{0.85f, -1}, input{-1}).reason == filter_reason::inside);  // S = 0.35
  CHECK(filter(state{0.75f, -1}, input{-1}).reason == filter_reason::inside);  // and it does not come back before the margin
  CHECK(filter(state{0.3f, -1}, input{-1}).reason == filter_reason::infeasible);  // S = -0.2
  filter.reset();
  CHECK(filter(state{0.75f, -1}, input{-1}).reason == filter_reason::inside);
}

TEST_CASE("blend: the wish fades over the width") {
  auto const v = exact_value();
  safety_filter filter(v, blend{0.4}, {.margin = 0.1});
  CHECK(filter(state{1.1f, -1}, input{-1}).control[0] == -1);                         // S = 0.6
  CHECK(filter(state{0.8f, -1}, input{-1}).control[0] == doctest::Approx(0).epsilon(0.01));  // S = 0.3: half and half
  CHECK(filter(state{0.55f, -1}, input{-1}).control[0] == 1);
}

TEST_CASE("keep rate: the least change that lets S fall no faster than the rate allows") {
  auto const v = exact_value();
  safety_filter filter(v, keep_rate{2}, {.margin = 0.1});
  // dS/dt = v - min(v, 0) u = -1 + u at v = -1, and must be at least -2 (S - 0.1); S = x - 1/2.
  auto const at = [&](float x, float wish) { return filter(state{x, -1}, input{wish}); };
  CHECK(at(1.6f, -0.5f).reason == filter_reason::inside);
  CHECK(at(1.6f, -0.5f).control[0] == -0.5f);
  auto const r = at(0.9f, -0.5f);  // S = 0.4: u >= 1 - 0.6
  CHECK(r.reason == filter_reason::active);
  CHECK(r.control[0] == doctest::Approx(0.4).epsilon(0.03));  // slopes are of a cell
  CHECK(at(0.9f, 0.7f).reason == filter_reason::inside);
  CHECK(at(0.55f, -1).reason == filter_reason::infeasible);  // S = 0.05: u >= 1.1
  CHECK(at(0.55f, -1).control[0] == 1);
}

TEST_CASE("off the grid, and for a state that is no number, it brakes and says so; with clamp it goes on") {
  auto const v = exact_value();
  safety_filter filter(v, keep_rate{2});
  CHECK(filter(state{2.5f, -1}, input{-1}).reason == filter_reason::off_grid);
  CHECK(filter(state{2.5f, -1}, input{-1}).control[0] == 1);
  CHECK(filter(state{NAN, -1}, input{-1}).reason == filter_reason::off_grid);
  CHECK(std::abs(filter(state{1, NAN}, input{-1}).control[0]) <= 1);
  safety_filter clamping(v, keep_rate{2}, {}, off_grid::clamp{});
  CHECK(clamping(state{2.5f, -1}, input{-1}).reason == filter_reason::inside);
  CHECK(clamping(state{NAN, -1}, input{-1}).reason == filter_reason::off_grid);
  CHECK(clamping(state{1, NAN}, input{-1}).reason == filter_reason::off_grid);
  CHECK(std::abs(clamping(state{1, 0}, input{NAN}).control[0]) <= 1);
  buffer<float> values(2);
  values.data()[0] = -1;
  values.data()[1] = 1;
  value_function<turning_thruster, float, avoid_role, infinite_horizon> const slope({}, grid::grid<1>({{-1, 1, 2}}), std::move(values));
  safety_filter around(slope, least_restrictive{});
  CHECK(around({NAN}, {0, 0}).reason == filter_reason::off_grid);
  CHECK(std::hypot(around({NAN}, {0, 0}).control[0], around({NAN}, {0, 0}).control[1]) <= 1);
}

TEST_CASE("a query allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  auto const v = exact_value();
  safety_filter filter(v, keep_rate{2}, {.margin = 0.1});
  static_assert(noexcept(filter(state{}, input{})));
  auto const before = support::allocation_count();
  float sum = 0;
  for (int i = 0; i < 1000; ++i) sum += filter(state{0.002f * static_cast<float>(i), -0.9f}, input{-1}).control[0];
  CHECK(support::allocation_count() == before);
  CHECK(sum != 0);
}

TEST_CASE("options that make no sense are refused") {
  using support::contains;
  auto const v = exact_value();
  CHECK(contains(support::message_of<argument_error>([&] { safety_filter(v, keep_rate{-1}); }), "expected none below 0"));
  CHECK(contains(support::message_of<argument_error>([&] { safety_filter(v, least_restrictive{}, {.margin = NAN}); }), "expected none below 0"));
  CHECK(contains(support::message_of<argument_error>([&] { safety_filter(v, blend{0.1}, {.hysteresis = 0.1}); }), "only least_restrictive switches"));
}

TEST_CASE("roll-outs: the exact value function keeps its word, a filter needs its margin, and a bad one is found out") {
  backend::cpu one(1), two(2);
  auto const v = exact_value();
  verification_options const options{.starts = 4000, .margin = 0.02, .seconds = 3, .step = 0.01};
  auto const best = verify(one, v, avoid(wall{}), best_control{}, options);
  CHECK(best.starts == 4000);
  CHECK(best.violations == 0);
  CHECK(best.least > 0);
  auto const guarded = verify(one, v, avoid(wall{}), filter_reckless(keep_rate{2}, {.margin = 0.02}), options);
  CHECK(guarded.violations == 0);
  CHECK(guarded.left_grid < 4000);
  auto const again = verify(two, v, avoid(wall{}), filter_reckless(keep_rate{2}, {.margin = 0.02}), options);
  CHECK(again.least == guarded.least);
  CHECK(again.left_grid == guarded.left_grid);
  // Without a margin a filter that is asked a hundred times a second is too late by a hair.
  auto const late = verify(one, v, avoid(wall{}), filter_reckless(least_restrictive{}), {.starts = 4000, .seconds = 3, .step = 0.01});
  CHECK(late.violations > 0);
  CHECK(late.least > -0.05);
  // A value function of a system with stronger brakes than this one has.
  buffer<float> copy_of(v.nodes().size());
  copy(one, flatten(v.values()), copy_of.view());
  value_function<double_integrator, float, avoid_role, infinite_horizon> const wrong(double_integrator(0.5), v.nodes(), std::move(copy_of));
  auto const bad = verify(one, wrong, avoid(wall{}), best_control{}, options);
  CHECK(bad.violations > 100);
  CHECK(bad.first_violation[1] < 0);
  CHECK_THROWS_AS(verify(one, v, avoid(wall{}), best_control{}, {.step = 0}), argument_error);
}
