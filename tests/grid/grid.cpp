#include <parapet/grid/grid.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;

TEST_CASE("an axis spreads its nodes evenly, a periodic one leaves out its end") {
  grid::axis const a{-1, 3, 5};
  CHECK(a.spacing() == 1);
  CHECK(a.coordinate(4) == 3);
  grid::axis const p{0, 4, 4, grid::periodic};
  CHECK(p.spacing() == 1);
  CHECK(p.coordinate(3) == 3);
}

TEST_CASE("offset and index are inverse to each other, the last axis is contiguous") {
  grid::grid const g({{0, 1, 3}, {0, 1, 4}, {0, 1, 5}});
  CHECK(g.size() == 60);
  for (index_t n = 0; n < g.size(); ++n) CHECK(g.offset(g.index(n)) == n);
  CHECK(g.offset(extents<3>{{0, 0, 1}}) == 1);
  CHECK(g.offset(extents<3>{{1, 0, 0}}) == 20);
  CHECK(g.state(extents<3>{{2, 0, 1}})[0] == 1.0);
  CHECK(g.state<float>(extents<3>{{2, 0, 1}})[2] == 0.25f);
}

TEST_CASE("eight axes compile and count") {
  grid::grid const g({{0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 3}});
  CHECK(g.size() == 384);
  CHECK(g.index(383)[7] == 2);
}

TEST_CASE("a state is on the grid or not; along a periodic axis any is") {
  grid::grid const g({{0, 1, 3}, {0, 6, 6, grid::periodic}});
  CHECK(g.contains(grid::vec<double, 2>{1.0, 100.0}));
  CHECK_FALSE(g.contains(grid::vec<double, 2>{1.1, 0.0}));
  CHECK_FALSE(g.contains(grid::vec<double, 2>{std::nan(""), 0.0}));
}

TEST_CASE("bad axes are named") {
  auto const message = [](grid::axis const& a) {
    return support::message_of<argument_error>([&] { grid::grid<2>({{0, 1, 3}, a}); });
  };
  CHECK(message({1, 0, 5}) == "grid: axis 1 runs from 1 to 0, expected finite ends, the lower one first");
  CHECK(message({0, 0, 5}) == "grid: axis 1 runs from 0 to 0, expected finite ends, the lower one first");
  CHECK(message({0, std::nan(""), 5}) == "grid: axis 1 runs from 0 to nan, expected finite ends, the lower one first");
  CHECK(message({0, 1, 0}) == "grid: axis 1 has 0 nodes, expected at least 2");
  CHECK(message({0, 1, 1}) == "grid: axis 1 has 1 nodes, expected at least 2");
  index_t const many = index_t{1} << 40;
  CHECK(support::contains(support::message_of<argument_error>([&] { grid::grid<2>({{0, 1, many}, {0, 1, many}}); }), "does not fit"));
}
