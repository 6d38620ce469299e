// Hamilton-Jacobi against what is known: errors of every scheme, orders as a figure, more masses, Air3D.
//
//     bench_hamilton_jacobi_accuracy [orders.svg]      exit status 1 where a state is called safe that is not
//
// Problem and judged region: tests/support/braking.hpp. Some minutes on one core; the small sizes are tests.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>

#include "../support/braking.hpp"
#include "../support/dubins_collision.hpp"

#include <cmath>
#include <initializer_list>
#include <cstdio>
#include <string>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;
using namespace support;

namespace {

index_t false_safe = 0;

struct curve {
  std::string scheme;
  std::vector<io::point2> mean;  // log10 of n and of the error
};

void print(char const* name, index_t n, errors const& e) {
  std::printf("%-18s n = %3td   largest %.2e   mean %.2e   false safe %td   false unsafe %td of %td\n", name, n, e.largest, e.mean, e.false_safe,
              e.false_unsafe, e.judged);
  std::fflush(stdout);
  false_safe += e.false_safe;
}

template <class T, class Scheme, int K>
auto solve(backend::cpu& be, index_t n) {
  return hamilton_jacobi<T, Scheme>(be, masses<K>{}, braking_grid<K>(n), avoid(beyond_walls<K>{}), finite_horizon{2.5}).value;
}

template <class T, class Scheme>
curve one_mass(backend::cpu& be, char const* name) {
  curve c{name, {}};
  for (index_t const n : {51, 101, 201, 401}) {
    errors const e = against_exact(solve<T, Scheme, 1>(be, n), 2.5, inner_box);
    print(name, n, e);
    c.mean.push_back({std::log10(static_cast<double>(n)), std::log10(e.mean)});
  }
  return c;
}

/// Judged where the optimal paths stay on the grid, and in that part of it where every mass is in the inner box.
template <class Scheme, int K>
void more_masses(backend::cpu& be, char const* name, std::initializer_list<index_t> sizes) {
  for (index_t const n : sizes) {
    auto const value = solve<float, Scheme, K>(be, n);
    print(name, n, against_exact(value, 2.5, inner_band{}));
    print("      inner part", n, against_exact(value, 2.5, inner_part_of_band{}));
  }
}

template <class Scheme>
void air3d(backend::cpu& be, char const* name, index_t nx, index_t ny, index_t heading) {
  auto const r = hamilton_jacobi<float, Scheme>(be, dubins_pair{}, collision_grid(nx, ny, heading), avoid(collision{}), finite_horizon{2.8});
  auto const quarter = static_cast<float>(std::numbers::pi / 2);
  index_t inside = 0;
  for (index_t k = 0; k < r.value.nodes().size(); ++k) inside += r.value.values().data()[k] <= 0;
  std::printf("Air3D %s %td: volume %.2f, share of nodes %.6f, V = 0 at x = %.3f and y = %.3f, V(8, 2, 3) = %.4f, V(4, 4, pi / 2) = %.4f\n", name, nx,
              volume(r.value), static_cast<double>(inside) / static_cast<double>(r.value.nodes().size()), crossing(r.value, {0, 0, quarter}, 0, 0, 20),
              crossing(r.value, {0, 0, quarter}, 1, 0, 10), static_cast<double>(r.value.value({8, 2, 3})),
              static_cast<double>(r.value.value({4, 4, quarter})));
  std::fflush(stdout);
}

void plot(std::vector<curve> const& curves, std::string const& file) {
  static constexpr char const* colours[] = {"#cb181d", "#fd8d3c", "#74c476", "#6baed6", "#08519c"};
  io::svg_figure figure("Mean error against the exact value", 1, 420, 340);
  io::svg_panel& panel = figure.add_panel({1.6, 2.7, -4.5, -1.5}, "a mass between walls, n x n nodes").labels("log10 n", "log10 of the mean error");
  for (std::size_t k = 0; k < curves.size(); ++k) {
    panel.polyline(curves[k].mean, {.stroke = colours[k % 5]}, curves[k].scheme);
    for (io::point2 const& p : curves[k].mean) panel.marker(p, 2.5, {.fill = colours[k % 5]});
  }
  panel.polyline({{1.7, -1.9}, {2.6, -2.8}}, {.stroke = "#969696", .dash = "4 3"}, "order 1");
  panel.polyline({{1.7, -2.95}, {2.6, -4.3}}, {.stroke = "#969696", .dash = "1 3"}, "order 1.5");
  figure.write(file);
}

}  // namespace

int main(int argc, char** argv) {
  backend::cpu be;
  std::vector<curve> curves;
  curves.push_back(one_mass<float, grid::upwind>(be, "upwind"));
  curves.push_back(one_mass<float, grid::eno2>(be, "ENO2"));
  curves.push_back(one_mass<float, grid::weno3>(be, "WENO3"));
  curves.push_back(one_mass<float, grid::eno3>(be, "ENO3"));
  curves.push_back(one_mass<float, grid::weno5>(be, "WENO5"));
  one_mass<double, grid::weno5>(be, "WENO5 double");
  one_mass<float, grid::weno5_fixed>(be, "WENO5 fixed");
  one_mass<double, grid::weno5_fixed>(be, "WENO5 fixed double");
  if (argc > 1) plot(curves, argv[1]);
  more_masses<grid::upwind, 2>(be, "4-D upwind", {21, 31, 41, 61});
  more_masses<grid::eno2, 2>(be, "4-D ENO2", {21, 31, 41});
  more_masses<grid::weno5, 2>(be, "4-D WENO5", {21, 31, 41});
  more_masses<grid::upwind, 3>(be, "6-D upwind", {13, 17});
  more_masses<grid::eno2, 3>(be, "6-D ENO2", {13});
  air3d<grid::upwind>(be, "upwind", 51, 40, 50);
  air3d<grid::weno5>(be, "WENO5", 51, 40, 50);
  air3d<grid::upwind>(be, "upwind", 101, 78, 100);
  air3d<grid::weno5>(be, "WENO5", 101, 78, 100);
  std::printf("states called safe that are not: %td\n", false_safe);
  return false_safe == 0 ? 0 : 1;
}
