// The Bellman operators against chains whose values are known in closed form, to rounding.
#include "support/backends.hpp"

#include <parapet/reachability/value_iteration.hpp>

#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

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
/// Nowhere near.
struct far_obstacle {
  template <class X>
  PARAPET_FN X operator()(vec<X, 1> const& s) const { return s[0] + X(1000.0f); }
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

}  // namespace

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
