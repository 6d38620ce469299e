// The true safe set of the point robot, by the undiscounted safety iteration on a grid over (x, y, v, theta):
//
//     V(s) = max(h(s), min_a V(f(s, a))),    safe where V(s) <= 0
//
// and V = h outside the arena, where an episode ends. Two facts make one pass enough.
//  1. Full braking is always a best acceleration. Whatever path is driven, driving it slower allows every curvature
//     omega / v that it has, and stopping on it drives only its first part. So V at one speed follows from V at the
//     speed one step lower, and a robot at rest has V = h. Grid speeds are multiples of dt and headings (nearly) too,
//     so both land on nodes.
//  2. Under one speed and heading all positions move by the same vector, so a backup is a bilinear blend of shifted
//     planes. tests/rl/point_robot_safe_set.cpp checks the equation itself, with every action, against the environment.
// Turning the arena by pi swaps the hazards, so headings in [0, pi) are enough; reversing is driving the other way.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/rl/point_robot.hpp>

#include <algorithm>
#include <cmath>

namespace support {

class point_robot_safe_set {
public:
  using index_t = parapet::index_t;
  using state = parapet::rl::point_robot::state;

  static constexpr float max_speed = 2.5f;

  /// Solves on `resolution` nodes a unit of length, one shard a heading: 340 MB at 25, 0.3 s on two cores. `h` may be
  /// another constraint that is symmetric under a turn by pi and does not depend on v and theta.
  template <class Constraint>
  point_robot_safe_set(parapet::backend::cpu& be, index_t resolution, Constraint const& h)
      : spacing_(1.0f / static_cast<float>(resolution)),
        border_(static_cast<index_t>(std::ceil(max_speed * robot::dt / spacing_)) + 1),
        n_(2 * (border_ + static_cast<index_t>(robot::arena) * resolution) + 1),
        values_((levels * planes * n_) * n_) {
    for (index_t k = 0; k < levels; ++k) {
      be.for_each_shard(headings, [&](auto& worker, index_t t) {
        if (k > 0) return back_up(worker, k, t);
        for (index_t i = 0; i < n_; ++i)
          for (index_t j = 0; j < n_; ++j) plane(k, t)(i, j) = h(state{position(i), position(j), 0.0f, 0.0f});
      });
      mirror(plane(k, headings - 1), plane(k, -1));
      mirror(plane(k, 0), plane(k, headings));
    }
  }
  explicit point_robot_safe_set(parapet::backend::cpu& be, index_t resolution = 25)
      : point_robot_safe_set(be, resolution, robot::h) {}

  /// The constraint of a robot that must stay in the arena too. Where its V is at most 0, the robot can stop, turn on
  /// the spot and drive to the goal at leisure; where it is positive, only the goal can come before a wall or hazard.
  static float h_and_walls(state const& s) {
    return std::max(robot::h(s), std::max(std::abs(s.x), std::abs(s.y)) - robot::arena);
  }

  /// V(s), multilinear between nodes; safe where at most 0. Throws argument_error for a state that is not finite, or
  /// faster than max_speed.
  float value(state s) const {
    if (robot::outside(s)) return robot::h(s);
    if (!(std::abs(s.v) <= max_speed) || !std::isfinite(s.x + s.y + s.theta))
      throw parapet::argument_error(parapet::detail::concat("point_robot_safe_set: state (", s.x, ", ", s.y, ", ", s.v, ", ", s.theta,
                                                            "), expected finite numbers and a speed of at most ", max_speed));
    if (s.v < 0.0f) s = {s.x, s.y, -s.v, s.theta + pi};
    float const half_turns = std::floor(s.theta / pi);
    if (std::fmod(half_turns, 2.0f) != 0.0f) s = {-s.x, -s.y, s.v, s.theta};
    cell const t{(s.theta - half_turns * pi) / pi * headings, headings}, k{s.v / robot::dt, levels - 1};
    cell const i{(s.x - position(0)) / spacing_, n_ - 1}, j{(s.y - position(0)) / spacing_, n_ - 1};
    float value = 0.0f;
    for (index_t corner = 0; corner < 16; ++corner) {
      index_t const dk = corner & 1, dt = corner >> 1 & 1, di = corner >> 2 & 1, dj = corner >> 3;
      value += k.weight(dk) * t.weight(dt) * i.weight(di) * j.weight(dj) * plane(k.low + dk, t.low + dt)(i.low + di, j.low + dj);
    }
    return value;
  }

private:
  using robot = parapet::rl::point_robot;
  using plane_view = parapet::matrix_view<float>;
  using const_plane_view = parapet::matrix_view<float const>;

  static constexpr float pi = 3.14159265f;
  static constexpr index_t headings = 63;  ///< in [0, pi): spaced by 0.0499, where a step turns by 0.05
  static constexpr index_t planes = headings + 2;
  static constexpr index_t levels = 51;  ///< speeds 0, dt, ..., max_speed

  /// Where a coordinate in nodes lies between two of them.
  struct cell {
    index_t low;
    float fraction;
    cell(float at, index_t last)
        : low(std::clamp(static_cast<index_t>(at), index_t{0}, last - 1)), fraction(at - static_cast<float>(low)) {}
    float weight(index_t high) const { return high != 0 ? fraction : 1.0f - fraction; }
  };

  struct blend_and_min {
    float w00, w01, w10, w11;
    template <class X>
    void operator()(X& least, X const& v00, X const& v01, X const& v10, X const& v11) const {
      least = parapet::math::min(least, X(w00) * v00 + X(w01) * v01 + X(w10) * v10 + X(w11) * v11);
    }
  };

  struct at_least {
    template <class X>
    void operator()(X& value, X const& h) const { value = parapet::math::max(value, h); }
  };

  /// V at speed k dt from V at (k - 1) dt: brake, and turn right, not at all, or left.
  template <class Backend>
  void back_up(Backend& be, index_t k, index_t t) {
    const_plane_view const h = plane(0, 0);
    copy(be, h, plane(k, t));
    auto const value = inside(plane(k, t));
    fill(be, value, 1e30f);
    float const step = static_cast<float>(k) * robot::dt * robot::dt / spacing_, theta = pi * static_cast<float>(t) / headings;
    float const dx = step * std::cos(theta), dy = step * std::sin(theta);
    auto const i = static_cast<index_t>(std::floor(dx)), j = static_cast<index_t>(std::floor(dy));
    float const x = dx - static_cast<float>(i), y = dy - static_cast<float>(j);
    blend_and_min const blend{(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y};
    for (index_t turn = -1; turn <= 1; ++turn) {
      const_plane_view const next = plane(k - 1, t + turn);
      map(be, blend, value, inside(next, i, j), inside(next, i, j + 1), inside(next, i + 1, j), inside(next, i + 1, j + 1));
    }
    map(be, at_least{}, value, inside(h));
  }

  /// The nodes within the arena, or the nodes (i, j) away from them.
  template <class T>
  parapet::matrix_view<T> inside(parapet::matrix_view<T> const& p, index_t i = 0, index_t j = 0) const {
    return p.slice(0, border_ + i, n_ - border_ + i).slice(1, border_ + j, n_ - border_ + j);
  }

  /// Plane of nodes (x, y) at speed k dt and heading t pi / headings, t in [-1, headings].
  plane_view plane(index_t k, index_t t) { return {values_.data() + offset(k, t), parapet::extents{n_, n_}}; }
  const_plane_view plane(index_t k, index_t t) const { return {values_.data() + offset(k, t), parapet::extents{n_, n_}}; }
  index_t offset(index_t k, index_t t) const { return (k * planes + t + 1) * n_ * n_; }
  float position(index_t i) const { return static_cast<float>(i - (n_ - 1) / 2) * spacing_; }

  static void mirror(plane_view const& from, plane_view const& to) {
    std::reverse_copy(from.data(), from.data() + from.size(), to.data());
  }

  float spacing_;
  index_t border_;  ///< nodes beyond the arena: as far as one step goes
  index_t n_;       ///< nodes along x and y
  parapet::buffer<float> values_;
};

}  // namespace support
