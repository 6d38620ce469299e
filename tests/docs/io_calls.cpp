// The calls of docs/io.md, on data of its own.
#include <parapet/io/svg.hpp>
#if defined(WITH_HDF5)
#include <parapet/io/hdf5.hpp>
#endif

#include <cmath>
#include <vector>

using namespace parapet;

namespace {

#if defined(WITH_HDF5)
void read_data() {
  float const observations[] = {1, 2, 3, 4}, terminals[] = {0, 1};
  double const costs[] = {0, 0.5};
  io::write_hdf5("data.hdf5", {named("observations", matrix_view<float const>(observations, extents{2, 2})),
                               named("terminals", vector_view<float const>(terminals, extents{2})),
                               named("costs", vector_view<double const>(costs, extents{2}))}, {});
  io::hdf5_names("data.hdf5");                                              // datasets of the root group
  io::read_hdf5("data.hdf5", {{"observations", scalar_type::f32, 2},        // converted to float, two axes
                              {"terminals", scalar_type::f32, 1},           // bool, integer or float; (N, 1) is taken as (N)
                              {"costs"}});                                  // as it is
}
#else
void read_data() {}
#endif

void draw() {
  std::vector<float> numbers(2 * 50 * 50);
  matrix_view<float> const values(numbers.data(), extents{50, 50}), truth(numbers.data() + 2500, extents{50, 50});
  for (index_t i = 0; i < 50; ++i)
    for (index_t j = 0; j < 50; ++j) {
      truth(i, j) = std::hypot(static_cast<float>(i - 25), static_cast<float>(j - 25)) - 15;
      values(i, j) = truth(i, j) + 1;
    }
  std::vector<io::point2> const path{{-2, -2}, {0, -1}, {2, 2}};
  io::svg_figure figure("Learnt and true safe set");
  io::svg_panel& panel = figure.add_panel({-3, 3, -3, 3}, "v = 0.5").labels("x [m]", "y [m]");
  panel.region(values, {-3, 3, -3, 3}, 0, {.fill = "#c6dbef"}, "{V <= 0}");           // values (nx, ny): x along the first axis
  panel.iso_line(truth, {-3, 3, -3, 3}, 0, {.stroke = "black", .dash = "5 3"}, "true set");
  panel.circle({0.4, -1.2}, 0.8, {.fill = "#d7301f"}, "hazard");
  panel.polyline(path, {.stroke = "#e6550d"}, "trajectory");                          // std::vector<io::point2> or a view (n, 2)
  figure.write("safe_set.svg");
}

}  // namespace

int main() {
  read_data();
  draw();
}
