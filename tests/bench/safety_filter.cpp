// One query of a safety filter on a 4-D grid: value, slopes, worst disturbance, and the projection of the wish.
//
//   bench_safety_filter [queries]        run it on an idle machine
//
// Two sequences of states: along trajectories, as a control loop asks, and all over the grid, where each query misses the caches.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/reachability/safety_filter.hpp>
#include <parapet/reachability/systems/car_4d.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <algorithm>
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

double nanoseconds() { return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <class Value, class Mode>
void time_filter(char const* name, Value const& value, Mode mode, std::vector<vec<float, 4>> const& states, std::vector<vec<float, 2>> const& wishes) {
  safety_filter filter(value, mode, {.margin = 0.05});
  double best = 1e30;
  float sum = 0;
  index_t counts[4] = {};
  for (int run = 0; run < 7; ++run) {
    double const begin = nanoseconds();
    for (std::size_t i = 0; i < states.size(); ++i) {
      auto const r = filter(states[i], wishes[i]);
      sum += r.control[0];
      ++counts[static_cast<int>(r.reason)];
    }
    best = std::min(best, (nanoseconds() - begin) / static_cast<double>(states.size()));
  }
  double const all = 7 * static_cast<double>(states.size());
  std::printf("  %-28s %6.1f ns a query; inside %.2f, active %.2f, infeasible %.2f (%g)\n", name, best, static_cast<double>(counts[0]) / all,
              static_cast<double>(counts[1]) / all, static_cast<double>(counts[2]) / all, static_cast<double>(sum));
}

}  // namespace

int main(int argc, char** argv) {
  int const queries = argc > 1 ? std::atoi(argv[1]) : 1000000;
  backend::cpu be(1);
  grid::grid<4> const nodes({{-5, 5, 60}, {-5, 5, 60}, {-1, 1, 20}, {-pi, pi, 36, grid::periodic}});
  auto const r = value_iteration<float>(be, car_4d(1, 1, 0.25), nodes, avoid(disc{}), steps_of(0.25).trying(2, 2).beyond_grid(beyond::clamp{}), undiscounted{},
                                        {.tolerance = 1e-3, .kind = sweep_kind::active_set});
  philox_stream const random(1, 0);
  std::vector<vec<float, 4>> anywhere, along;
  std::vector<vec<float, 2>> wishes;
  vec<float, 4> x{0, 3, 0.5f, 0};
  for (int i = 0; i < queries; ++i) {
    auto const uniform = [&](int k, float low, float high) { return low + (high - low) * random.uniform(8 * index_t{i} + k); };
    anywhere.push_back({uniform(0, -5, 5), uniform(1, -5, 5), uniform(2, -1, 1), uniform(3, -3.14f, 3.14f)});
    wishes.push_back({uniform(4, -1, 1), uniform(5, -1, 1)});
    vec<float, 2> const none{0, 0};
    x = rk4{}(r.value.system(), x, wishes.back(), none, 0.01f);
    x = {std::clamp(x[0], -4.9f, 4.9f), std::clamp(x[1], -4.9f, 4.9f), std::clamp(x[2], -0.9f, 0.9f), x[3]};
    along.push_back(x);
  }
  for (auto const* states : {&along, &anywhere}) {
    std::printf("%d queries %s, 4-D grid of %.1f M nodes, float\n", queries, states == &along ? "along a trajectory" : "all over the grid",
                1e-6 * static_cast<double>(nodes.size()));
    time_filter("least restrictive", r.value, least_restrictive{}, *states, wishes);
    time_filter("blend", r.value, blend{0.2}, *states, wishes);
    time_filter("keep rate (half-space)", r.value, keep_rate{1}, *states, wishes);
  }
}
