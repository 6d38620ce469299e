// Points in the plane: two moons, a distance between samples, and how to draw them.
#pragma once

#include <parapet/core/buffer.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/svg.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace support {

/// n points (n, 2).
class points {
public:
  explicit points(parapet::index_t n) : n_(n), memory_(2 * n) {}
  parapet::index_t size() const { return n_; }
  parapet::matrix_view<float> view() { return memory_.view(parapet::extents{n_, parapet::index_t{2}}); }
  parapet::matrix_view<float const> view() const { return memory_.view(parapet::extents{n_, parapet::index_t{2}}); }

private:
  parapet::index_t n_;
  parapet::buffer<float> memory_;
};

inline constexpr parapet::io::rectangle moon_axes{-2.4, 2.4, -2, 2};

/// Points first, first + 1, ... of two half circles that reach into each other, with a little noise.
inline void draw_moons(parapet::matrix_view<float> const& x, parapet::philox_stream const& random, parapet::index_t first) {
  for (parapet::index_t i = 0; i < x.extent(0); ++i) {
    parapet::index_t const at = 8 * (first + i);
    float const angle = 3.14159265f * random.uniform(at), side = random.uniform(at + 1) < 0.5f ? 1.0f : -1.0f;
    x(i, 0) = side * (1.2f * std::cos(angle) - 0.6f) + 0.07f * random.normal(at + 4);
    x(i, 1) = side * (1.2f * std::sin(angle) - 0.3f) + 0.07f * random.normal(at + 5);
  }
}

/// Energy distance 2 E|x - y| - E|x - x'| - E|y - y'| of Szekely and Rizzo, of at most 1000 points each: 0 for equal distributions.
inline double energy_distance(points const& x, points const& y) {
  auto const mean = [](points const& a, points const& b, bool same) {
    parapet::index_t const n = std::min<parapet::index_t>(a.size(), 1000), m = std::min<parapet::index_t>(b.size(), 1000);
    double total = 0;
    for (parapet::index_t i = 0; i < n; ++i)
      for (parapet::index_t j = 0; j < m; ++j)
        total += std::hypot(static_cast<double>(a.view()(i, 0) - b.view()(j, 0)), static_cast<double>(a.view()(i, 1) - b.view()(j, 1)));
    return total / (static_cast<double>(n) * static_cast<double>(same ? m - 1 : m));
  };
  return 2 * mean(x, y, false) - mean(x, x, true) - mean(y, y, true);
}

inline void draw_points(parapet::io::svg_panel& panel, points const& x, std::string const& colour, std::string const& label = "") {
  for (parapet::index_t i = 0; i < std::min<parapet::index_t>(x.size(), 400); ++i)
    panel.marker({static_cast<double>(x.view()(i, 0)), static_cast<double>(x.view()(i, 1))}, 1.5, {.fill = colour, .opacity = 0.7}, label);
}

}  // namespace support
