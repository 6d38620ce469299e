// The calls of docs/value_iteration.md.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/slice.hpp>
#include <parapet/reachability/systems/dubins_car.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <cstdio>

using namespace parapet;
using namespace parapet::reachability;

struct tree {
  template <class X>
  PARAPET_FN X operator()(vec<X, 3> const& s) const { return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(0.5f); }
};
struct garage {
  template <class X>
  PARAPET_FN X operator()(vec<X, 3> const& s) const { return math::max(math::abs(s[0] - X(2.0f)), math::abs(s[1])) - X(0.6f); }
};

int main() {
  backend::cpu be;
  double const pi = 3.14159265358979;
  dubins_car const car(1, 1, 0.1);
  grid::grid<3> const nodes({{-3, 3, 61}, {-3, 3, 61}, {0, 2 * pi, 36, grid::periodic}});

  auto const steps = steps_of(0.2).trying(3, 1);
  auto const lost = value_iteration<float>(be, car, nodes, avoid(tree{}), steps.beyond_grid(beyond::clamp{}), undiscounted{}, {.tolerance = 1e-3});
  auto const home = value_iteration<float>(be, car, nodes, reach(garage{}).while_avoiding(tree{}), steps, per_second{0.02}, {.tolerance = 1e-2});
  auto const gusts = value_iteration<float>(be, car, nodes, avoid(tree{}), steps.trying(3, 3).with_outcome(cvar{0.2}).beyond_grid(beyond::clamp{}),
                                            per_second{0.1}, {.tolerance = 1e-2, .kind = sweep_kind::active_set});

  vec<float, 3> const x{-2, 0.1f, 0};
  std::printf("doomed: %d, V = %.2f; gets home: %d, V = %.2f; in random gusts: V = %.2f, certified to %.3f\n", lost.value.contains(x),
              static_cast<double>(lost.value.value(x)), home.value.contains(x), static_cast<double>(home.value.value(x)),
              static_cast<double>(gusts.value.value(x)), gusts.bound);
  return !lost.value.contains(x) && home.value.contains(x) && gusts.bound < 0.011 ? 0 : 1;
}
