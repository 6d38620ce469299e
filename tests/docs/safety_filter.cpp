// The program of docs/safety_filter.md: a filter between a controller and a car with brakes, checked by roll-outs.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/safety_filter.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/verification.hpp>

#include <cstdio>

using namespace parapet;
using namespace parapet::reachability;

struct beyond_track {  // negative where it must never be: off a track of 2 m
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return X(1.0f) - math::abs(s[0]); }
};

int main() {
  backend::cpu be;
  double_integrator const car(1, 0.1);  // 1 m/s^2 of thrust, 0.1 m/s^2 of wind
  grid::grid<2> const nodes({{-1.5, 1.5, 151}, {-2, 2, 201}});
  auto const r = hamilton_jacobi<float>(be, car, nodes, avoid(beyond_track{}), infinite_horizon{});

  safety_filter filter(r.value, keep_rate{2}, {.margin = 0.05});
  auto const [u, reason, safety] = filter({0.2f, 1.0f}, {1.0f});  // at 0.2 m and 1 m/s, the controller wants full thrust
  std::printf("apply %.2f m/s^2: %s, safety %.2f\n", static_cast<double>(u[0]), name_of(reason), static_cast<double>(safety));

  auto const guarded = filter_reckless(keep_rate{2}, {.margin = 0.05});
  auto const v = verify(be, r.value, avoid(beyond_track{}), guarded, {.starts = 2000, .margin = 0.05, .seconds = 4, .step = 0.01});
  std::printf("%td of %td roll-outs left the track\n", v.violations, v.starts);
  return v.violations == 0 && v.starts == 2000 ? 0 : 1;
}
