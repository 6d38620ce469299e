#include <parapet/io/contour.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;

namespace {

/// A function on n x m nodes of a rectangle.
struct field {
  index_t n, m;
  std::vector<double> values;
  template <class F>
  field(index_t n_, index_t m_, io::rectangle const& box, F f) : n(n_), m(m_) {
    for (index_t i = 0; i < n; ++i)
      for (index_t j = 0; j < m; ++j)
        values.push_back(f(box.x_low + (box.x_high - box.x_low) * static_cast<double>(i) / static_cast<double>(n - 1),
                           box.y_low + (box.y_high - box.y_low) * static_cast<double>(j) / static_cast<double>(m - 1)));
  }
  matrix_view<double const> view() const { return {values.data(), extents{n, m}}; }
};

/// Signed area inside closed lines: positive where they run counter-clockwise.
double area(std::vector<io::contour> const& lines) {
  double sum = 0;
  for (io::contour const& line : lines)
    for (std::size_t k = 0; k < line.points.size(); ++k) {
      io::point2 const &p = line.points[k], &q = line.points[(k + 1) % line.points.size()];
      sum += (p.x * q.y - q.x * p.y) / 2;
    }
  return sum;
}

io::rectangle const unit{0, 1, 0, 1};

}  // namespace

TEST_CASE("a circle: one closed line, on the circle, with its area") {
  io::rectangle const box{-2, 2, -3, 3};
  field const f(101, 151, box, [](double x, double y) { return std::hypot(x, y) - 1.3; });
  std::vector<io::contour> const lines = io::iso_lines(f.view(), box, 0);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].closed);
  for (io::point2 const& p : lines[0].points) CHECK(std::fabs(std::hypot(p.x, p.y) - 1.3) < 4e-4);  // h^2 / (8 r)
  double const exact = 3.14159265358979 * 1.3 * 1.3;
  CHECK(std::fabs(area(lines) - exact) < 2e-3 * exact);
  CHECK(std::fabs(area(io::region_outline(f.view(), box, 0)) - exact) < 2e-3 * exact);

  field const outside(101, 151, box, [](double x, double y) { return 1.3 - std::hypot(x, y); });  // a hole in a rectangle
  std::vector<io::contour> const region = io::region_outline(outside.view(), box, 0);
  CHECK(region.size() == 2);
  CHECK(std::fabs(area(region) - (24 - exact)) < 2e-3 * exact);
}

TEST_CASE("a plane: one straight open line, exact for any level; the region is cut off at the border") {
  field const f(4, 5, unit, [](double x, double y) { return x + 2 * y; });
  for (double const level : {0.3, 1.0, 1.7, 2.9}) {
    std::vector<io::contour> const lines = io::iso_lines(f.view(), unit, level);
    REQUIRE(lines.size() == 1);
    CHECK(!lines[0].closed);
    for (io::point2 const& p : lines[0].points) CHECK(std::fabs(p.x + 2 * p.y - level) < 1e-12);
  }
  // {x + 2 y <= 1} in the unit square is a triangle of area 1/4; {x + 2 y <= 2} leaves a triangle of 1/4.
  CHECK(std::fabs(area(io::region_outline(f.view(), unit, 1)) - 0.25) < 1e-12);
  CHECK(std::fabs(area(io::region_outline(f.view(), unit, 2)) - 0.75) < 1e-12);
}

TEST_CASE("all inside, all outside, and a level that is met at nodes only") {
  field const f(3, 3, unit, [](double, double) { return 1.0; });
  CHECK(io::iso_lines(f.view(), unit, 0).empty());
  CHECK(io::iso_lines(f.view(), unit, 1).empty());
  CHECK(io::region_outline(f.view(), unit, 0).empty());
  std::vector<io::contour> const all = io::region_outline(f.view(), unit, 1);
  REQUIRE(all.size() == 1);
  CHECK(area(all) == doctest::Approx(1));
}

TEST_CASE("a saddle is joined where the mean of its corners is inside") {
  std::vector<float> const values{-1, 1, 1, -1};
  matrix_view<float const> const f(values.data(), extents<2>{2, 2});
  std::vector<io::contour> const joined = io::region_outline(f, unit, 0.1), apart = io::region_outline(f, unit, -0.1);
  CHECK(joined.size() == 1);
  CHECK(apart.size() == 2);
  CHECK(area(joined) == doctest::Approx(1 - 0.45 * 0.45));
  CHECK(area(apart) == doctest::Approx(0.45 * 0.45));
}

TEST_CASE("random fields: every line is closed or ends at the border, and a region and its complement share the square") {
  std::vector<float> values(30 * 40);
  std::uint32_t state = 1;
  for (float& v : values) v = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
  matrix_view<float const> const f(values.data(), extents<2>{30, 40});
  auto const on_border = [](io::point2 const& p) { return p.x <= 0 || p.x >= 1 || p.y <= 0 || p.y >= 1; };
  std::size_t open = 0;
  for (io::contour const& line : io::iso_lines(f, unit, 0)) {
    if (line.closed) continue;
    ++open;
    CHECK(on_border(line.points.front()));
    CHECK(on_border(line.points.back()));
  }
  CHECK(open > 10);
  for (io::contour const& line : io::region_outline(f, unit, 0)) CHECK(line.closed);
  std::vector<float> negated;
  for (float const v : values) negated.push_back(-v);
  double const inside = area(io::region_outline(f, unit, 0));
  double const outside = area(io::region_outline(matrix_view<float const>(negated.data(), extents<2>{30, 40}), unit, 0));
  CHECK(inside + outside == doctest::Approx(1));
}

TEST_CASE("a NaN is outside, infinities have a side") {
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  field f(3, 3, unit, [](double, double) { return -1.0; });
  f.values[4] = nan;  // a hole that reaches the node's neighbours: a cut towards an infinite value lies at the finite node
  CHECK(area(io::region_outline(f.view(), unit, 0)) == doctest::Approx(1 - 0.5));
  f.values = {-infinity, infinity, -1, 1, nan, -infinity, 0, 0, 0};
  for (io::contour const& line : io::region_outline(f.view(), unit, 0))
    for (io::point2 const& p : line.points) CHECK((std::isfinite(p.x) && std::isfinite(p.y)));
}

TEST_CASE("a field needs two nodes along each axis") {
  std::vector<float> const values(5);
  CHECK_THROWS_AS(io::iso_lines(matrix_view<float const>(values.data(), extents<2>{1, 5}), unit, 0), shape_error);
  CHECK_THROWS_AS(io::region_outline(matrix_view<float const>(values.data(), extents<2>{5, 1}), unit, 0), shape_error);
}
