// Hamilton-Jacobi: time to solve, and grid points a second.
//
//     bench_hamilton_jacobi [threads]
//
// Air3D as in hj_reachability's quick start, whose times are printed by hamilton_jacobi_peer.py on the same machine; a car in four
// dimensions on 40 x 40 x 50 x 50 nodes; the grid of the published FPGA (60 x 60 x 20 x 36, half a second ahead); six dimensions.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>

#include "../support/braking.hpp"
#include "../support/dubins_collision.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numbers>

using namespace parapet;
using namespace parapet::reachability;

namespace {

/// x' = v cos q + d_0, y' = v sin q + d_1, v' = a, q' = v k, |a|, |k| <= 1, |d| <= 0.25; state (x, y, v, q).
struct car {
  static constexpr int state_dim = 4;
  box<2> controls = box<2>::symmetric(1);
  ball<2> disturbances{0.25};

  template <class X>
  PARAPET_INLINE vec<X, 4> drift(vec<X, 4> const& s) const {
    return {s[2] * math::cos(s[3]), s[2] * math::sin(s[3]), X(0.0f), X(0.0f)};
  }
  template <class X>
  PARAPET_INLINE mat<X, 4, 2> control_matrix(vec<X, 4> const& s) const {
    X const o(0.0f), i(1.0f);
    return {o, o, o, o, i, o, o, s[2]};
  }
  template <class X>
  PARAPET_INLINE mat<X, 4, 2> disturbance_matrix(vec<X, 4> const&) const {
    X const o(0.0f), i(1.0f);
    return {i, o, o, i, o, o, o, o};
  }
};

struct disc {
  template <class X>
  PARAPET_INLINE X operator()(vec<X, 4> const& s) const { return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(1.0f); }
};

/// Best of several solves: seconds, CPU seconds (which a busy machine does not change much), and points times stages a second.
template <class Scheme, class System, int D, class Problem>
void time_solve(char const* name, backend::cpu& be, System const& system, grid::grid<D> const& nodes, Problem const& problem, double horizon, int repeats) {
  double best = HUGE_VAL, cpu = 0, swept = 1;
  index_t steps = 0;
  for (int k = 0; k < repeats; ++k) {
    auto const begin = std::chrono::steady_clock::now();
    std::clock_t const cpu_begin = std::clock();
    auto const r = hamilton_jacobi<float, Scheme>(be, system, nodes, problem, finite_horizon{horizon});
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (seconds < best) cpu = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
    best = std::min(best, seconds);
    steps = r.report.steps;
    swept = r.report.swept;
  }
  int const stages = std::min(Scheme::order, 3);
  double const points = static_cast<double>(nodes.size()) * static_cast<double>(steps * stages);
  std::printf("%-44s %5td steps %9.4f s  %9.4f CPU s  %6.3f G point-stages/s  %3.0f %% of the rows swept\n", name, steps, best, cpu, 1e-9 * points / best, 100 * swept);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  backend::cpu be(argc > 1 ? std::atoi(argv[1]) : backend::hardware_threads());
  std::printf("%d thread(s), %d-byte registers\n", be.threads(), PARAPET_SIMD_BYTES);
  using support::collision;
  using support::collision_grid;
  time_solve<grid::upwind>("Air3D 51x40x50, first order", be, dubins_pair{}, collision_grid(51, 40, 50), avoid(collision{}), 2.8, 20);
  time_solve<grid::weno5>("Air3D 51x40x50, WENO5 and RK3", be, dubins_pair{}, collision_grid(51, 40, 50), avoid(collision{}), 2.8, 3);
  time_solve<grid::upwind>("Air3D 101x78x100, first order", be, dubins_pair{}, collision_grid(101, 78, 100), avoid(collision{}), 2.8, 3);
  time_solve<grid::weno5>("Air3D 101x78x100, WENO5 and RK3", be, dubins_pair{}, collision_grid(101, 78, 100), avoid(collision{}), 2.8, 1);
  double const pi = std::numbers::pi;
  grid::grid const quick_start({{-5, 5, 40}, {-5, 5, 40}, {-1, 1, 50}, {-pi, pi, 50, grid::periodic}});
  time_solve<grid::upwind>("4-D car 40x40x50x50, first order, set", be, car{}, quick_start, reach(disc{}).as_set(), 2, 1);
  grid::grid const fpga({{-3, 3, 60}, {-1, 4, 60}, {0, 4, 20}, {-pi, pi, 36, grid::periodic}});
  time_solve<grid::upwind>("4-D car 60x60x20x36, 0.5 s ahead", be, car{}, fpga, reach(disc{}), 0.5, 3);
  time_solve<grid::upwind>("6-D, three masses, 17^6, first order", be, support::masses<3>{}, support::braking_grid<3>(17),
                           avoid(support::beyond_walls<3>{}), 0.3, 1);
}
