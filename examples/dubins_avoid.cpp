// Two cars on a collision course: from where can the pursuer force a crash, however the evader steers?
//
// The states are the pursuer's place and heading seen from the evader; both drive at 5 and turn at up to 1 rad/s. The set in which
// the evader is lost is three-dimensional: the figure has slices of it, one a relative heading.
//
//     g++ -std=c++20 -O3 -march=native -I include -I /usr/include/eigen3 examples/dubins_avoid.cpp -o dubins_avoid -pthread
//     ./dubins_avoid dubins_avoid.svg
//
// Prints, with the defaults: "26.5 % of the grid".
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>

#include "support/progress.hpp"

#include <cstdio>
#include <exception>
#include <numbers>
#include <string>

using namespace parapet;
using namespace parapet::reachability;

namespace {

/// Closer than 5 m.
struct collision {
  template <class X>
  X operator()(vec<X, 3> const& s) const {
    return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(5.0f);
  }
};

/// The nodes of one heading as an array (nx, ny).
tensor_view<float const, 2> slice(tensor_view<float const, 3> const& v, index_t heading) {
  return {v.data() + heading * v.stride(2), extents{v.extent(0), v.extent(1)}, extents{v.stride(0), v.stride(1)}};
}

}  // namespace

int main(int argc, char** argv) try {
  std::string const file = argc > 1 ? argv[1] : "dubins_avoid.svg";
  backend::cpu be;
  grid::grid const nodes({{-6, 20, 101, grid::away_from_zero}, {-10, 10, 78, grid::away_from_zero}, {0, 2 * std::numbers::pi, 100, grid::periodic}});
  support::progress bar("tenths of a second ahead", 28);
  auto const r = hamilton_jacobi<float, grid::weno5>(be, dubins_pair{}, nodes, avoid(collision{}), finite_horizon{2.8}, {},
                                                     [&](hamilton_jacobi_progress const& p) { bar.update(static_cast<long>(10 * p.time)); });
  index_t lost = 0;
  for (index_t n = 0; n < nodes.size(); ++n) lost += r.value.values().data()[n] <= 0;
  std::printf("%td steps; the evader is lost in %.1f %% of the grid\n", r.report.steps, 100.0 * static_cast<double>(lost) / static_cast<double>(nodes.size()));

  io::svg_figure figure("Two cars of equal speed: where the pursuer can force a crash within 2.8 s");
  io::rectangle const box{-6, 20, -10, 10};
  for (index_t const heading : {25, 50, 75}) {
    io::svg_panel& panel = figure.add_panel(box, "relative heading " + std::to_string(heading * 360 / 100) + " degrees").labels("x [m]", "y [m]");
    panel.region(slice(r.value.values(), heading), box, 0, {.fill = "#fdd0a2"}, "lost, V <= 0");
    panel.circle({0, 0}, 5, {.stroke = "#cb181d"}, "closer than 5 m");
  }
  figure.write(file);
} catch (std::exception const& e) {
  std::fprintf(stderr, "dubins_avoid: %s\n", e.what());
  return 1;
}
