// How fast may a cart be, and still stop before the wall? Found by Hamilton-Jacobi, checked against the parabola that braking draws.
//
//     x' = v, v' = u, |u| <= 1, walls at x = -1 and x = 1.  From v > 0 braking needs v^2 / 2: doomed is x + v^2 / 2 > 1.
//
//     g++ -std=c++20 -O3 -march=native -I include -I /usr/include/eigen3 examples/double_integrator_reach.cpp -o double_integrator_reach
//     ./double_integrator_reach double_integrator_reach.svg
//
// Prints, with the defaults: "largest distance from the parabolas: 0.001".
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

struct cart {
  static constexpr int state_dim = 2;
  static constexpr bool control_affine = true;
  box<1> controls{{-1}, {1}};
  no_input disturbances{};

  template <class X>
  vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 1> const& u, vec<X, 0> const&) const {
    return {s[1], u[0]};
  }
};

/// Negative beyond the walls: the set to keep out of.
struct beyond_walls {
  template <class X>
  X operator()(vec<X, 2> const& s) const {
    return X(1.0f) - math::abs(s[0]);
  }
};

}  // namespace

int main(int argc, char** argv) try {
  std::string const file = argc > 1 ? argv[1] : "double_integrator_reach.svg";
  backend::cpu be;
  grid::grid const nodes({{-1.5, 1.5, 201}, {-2, 2, 201}});
  auto const r = hamilton_jacobi<float>(be, cart{}, nodes, avoid(beyond_walls{}), infinite_horizon{});
  std::printf("%td steps, converged: %s\n", r.report.steps, r.report.converged ? "yes" : "no");
  for (std::string const& warning : r.report.warnings) std::printf("warning: %s\n", warning.c_str());

  // The boundary of the safe set at each x, against the parabola.
  double largest = 0;
  std::vector<io::point2> upper, lower;
  for (double x = -0.99; x <= 0.99; x += 0.01) {
    double const v = std::sqrt(2 * (1 - x));
    upper.push_back({x, v});
    lower.push_back({-x, -v});
    if (v > 1.8) continue;
    double safe = 0, doomed = 2;
    for (int k = 0; k < 40; ++k) {
      double const middle = (safe + doomed) / 2;
      (r.value.contains({static_cast<float>(x), static_cast<float>(middle)}) ? doomed : safe) = middle;
    }
    largest = std::max(largest, std::abs(safe - v));
  }
  std::printf("largest distance from the parabolas: %.3f\n", largest);
  auto const at_speed = r.value.control({0.0f, 1.41f});
  std::printf("at x = 0 and v = 1.41 the control that saves the cart is %.0f\n", static_cast<double>(at_speed[0]));

  io::svg_figure figure("A cart between walls");
  io::rectangle const box{-1.5, 1.5, -2, 2};
  io::svg_panel& panel = figure.add_panel(box, "").labels("x [m]", "v [m/s]");
  panel.region(r.value.values(), box, 0, {.fill = "#fdd0a2"}, "doomed, V <= 0");
  for (double const level : {0.2, 0.4, 0.6}) panel.iso_line(r.value.values(), box, level, {.stroke = "#9ecae1"}, "V = 0.2, 0.4, 0.6");
  panel.polyline(upper, {.stroke = "#08519c", .dash = "5 3"}, "braking parabolas");
  panel.polyline(lower, {.stroke = "#08519c", .dash = "5 3"}, "braking parabolas");
  figure.write(file);
  return largest < 0.01 ? 0 : 1;
} catch (std::exception const& e) {
  std::fprintf(stderr, "double_integrator_reach: %s\n", e.what());
  return 1;
}
