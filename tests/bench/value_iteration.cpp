// Where the time of value iteration goes: successors computed in each sweep or kept, and three kinds of sweeps.
//
//   bench_value_iteration [threads]        run it on an idle machine
//
// The 4-D car between obstacles, 9 controls a node; then the double integrator to convergence by each kind of sweep.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/car_4d.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

constexpr double pi = 3.14159265358979;

struct disc {
  template <class X>
  PARAPET_FN X operator()(vec<X, 4> const& s) const { return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(1.0f); }
};
struct outside_unit {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return X(1.0f) - math::abs(s[0]); }
};

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <class T>
void time_sweeps(backend::cpu& be, char const* type, index_t stencil_bytes) {
  grid::grid<4> const nodes({{-5, 5, 40}, {-5, 5, 40}, {-1, 1, 21}, {-pi, pi, 48, grid::periodic}});
  std::vector<double> at;
  auto const begin = seconds();
  auto const r = value_iteration<T>(be, car_4d(1, 1, 0), nodes, avoid(disc{}), steps_of(0.25).trying(3, 1).beyond_grid(beyond::clamp{}), undiscounted{},
                                    {.tolerance = 0, .max_sweeps = 6, .stencil_bytes = stencil_bytes}, [&](index_t, double) { at.push_back(seconds()); });
  double const sweep = (at[5] - at[1]) / 4, pairs = static_cast<double>(nodes.size()) * 9;
  std::printf("%-6s successors %-9s first sweep %6.0f ms, others %6.0f ms: %5.1f ns a node and control, %6.1f M/s\n", type,
              r.kept_stencils ? "kept:" : "computed:", 1e3 * (at[0] - begin), 1e3 * sweep, 1e9 * sweep / pairs, 1e-6 * pairs / sweep);
}

void time_kinds(backend::cpu& be) {
  grid::grid<2> const nodes({{-1.5, 1.5, 301}, {-2, 2, 401}});
  struct {
    sweep_kind kind;
    char const* name;
  } const kinds[] = {{sweep_kind::jacobi, "Jacobi"}, {sweep_kind::gauss_seidel, "Gauss-Seidel"}, {sweep_kind::active_set, "active set"}};
  for (auto const& k : kinds)
    for (double const g : {1.0, 0.99}) {
      double const begin = seconds();
      auto const solve = [&](auto discount) {
        auto const r = value_iteration<float>(be, double_integrator{}, nodes, avoid(outside_unit{}), steps_of(0.05).trying(3, 1), discount,
                                              {.tolerance = g < 1 ? 1e-3 : 0.0, .kind = k.kind});
        return r.trace.size();
      };
      std::size_t const sweeps = g < 1 ? solve(per_step{g}) : solve(undiscounted{});
      std::printf("double integrator 301 x 401, g = %.2f, %-12s %5zu sweeps, %7.1f ms\n", g, k.name, sweeps, 1e3 * (seconds() - begin));
    }
}

}  // namespace

int main(int argc, char** argv) {
  backend::cpu be(argc > 1 ? std::atoi(argv[1]) : backend::hardware_threads());
  std::printf("%d thread%s\n", be.threads(), be.threads() == 1 ? "" : "s");
  time_sweeps<float>(be, "float", index_t{1} << 32);
  time_sweeps<float>(be, "float", 0);
  time_sweeps<double>(be, "double", index_t{1} << 32);
  time_sweeps<double>(be, "double", 0);
  time_kinds(be);
}
