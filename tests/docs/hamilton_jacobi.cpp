// What docs/hamilton_jacobi.md quotes: a boat in a current, and the calls around it.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/coarse_to_fine.hpp>
#include <parapet/reachability/decomposition.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/time_to_reach.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

struct boat {
  static constexpr int state_dim = 2;
  static constexpr bool control_affine = true;
  box<2> controls{{-1, -1}, {1, 1}};
  ball<2> disturbances{0.2};  // gusts

  template <class X>
  PARAPET_FN vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 2> const& u, vec<X, 2> const& d) const {
    X const current = X(2.0f) - X(0.5f) * s[1] * s[1];
    return {current + u[0] + d[0], u[1] + d[1]};
  }
};

struct disc {
  double x, y, radius;
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const {
    X const dx = s[0] - X(x), dy = s[1] - X(y);
    return math::sqrt(dx * dx + dy * dy) - X(radius);
  }
};

struct drifting_log {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s, X t) const {
    X const dx = s[0] + X(1.5f) - t, dy = s[1] - X(0.5f);
    return math::sqrt(dx * dx + dy * dy) - X(0.3f);
  }
};

int main() {
  backend::cpu be;
  grid::grid const nodes({{-3, 2, 101}, {-2, 2, 81}});
  disc const harbour{1.5, 0, 0.5}, rock{-0.5, 0.5, 0.5};
  auto const r = hamilton_jacobi<float>(be, boat{}, nodes, reach(harbour).while_avoiding(rock), finite_horizon{2});
  vec<float, 2> const here{-1.5f, -1.0f};
  if (r.value.contains(here)) {
    auto const u = r.value.control(here);
    std::printf("steer (%.0f, %.0f)\n", static_cast<double>(u[0]), static_cast<double>(u[1]));
  }
  for (std::string const& warning : r.report.warnings) std::printf("%s\n", warning.c_str());

  auto const moving = hamilton_jacobi<float>(be, boat{}, nodes, reach(harbour).while_avoiding(drifting_log{}), finite_horizon{2});

  auto const soonest = time_to_reach<float, grid::eno2>(be, boat{}, nodes, reach(harbour), finite_horizon{3});
  std::printf("at the earliest in %.2f s\n", static_cast<double>(soonest.at(here)));

  grid::grid const coarse_nodes({{-3, 2, 51}, {-2, 2, 41}});
  auto const coarse = hamilton_jacobi<float>(be, boat{}, coarse_nodes, avoid(rock), infinite_horizon{});
  buffer<float> start(nodes.size());
  start_from(be, coarse.value, nodes, avoid(rock), 0.1f, start.view(nodes.shape()));
  auto const fine = hamilton_jacobi<float>(be, boat{}, nodes, avoid(rock), infinite_horizon{}, {.start = start.data()});
  std::printf("%td steps after %td on the coarse grid\n", fine.report.steps, coarse.report.steps);
  return r.value.contains(here) && fine.report.converged && moving.report.steps > 0 ? 0 : 1;
}
