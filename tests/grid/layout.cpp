#include <parapet/grid/layout.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;

TEST_CASE("a column-major array of MATLAB becomes row-major, and goes back") {
  extents<3> const shape{{2, 3, 4}}, reversed{{4, 3, 2}};
  // MATLAB's memory: element (i, j, k) at i + 2 j + 6 k.
  auto const matlab = support::generate<double>(reversed, [](index_t n) { return static_cast<double>(n); });
  support::tensor<double, 3> ours(shape), back(reversed);
  grid::reverse_axes(matlab.read(), ours.view());
  for (index_t i = 0; i < 2; ++i)
    for (index_t j = 0; j < 3; ++j)
      for (index_t k = 0; k < 4; ++k) CHECK(ours.view()(i, j, k) == static_cast<double>(i + 2 * j + 6 * k));
  grid::reverse_axes(ours.read(), back.view());
  CHECK(support::same(back, matlab));
  CHECK(support::message_of<shape_error>([&] { grid::reverse_axes(ours.read(), ours.view()); }) ==
        "reverse_axes: source has shape (2, 3, 4), expected (4, 3, 2)");
}

TEST_CASE("the repeated end of a periodic axis is left out") {
  grid::grid const nodes({{0, 1, 3}, {0, 1, 4, grid::periodic}});
  auto const theirs = support::generate<float>(extents<2>{{3, 5}}, [](index_t n) { return n; });
  auto const view = grid::without_end_points(nodes, theirs.read());
  CHECK(view.shape() == nodes.shape());
  CHECK(view(2, 3) == 13.0f);
  CHECK_THROWS_AS(grid::without_end_points(nodes, view), shape_error);
}
