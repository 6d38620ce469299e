// What a discount does to a safe set: the double integrator between two walls, whose answer is known.
//
//     V(x, v) = min(1 - x - max(v, 0)^2 / 2,  1 + x - min(v, 0)^2 / 2),    safe where V > 0
//
//   discount_bias [--out FILE]
//
// Solves it by value iteration with ever weaker discounts, and by the Hamilton-Jacobi solver. Every discount calls doomed states safe; as
// the rate goes to 0 the iteration goes to the undiscounted set, which is that of the partial differential equation.
#include "support/arguments.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/slice.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

struct beyond_walls {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return X(1.0f) - math::abs(s[0]); }
};
double exact(double x, double v) {
  double const right = std::max(v, 0.0), left = std::min(v, 0.0);
  return std::min(1 - x - right * right / 2, 1 + x - left * left / 2);
}

grid::grid<2> const nodes({{-1.5, 1.5, 121}, {-2, 2, 161}});

struct comparison {
  double worst = 0, mean = 0;  ///< |V - exact|
  double false_safe = 0;       ///< fraction of the doomed nodes
};
/// Over |x| <= 1, |v| <= 1.5 and V >= -0.3: what is doomed more than that leaves the grid on its way.
template <class Value, class Reference>
comparison compare(Value const& value, Reference reference) {
  comparison c;
  double count = 0, doomed = 0;
  for (index_t i = 0; i < nodes.size(); ++i) {
    auto const s = nodes.state(nodes.index(i));
    if (std::abs(s[0]) > 1 || std::abs(s[1]) > 1.5 || exact(s[0], s[1]) < -0.3) continue;
    auto const v = static_cast<double>(value.values().data()[i]);
    double const error = std::abs(v - reference(i));
    c.worst = std::max(c.worst, error);
    c.mean += error;
    ++count;
    if (exact(s[0], s[1]) > 0) continue;
    ++doomed;
    c.false_safe += v > 1e-9;
  }
  c.mean /= count;
  c.false_safe /= doomed;
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  support::arguments args(argc, argv, "The bias of a discount.", {{"out", "discount_bias.svg", "the picture"}});
  backend::cpu be;
  auto const steps = steps_of(0.1).trying(3, 1);
  auto const equation = hamilton_jacobi<double, grid::weno5>(be, double_integrator{}, nodes, avoid(beyond_walls{}), finite_horizon{3}).value;
  auto const by_node = [&](index_t i) { return equation.values().data()[i]; };
  auto const truth = [](index_t i) { return exact(nodes.state(nodes.index(i))[0], nodes.state(nodes.index(i))[1]); };
  comparison const c = compare(equation, truth);
  std::printf("Hamilton-Jacobi, WENO5:       |V - exact| mean %.4f, worst %.4f, doomed nodes called safe %.4f\n", c.mean, c.worst, c.false_safe);

  io::svg_figure figure("Safe sets under a discount");
  io::rectangle const box{-1.5, 1.5, -2, 2};
  auto& sets = figure.add_panel({-1.2, 1.2, -1.8, 1.8}, "edges of the safe set").labels("x [m]", "v [m/s]");
  auto& errors = figure.add_panel({-3.2, 0.4, -4, 0.5}, "against the equation").labels("log10 of the rate [1/s]", "log10 of |V - V_HJ|");
  std::vector<io::point2> worst, mean, false_safe;
  double last = 1;
  for (double const rate : {2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003, 0.001}) {
    auto const r = value_iteration<double>(be, double_integrator{}, nodes, avoid(beyond_walls{}), steps, per_second{rate}, {.tolerance = 1e-9, .max_sweeps = 1000000});
    comparison const from_equation = compare(r.value, by_node), from_truth = compare(r.value, truth);
    std::printf("rate %5.3f / s, %6zu sweeps: |V - V_HJ| mean %.4f, worst %.4f, doomed nodes called safe %.4f, certified to %.0e\n", rate, r.trace.size(),
                from_equation.mean, from_equation.worst, from_truth.false_safe, r.bound);
    worst.push_back({std::log10(rate), std::log10(from_equation.worst)});
    mean.push_back({std::log10(rate), std::log10(from_equation.mean)});
    false_safe.push_back({std::log10(rate), std::log10(from_truth.false_safe)});
    last = from_equation.mean;
    if (rate == 2 || rate == 0.5 || rate == 0.1)
      sets.iso_line(slice(r.value, 0, 1, {0, 0}).values(), box, 0, {.stroke = rate == 2 ? "#d9534f" : rate == 0.5 ? "#f0a000" : "#5cb85c", .width = 1.8},
                    rate == 2 ? "rate 2 / s" : rate == 0.5 ? "0.5 / s" : "0.1 / s");
  }
  auto const r = value_iteration<double>(be, double_integrator{}, nodes, avoid(beyond_walls{}), steps, undiscounted{}, {.tolerance = 1e-12});
  comparison const undiscounted_error = compare(r.value, by_node);
  std::printf("undiscounted,  %6zu sweeps: |V - V_HJ| mean %.4f, worst %.4f\n", r.trace.size(), undiscounted_error.mean, undiscounted_error.worst);
  sets.iso_line(slice(r.value, 0, 1, {0, 0}).values(), box, 0, {.stroke = "#2171b5", .width = 1.8}, "undiscounted");
  std::vector<io::point2> edge;
  for (int k = -180; k <= 180; ++k) edge.push_back({1 - std::pow(std::max(k / 100.0, 0.0), 2) / 2, k / 100.0});
  sets.polyline(edge, {.stroke = "#222222", .width = 1.2, .dash = "4 3"}, "exact");
  for (auto& p : edge) p = {-p.x, -p.y};
  sets.polyline(edge, {.stroke = "#222222", .width = 1.2, .dash = "4 3"}, "exact");
  errors.polyline(worst, {.stroke = "#6a51a3"}, "worst").polyline(mean, {.stroke = "#222222"}, "mean");
  errors.polyline(false_safe, {.stroke = "#d9534f", .dash = "5 3"}, "fraction of doomed states called safe");
  errors.polyline(std::vector<io::point2>{{-3.2, std::log10(undiscounted_error.mean)}, {0.4, std::log10(undiscounted_error.mean)}}, {.stroke = "#222222", .width = 1, .dash = "2 3"}, "mean, undiscounted");
  figure.write(args.text("out"));
  return last < 1.5 * undiscounted_error.mean + 0.002 ? 0 : 1;
}
