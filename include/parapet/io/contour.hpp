// Level sets of a 2-D field by marching squares: the lines {f = level}, and the outline of the region {f <= level}.
//
// A cell of four nodes is cut where f, linear along an edge, passes the level. The segment of a cell runs with {f <=
// level} on its left, so each cut edge ends one segment and starts the next, and the segments chain into lines without
// a search. In a cell with two opposite corners inside, the mean of the corners decides whether they are joined. A NaN
// counts as above the level. Lorensen and Cline, "Marching cubes" (SIGGRAPH 1987), in two dimensions.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/text.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

struct point2 {
  double x, y;
};

/// [x_low, x_high] x [y_low, y_high].
struct rectangle {
  double x_low, x_high, y_low, y_high;
};

struct contour {
  std::vector<point2> points;
  bool closed;  ///< the last point joins the first
};

namespace detail {

/// Chains the cuts of a grid of nx by ny nodes; value(i, j) is f and position(i, j) a point2. Open lines come first.
template <class Value, class Position>
std::vector<contour> trace_contours(index_t nx, index_t ny, double level, Value value, Position position) {
  // Edge 2 n starts at node n = i ny + j along x, edge 2 n + 1 along y.
  std::vector<index_t> next(static_cast<std::size_t>(2 * nx * ny), -1);
  std::vector<bool> has_previous(next.size(), false);
  auto const edge = [&](index_t i, index_t j, int axis) { return 2 * (i * ny + j) + axis; };
  for (index_t i = 0; i + 1 < nx; ++i)
    for (index_t j = 0; j + 1 < ny; ++j) {
      double const corners[4] = {value(i, j), value(i + 1, j), value(i + 1, j + 1), value(i, j + 1)};  // counter-clockwise
      index_t const edges[4] = {edge(i, j, 0), edge(i + 1, j, 1), edge(i, j + 1, 0), edge(i, j, 1)};
      index_t cuts[4];
      bool leaves[4];  // whether the walk around the cell leaves the region at this cut
      int count = 0;
      for (int k = 0; k < 4; ++k) {
        bool const inside = corners[k] <= level, then = corners[(k + 1) % 4] <= level;
        if (inside == then) continue;
        leaves[count] = inside;
        cuts[count++] = edges[k];
      }
      bool const joined = (corners[0] + corners[1] + corners[2] + corners[3]) / 4 <= level;
      for (int k = 0; k < count; ++k) {
        if (!leaves[k]) continue;
        index_t const to = cuts[(k + (joined ? 1 : count - 1)) % count];
        next[static_cast<std::size_t>(cuts[k])] = to;
        has_previous[static_cast<std::size_t>(to)] = true;
      }
    }

  auto const cut = [&](index_t e) -> point2 {
    index_t const i = e / 2 / ny, j = e / 2 % ny, i2 = i + (e % 2 == 0), j2 = j + (e % 2 == 1);
    double const f = value(i, j), f2 = value(i2, j2);
    point2 const p = position(i, j), p2 = position(i2, j2);
    bool const forward = f <= level;  // from the node inside to the one outside, which may be infinite
    double t = forward ? (level - f) / (f2 - f) : (level - f2) / (f - f2);
    if (!(t >= 0 && t <= 1)) t = 0.5;
    point2 const &from = forward ? p : p2, &to = forward ? p2 : p;
    return {from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)};
  };
  std::vector<contour> lines;
  auto const follow = [&](std::size_t start, bool closed) {
    contour line{{}, closed};
    auto const same = [](point2 const& p, point2 const& q) { return p.x == q.x && p.y == q.y; };
    for (auto e = static_cast<index_t>(start); e >= 0;) {
      point2 const p = cut(e);
      if (line.points.empty() || !same(line.points.back(), p)) line.points.push_back(p);
      index_t const after = next[static_cast<std::size_t>(e)];
      next[static_cast<std::size_t>(e)] = -1;
      e = after;
    }
    if (closed && line.points.size() > 1 && same(line.points.back(), line.points.front())) line.points.pop_back();
    lines.push_back(line);
  };
  for (std::size_t e = 0; e < next.size(); ++e)
    if (next[e] >= 0 && !has_previous[e]) follow(e, false);
  for (std::size_t e = 0; e < next.size(); ++e)
    if (next[e] >= 0) follow(e, true);
  return lines;
}

template <class T>
double contour_value(matrix_view<T> const& field, index_t i, index_t j) {
  auto const f = static_cast<double>(field(i, j));
  return std::isnan(f) ? std::numeric_limits<double>::infinity() : f;
}

template <class T>
auto contour_position(matrix_view<T> const& field, rectangle const& box) {
  index_t const nx = field.extent(0), ny = field.extent(1);
  if (nx < 2 || ny < 2) throw shape_error(concat("contour: field of shape ", field.shape(), ", expected at least (2, 2)"));
  return [=](index_t i, index_t j) -> point2 {
    return {box.x_low + (box.x_high - box.x_low) * static_cast<double>(i) / static_cast<double>(nx - 1),
            box.y_low + (box.y_high - box.y_low) * static_cast<double>(j) / static_cast<double>(ny - 1)};
  };
}

}  // namespace detail

/// The lines {field = level}. `field` has shape (nx, ny), its nodes are spread evenly over `box`, borders included.
template <class T>
std::vector<contour> iso_lines(matrix_view<T> const& field, rectangle const& box, double level) {
  auto const position = detail::contour_position(field, box);
  return detail::trace_contours(field.extent(0), field.extent(1), level,
                                [&](index_t i, index_t j) { return detail::contour_value(field, i, j); }, position);
}

/// Closed lines around {field <= level}, cut off at the border of `box`; counter-clockwise outside, clockwise around
/// holes.
template <class T>
std::vector<contour> region_outline(matrix_view<T> const& field, rectangle const& box, double level) {
  auto const position = detail::contour_position(field, box);
  index_t const nx = field.extent(0), ny = field.extent(1);
  auto const clamp = [](index_t i, index_t n) { return i < 0 ? 0 : i < n ? i : n - 1; };
  // A ring of nodes above the level that lie where the border does.
  return detail::trace_contours(
      nx + 2, ny + 2, level,
      [&](index_t i, index_t j) {
        bool const ring = i == 0 || j == 0 || i == nx + 1 || j == ny + 1;
        return ring ? std::numeric_limits<double>::infinity() : detail::contour_value(field, i - 1, j - 1);
      },
      [&](index_t i, index_t j) { return position(clamp(i - 1, nx), clamp(j - 1, ny)); });
}

}  // namespace parapet::inline PARAPET_ABI::io
