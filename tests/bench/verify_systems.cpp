// Roll-outs of every shipped system: from 10^5 starts that V calls safe by a margin, does the best control, or a filter that guards the most
// reckless wish, ever fail against the worst disturbance? What margin does it take?
//
//   bench_verify_systems [starts [solver]]        solver: 1 Hamilton-Jacobi, until the horizon of the roll-outs, 2 value iteration, 3 both
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/value_iteration.hpp>
#include <parapet/reachability/verification.hpp>

#include "../reachability/shipped_systems.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace shipped;

namespace {

index_t starts = 100000;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The least margin of the list from which nothing fails, under the best control and under a filter.
template <class Value, class Case>
void check(backend::cpu& be, char const* solver, double solve_time, Value const& value, Case const& c) {
  std::printf("%-22s %-16s %6.1f s |", c.name, solver, solve_time);
  auto const run = [&](char const* name, auto controller_of) {
    for (double const margin : {0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0}) {
      auto const r = verify(be, value, avoid(c.failure), controller_of(margin), {.starts = starts, .margin = margin, .seconds = c.seconds, .step = 0.01});
      if (r.violations > 0 && margin < 1) continue;
      std::printf(" %s: margin %.2f, %td of %td fail |", name, margin, r.violations, r.starts);
      return;
    }
  };
  run("best control", [](double) { return best_control{}; });
  run("filter", [](double margin) { return filter_reckless(keep_rate{2}, {.margin = margin}); });
  std::printf("\n");
  std::fflush(stdout);
}

template <class Scheme, class Case>
void by_hamilton_jacobi(backend::cpu& be, char const* scheme, Case const& c) {
  double const begin = seconds();
  auto const r = hamilton_jacobi<float, Scheme>(be, c.system, c.nodes, avoid(c.failure), finite_horizon{c.seconds});
  check(be, scheme, seconds() - begin, r.value, c);
}
template <class Case, class Beyond>
void by_value_iteration(backend::cpu& be, double step, Beyond off_grid, Case const& c) {
  double const begin = seconds();
  auto const r = value_iteration<float>(be, c.system, c.nodes, avoid(c.failure), steps_of(step).trying(3, 2).beyond_grid(off_grid), undiscounted{},
                                        {.tolerance = 1e-4, .kind = sweep_kind::active_set});
  check(be, "value iteration", seconds() - begin, r.value, c);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) starts = std::atoll(argv[1]);
  int const solver = argc > 2 ? std::atoi(argv[2]) : 3;
  backend::cpu be;
  if (solver & 1) {
    by_hamilton_jacobi<grid::weno5>(be, "WENO5", double_integrator_case());
    by_hamilton_jacobi<grid::weno5>(be, "WENO5", dubins_car_case());
    by_hamilton_jacobi<grid::weno5>(be, "WENO5", dubins_pair_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", inverted_pendulum_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", car_4d_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", point_robot_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", car_5d_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", hover_quadrotor_case());
    by_hamilton_jacobi<grid::eno2>(be, "ENO2", planar_quadrotor_case());
  }
  if (solver & 2) {
    by_value_iteration(be, 0.05, beyond::conservative{}, double_integrator_case());
    by_value_iteration(be, 0.05, beyond::conservative{}, inverted_pendulum_case());
    by_value_iteration(be, 0.1, beyond::clamp{}, dubins_car_case());
    by_value_iteration(be, 0.1, beyond::clamp{}, dubins_pair_case());
    by_value_iteration(be, 0.2, beyond::clamp{}, car_4d_case());
    by_value_iteration(be, 0.2, beyond::clamp{}, point_robot_case());
  }
}
