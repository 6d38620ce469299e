// Air3D as every tool has it: two cars of speed 5 and turn rate 1 that must keep 5 apart, for 2.8 s.
#pragma once

#include <parapet/grid/grid.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <numbers>

namespace support {

/// Closer than 5.
struct collision {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(parapet::grid::vec<X, 3> const& s) const {
    return parapet::math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(5.0f);
  }
};

inline parapet::grid::grid<3> collision_grid(parapet::index_t nx, parapet::index_t ny, parapet::index_t heading) {
  using namespace parapet;
  return grid::grid<3>({{-6, 20, nx, grid::away_from_zero}, {-10, 10, ny, grid::away_from_zero}, {0, 2 * std::numbers::pi, heading, grid::periodic}});
}

/// Volume of {V <= 0}, from 4^3 points of the trilinear interpolant in each cell.
template <class Value>
double volume(Value const& v) {
  auto const& g = v.nodes();
  double inside = 0;
  constexpr int parts = 4;
  for (parapet::index_t n = 0; n < g.size(); ++n) {
    auto const i = g.index(n);
    if (i[0] + 1 == g.axis(0).n || i[1] + 1 == g.axis(1).n) continue;
    parapet::index_t const k = (i[2] + 1) % g.axis(2).n;
    double const c[2][2][2] = {{{v.values()(i[0], i[1], i[2]), v.values()(i[0], i[1], k)}, {v.values()(i[0], i[1] + 1, i[2]), v.values()(i[0], i[1] + 1, k)}},
                               {{v.values()(i[0] + 1, i[1], i[2]), v.values()(i[0] + 1, i[1], k)},
                                {v.values()(i[0] + 1, i[1] + 1, i[2]), v.values()(i[0] + 1, i[1] + 1, k)}}};
    for (int p = 0; p < parts * parts * parts; ++p) {
      double const f[3] = {(p / 16 + 0.5) / parts, (p / 4 % 4 + 0.5) / parts, (p % 4 + 0.5) / parts};
      double sum = 0;
      for (int q = 0; q < 8; ++q)
        sum += c[q >> 2][q >> 1 & 1][q & 1] * (q >> 2 ? f[0] : 1 - f[0]) * (q >> 1 & 1 ? f[1] : 1 - f[1]) * (q & 1 ? f[2] : 1 - f[2]);
      inside += sum <= 0;
    }
  }
  return inside / 64 * g.spacing(0) * g.spacing(1) * g.spacing(2);
}

/// Where V = 0 on the line from a state along an axis, by bisection of the interpolant.
template <class Value>
double crossing(Value const& v, typename Value::state x, int axis, double inside, double outside) {
  for (int k = 0; k < 40; ++k) {
    double const middle = (inside + outside) / 2;
    x[axis] = static_cast<typename Value::scalar>(middle);
    (v.contains(x) ? inside : outside) = middle;
  }
  return inside;
}

}  // namespace support
