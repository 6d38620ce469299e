// The Bellman operators against chains whose values are known in closed form, to rounding.
#include "support/backends.hpp"

#include <parapet/reachability/value_iteration.hpp>

#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace value_iteration_tests {  // named: nvcc warns of unused functions of an unnamed one

/// s -> max(s - 1, 0): whatever is done, the state falls to 0.
struct falling_chain {
  static constexpr int state_dim = 1;
  no_input controls{}, disturbances{};
  template <class X>
  PARAPET_FN vec<X, 1> derivative(vec<X, 1> const& s, vec<X, 0> const&, vec<X, 0> const&) const {
    return {math::max(s[0] - X(1.0f), X(0.0f))};
  }
};

/// l = s - c.
struct below {
  double c;
  template <class X>
  PARAPET_FN X operator()(vec<X, 1> const& s) const { return s[0] - X(c); }
};
/// An obstacle that is missed by 1 everywhere, but for a hair: a function that is the same everywhere is refused.
struct near_miss {
  template <class X>
  PARAPET_FN X operator()(vec<X, 1> const& s) const { return X(1.0f) + X(1e-14) * s[0]; }
};
/// s -> s + u + d on a line, |u| <= 1, d in {-1, 0, 1}: what a control is worth when chance has a say.
struct windy_walk {
  static constexpr int state_dim = 1;
  reachability::input_list<1, 3> controls{{{-1}, {0}, {1}}};
  reachability::input_list<1, 3> disturbances{{{-1}, {0}, {1}}};
  template <class X>
  PARAPET_FN vec<X, 1> derivative(vec<X, 1> const& s, vec<X, 1> const& u, vec<X, 1> const& d) const {
    return {s[0] + u[0] + X(2.0f) * d[0]};
  }
};

template <class B, class Value>
std::vector<double> host_values(B& be, Value const& v) {
  support::tensor<double, 1, typename B::space> copy_of(extents{v.nodes().size()});
  copy(be, flatten(v.values()), copy_of.flat());
  auto const host = support::download(be, copy_of);
  return {host.flat().data(), host.flat().data() + host.size()};
}

grid::grid<1> const sixty({{0, 59, 60}});
auto const one_step = steps_of(1).by(discrete_map{});

}  // namespace value_iteration_tests
using namespace value_iteration_tests;

TEST_CASE_TEMPLATE("safety iteration: the falling chain's values are those of the closed form", B, TEST_BACKENDS) {
  B be;
  constexpr double c = 20;
  struct {
    double g;
    int safe;
  } const rows[] = {{0.5, 39}, {0.875, 33}, {0.96875, 16}, {0.9921875, 0}};
  for (auto const& row : rows)
    for (sweep_kind const kind : {sweep_kind::jacobi, sweep_kind::gauss_seidel, sweep_kind::active_set}) {
      CAPTURE(row.g);
      double const g = row.g;
      auto const r = value_iteration<double>(be, falling_chain{}, sixty, avoid(below{c}), one_step, per_step{g}, {.tolerance = 1e-13 / (1 - g), .kind = kind});
      CHECK(r.converged);
      CHECK(r.bound <= 1e-13 / (1 - g));
      std::vector<double> const v = host_values(be, r.value);
      int safe = 0;
      double worst = 0;
      for (int s = 0; s < 60; ++s) {
        double const exact = s - c - g * (1 - std::pow(g, s)) / (1 - g);
        worst = std::max(worst, std::abs(v[static_cast<std::size_t>(s)] - exact));
        safe += v[static_cast<std::size_t>(s)] > 0;
      }
      CHECK(worst <= 1e-12);
      CHECK(worst <= r.bound);
      CHECK(safe == row.safe);  // all sixty are doomed
    }
}

TEST_CASE_TEMPLATE("reach and reach-avoid iteration: discounted, they find a part of what the chain reaches", B, TEST_BACKENDS) {
  B be;
  struct {
    double g;
    int reached, with_obstacle;
  } const rows[] = {{0.5, 6, 6}, {0.96875, 20, 12}, {0.9921875, 37, 20}, {0.998046875, 60, 36}, {0.99951171875, 60, 60}};
  for (auto const& row : rows) {
    CAPTURE(row.g);
    double const g = row.g;
    value_iteration_options const options{.tolerance = 1e-13 / (1 - g)};
    std::vector<double> const v = host_values(be, value_iteration<double>(be, falling_chain{}, sixty, reach(below{5}), one_step, per_step{g}, options).value);
    int found = 0;
    double worst = 0;
    for (int s = 0; s < 60; ++s) {
      double const exact = s - 5 - g * (1 - std::pow(g, s)) / (1 - g);
      worst = std::max(worst, std::abs(v[static_cast<std::size_t>(s)] - exact));
      found += v[static_cast<std::size_t>(s)] <= 0;
    }
    CHECK(worst <= 1e-12);
    CHECK(found == row.reached);  // all sixty get there
    // An obstacle at distance 1 that nobody meets makes it worse: no value falls below -1.
    auto const r = value_iteration<double>(be, falling_chain{}, sixty, reach(below{5}).while_avoiding(near_miss{}), one_step, per_step{g}, options);
    std::vector<double> const w = host_values(be, r.value);
    CHECK(std::count_if(w.begin(), w.end(), [](double value) { return value <= 0; }) == row.with_obstacle);
    CHECK(*std::min_element(w.begin(), w.end()) == doctest::Approx(-1).epsilon(1e-12));
  }
  auto const exact = value_iteration<double>(be, falling_chain{}, sixty, reach(below{5}), one_step, undiscounted{}, {.tolerance = 0});
  for (double const value : host_values(be, exact.value)) CHECK(value == -5);
  CHECK(exact.converged);
  CHECK(!exact.certified());
}

TEST_CASE_TEMPLATE("the backup contracts by the discount, and the certified bound holds at every sweep", B, TEST_BACKENDS) {
  B be;
  double const g = 0.9;
  auto const question = avoid(below{20});
  // l = s - 20 is stepped down from 39 to -20: the change runs down the chain and shrinks by g each sweep.
  auto const full = value_iteration<double>(be, falling_chain{}, sixty, question, one_step, per_step{g}, {.tolerance = 1e-11});
  std::vector<double> const exact = host_values(be, full.value);
  for (std::size_t k = 1; k < full.trace.size() && full.trace[k] > 1e-3; ++k) CHECK(std::abs(full.trace[k] / full.trace[k - 1] - g) <= 1e-6);
  for (index_t sweeps = 1; sweeps <= 40; ++sweeps) {
    auto const r = value_iteration<double>(be, falling_chain{}, sixty, question, one_step, per_step{g}, {.tolerance = 1e-11, .max_sweeps = sweeps});
    CHECK(!r.converged);
    double error = 0;
    std::vector<double> const v = host_values(be, r.value);
    for (std::size_t s = 0; s < v.size(); ++s) error = std::max(error, std::abs(v[s] - exact[s]));
    CHECK(error <= r.bound);
    CHECK(r.bound <= 20 * error + 1e-10);  // and it is no idle bound
  }
}

TEST_CASE_TEMPLATE("outcomes: worst case, CVaR and mean of a random walk come in that order, and are what they say", B, TEST_BACKENDS) {
  B be;
  grid::grid<1> const line({{-20, 20, 41}});
  auto const step = one_step.beyond_grid(beyond::clamp{});
  value_iteration_options const once{.tolerance = 1e-9, .max_sweeps = 1};
  auto const after_one = [&](auto outcome) {
    auto const r = value_iteration<double>(be, windy_walk{}, line, avoid(below{0}), step.with_outcome(outcome), per_step{0.5}, once);
    return host_values(be, r.value)[30];  // s = 10, where l = 10; best u = 1, then 11 - 2, 11, 11 + 2
  };
  auto const backed_up = [](double ahead) { return 0.5 * 10 + 0.5 * std::min(10.0, ahead); };
  CHECK(after_one(worst_case{}) == doctest::Approx(backed_up(9)).epsilon(1e-14));
  CHECK(after_one(expectation{}) == doctest::Approx(backed_up(11)).epsilon(1e-14));
  CHECK(after_one(expectation<3>{{{0.75, 0.125, 0.125}}}) == doctest::Approx(backed_up(0.75 * 9 + 0.125 * 11 + 0.125 * 13)).epsilon(1e-14));
  CHECK(after_one(cvar{1.0}) == doctest::Approx(backed_up(11)).epsilon(1e-14));
  CHECK(after_one(cvar{1.0 / 3}) == doctest::Approx(backed_up(9)).epsilon(1e-12));
  CHECK(after_one(cvar{0.5}) == doctest::Approx(backed_up((9 * 1.0 / 3 + 11 * (0.5 - 1.0 / 3)) / 0.5)).epsilon(1e-12));
  CHECK(after_one(cvar<3>{0.5, {{0.25, 0.5, 0.25}}}) == doctest::Approx(backed_up((9 * 0.25 + 11 * 0.25) / 0.5)).epsilon(1e-12));
}
