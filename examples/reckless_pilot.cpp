// A filter that keeps a reckless pilot safe: a car in a gusty yard, driven by somebody who looks at the goal and at nothing else.
//
//   reckless_pilot [--out FILE]
//
// The car (x, y, v, theta) accelerates and steers by curvature; gusts of up to 0.2 m/s push it towards where it is in danger. The pilot
// drives at full speed straight at the goal. Twice from each of a few starts: alone, and with a safety filter that changes its inputs only
// as far as the value function of the three posts demands. Prints the closest approach of both, and draws the paths.
#include "support/arguments.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/integrator.hpp>
#include <parapet/reachability/safety_filter.hpp>
#include <parapet/reachability/slice.hpp>
#include <parapet/reachability/systems/car_4d.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

constexpr float pi = 3.14159265f;

struct posts {
  template <class X>
  static PARAPET_FN X distance(vec<X, 4> const& s, float x, float y, float radius) {
    return math::sqrt((s[0] - X(x)) * (s[0] - X(x)) + (s[1] - X(y)) * (s[1] - X(y))) - X(radius);
  }
  /// Negative in a post.
  template <class X>
  PARAPET_FN X operator()(vec<X, 4> const& s) const {
    return math::min(distance(s, -1.0f, 0.7f, 0.6f), math::min(distance(s, 0.6f, -0.8f, 0.7f), distance(s, 1.3f, 1.0f, 0.4f)));
  }
};

constexpr float goal_x = 2.6f, goal_y = 0.3f;

/// Full speed, nose at the goal.
vec<float, 2> reckless(vec<float, 4> const& s) {
  float const bearing = std::remainder(std::atan2(goal_y - s[1], goal_x - s[0]) - s[3], 2 * pi);
  return {s[2] < 1.4f ? 1.0f : 0.0f, std::clamp(4 * bearing, -1.0f, 1.0f)};
}

struct path {
  std::vector<io::point2> points, guarded;  ///< all, and those where the filter acted
  float closest = 1e9f;
  bool arrived = false;
};

template <class Value, class Pilot>
path drive(Value const& value, vec<float, 4> s, Pilot pilot) {
  path p;
  for (int k = 0; k < 1000 && !p.arrived; ++k) {
    p.points.push_back({static_cast<double>(s[0]), static_cast<double>(s[1])});
    p.closest = std::min(p.closest, posts{}(s));
    p.arrived = std::hypot(s[0] - goal_x, s[1] - goal_y) < 0.2f;
    if (p.closest <= 0) break;  // a crash
    auto const [u, acted] = pilot(s);
    if (acted) p.guarded.push_back(p.points.back());
    s = rk4{}(value.system(), s, u, value.worst_disturbance(s, off_grid::clamp{}), 0.01f);
  }
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  support::arguments args(argc, argv, "A safety filter around a reckless pilot.", {{"out", "reckless_pilot.svg", "the picture"}});
  backend::cpu be;
  car_4d const car(1, 1, 0.2);
  grid::grid<4> const nodes({{-3, 3, 61}, {-2.5, 2.5, 51}, {-0.6, 1.8, 17}, {-pi, pi, 40, grid::periodic}});
  // The car stops within two seconds, so that four seconds are for ever; the filter would refuse a finite horizon that nobody vouches for.
  auto const value = hamilton_jacobi<float, grid::eno2>(be, car, nodes, avoid(posts{}), finite_horizon{4}).value.with_horizon(infinite_horizon{});

  io::svg_figure figure("A reckless pilot");
  auto& panel = figure.add_panel({-3, 3, -2.2, 2.2}, "gusts of 0.2 m/s against the car").labels("x [m]", "y [m]");
  auto const doomed = slice(value, 0, 1, {0, 0, 1.4f, 0});
  panel.region(doomed.values(), {doomed.x_low, doomed.x_high, doomed.y_low, doomed.y_high}, 0, {.fill = "#f6d5d2"}, "doomed at 1.4 m/s to the right");
  for (auto const& [x, y, radius] : {std::array{-1.0, 0.7, 0.6}, std::array{0.6, -0.8, 0.7}, std::array{1.3, 1.0, 0.4}})
    panel.circle({x, y}, radius, {.fill = "#8c8c8c"}, "post");
  panel.circle({static_cast<double>(goal_x), static_cast<double>(goal_y)}, 0.2, {.fill = "#5cb85c"}, "goal");

  bool kept = true;
  for (float const y : {-1.9f, -1.1f, 0.25f, 1.9f}) {
    vec<float, 4> const start{-2.7f, y, 0.5f, 0};
    safety_filter filter(value, keep_rate{4}, {.margin = 0.1}, off_grid::clamp{});
    path const alone = drive(value, start, [](auto const& s) { return std::pair(reckless(s), false); });
    path const guarded = drive(value, start, [&](auto const& s) {
      auto const f = filter(s, reckless(s));
      return std::pair(f.control, f.reason != filter_reason::inside);
    });
    std::printf("from y = %+.1f: alone %s (closest %+.2f m), with the filter %s (closest %+.2f m)\n", static_cast<double>(y),
                alone.closest <= 0 ? "crashes" : "passes", static_cast<double>(alone.closest), guarded.arrived ? "arrives" : "stays safe",
                static_cast<double>(guarded.closest));
    kept = kept && guarded.closest > 0;
    panel.polyline(alone.points, {.stroke = "#d9534f", .width = 1.4, .dash = "5 3"}, "alone");
    if (alone.closest <= 0) panel.marker(alone.points.back(), 4, {.fill = "#d9534f"}, "crash");
    panel.polyline(guarded.points, {.stroke = "#2171b5", .width = 1.8}, "with the filter");
    for (std::size_t k = 0; k < guarded.guarded.size(); k += 12) panel.marker(guarded.guarded[k], 1.8, {.fill = "#f0a000"}, "the filter acts");
  }
  figure.write(args.text("out"));
  return kept ? 0 : 1;
}
