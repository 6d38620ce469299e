// Your own system in twenty lines: a boat that drifts towards a weir and may row, and asks from where it can still get away.
//
//     x' = 0.5 + 1.2 exp(-y^2) + d,   y' = u,   |u| <= 1, |d| <= 0.2        the current is fastest in the middle
//
//   own_dynamics          prints how far it can let itself go, and writes own_dynamics.svg
//
// Where the value function is positive, the boat can keep off the weir at x > 0 for ever: it must reach the bank in time.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/slice.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <cmath>
#include <cstdio>

using namespace parapet;
using namespace parapet::reachability;

struct boat {
  static constexpr int state_dim = 2;
  static constexpr bool control_affine = true;
  box<1> controls{{-1}, {1}};           // rowing, m/s
  box<1> disturbances{{-0.2}, {0.2}};   // gusts along the river, m/s

  template <class X>
  PARAPET_FN vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 1> const& u, vec<X, 1> const& d) const {
    X const current = math::where(math::abs(s[1]) > X(2.0f), X(0.0f), X(0.5f) + X(1.2f) * math::exp(X(0.0f) - s[1] * s[1]));
    return {current + d[0], u[0]};
  }
};

/// Negative on the weir: x > 0 between the banks at |y| = 2.
struct weir {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return math::max(X(0.0f) - s[0], math::abs(s[1]) - X(2.0f)); }
};

int main() {
  backend::cpu be;
  grid::grid<2> const nodes({{-6, 0.5, 131}, {-3, 3, 121}});
  auto const r = value_iteration<float>(be, boat{}, nodes, avoid(weir{}), steps_of(0.1).trying(3, 2).beyond_grid(beyond::clamp{}), undiscounted{});
  std::printf("%zu sweeps, last change %.1e\n", r.trace.size(), r.residual);
  for (float y : {0.0f, 0.5f, 1.0f, 1.5f}) {
    float x = -6;
    while (x < 0 && r.value.value({x, y}) > 0) x += 0.01f;
    double const far = 2 - static_cast<double>(y);  // rows straight to the bank, with a gust of 0.2 m/s all the way
    double const exact = 0.7 * far + 0.6 * std::sqrt(3.14159265) * (std::erf(2.0) - std::erf(static_cast<double>(y)));
    std::printf("at y = %.1f m the boat must row at the latest %.2f m before the weir; exact: %.2f m\n", static_cast<double>(y), static_cast<double>(-x), exact);
  }

  auto const v = slice(r.value, 0, 1, {0, 0});
  io::rectangle const river{v.x_low, v.x_high, v.y_low, v.y_high};
  io::svg_figure figure("A boat above a weir");
  auto& panel = figure.add_panel({-4, 0.5, -2.5, 2.5}, "where it must row to get away").labels("x [m]", "y [m]");
  panel.region(v.values(), river, 0, {.fill = "#f6d5d2"}, "lost, whatever it does: V \u2264 0");
  for (double const level : {0.25, 0.5, 0.75}) panel.iso_line(v.values(), river, level, {.stroke = "#9ecae1", .width = 1}, "V = 0.25, 0.5, 0.75");
  panel.polyline(std::vector<io::point2>{{0, -2}, {0, 2}}, {.stroke = "#d9534f", .width = 3}, "weir");
  for (double const bank : {-2.0, 2.0}) panel.polyline(std::vector<io::point2>{{-4, bank}, {0.5, bank}}, {.stroke = "#5cb85c", .width = 2}, "banks");
  figure.write("own_dynamics.svg");
}
