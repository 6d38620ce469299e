// One avoid problem for each shipped system, with the grid that it is solved on and the margin from which no roll-out failed.
#pragma once

#include <parapet/grid/grid.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/systems/car_4d.hpp>
#include <parapet/reachability/systems/car_5d.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/systems/dubins_car.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>
#include <parapet/reachability/systems/hover_quadrotor.hpp>
#include <parapet/reachability/systems/inverted_pendulum.hpp>
#include <parapet/reachability/systems/planar_quadrotor.hpp>
#include <parapet/reachability/systems/point_robot.hpp>

namespace shipped {

using namespace parapet;
using namespace parapet::reachability;

inline constexpr double pi = 3.14159265358979;

/// x leaves [-limit, limit]. Bounded from below: what an unstable system runs away to would have no lowest value.
template <int D, int Axis>
struct beyond_limit {
  double limit;
  template <class X>
  PARAPET_FN X operator()(vec<X, D> const& s) const { return math::max(X(limit) - math::abs(s[Axis]), X(-0.2f)); }
};
/// A disc of radius r around the origin of the first two axes.
template <int D>
struct disc {
  double r;
  template <class X>
  PARAPET_FN X operator()(vec<X, D> const& s) const { return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(r); }
};
/// |x|, |y| or |z| of a vehicle with positions at axes 0, 2, 4 reaches 1.
struct beyond_cube {
  template <class X>
  PARAPET_FN X operator()(vec<X, 6> const& s) const {
    return math::max(X(1.0f) - math::max(math::max(math::abs(s[0]), math::abs(s[2])), math::abs(s[4])), X(-0.25f));
  }
};
/// A planar vehicle leaves the corridor |z| < 1.5, or tilts beyond a radian.
struct beyond_corridor {
  template <class X>
  PARAPET_FN X operator()(vec<X, 6> const& s) const { return math::max(math::min(X(1.5f) - math::abs(s[2]), X(1.0f) - math::abs(s[4])), X(-0.25f)); }
};

template <class System, class Failure>
struct problem_case {
  char const* name;
  System system;
  Failure failure;
  grid::grid<System::state_dim> nodes;
  double seconds;  ///< of a roll-out
};

inline auto double_integrator_case() {
  return problem_case<double_integrator, beyond_limit<2, 0>>{"double integrator", double_integrator(1, 0.2), {1},
      grid::grid<2>({{-1.5, 1.5, 151}, {-2, 2, 201}}), 5};
}
inline auto inverted_pendulum_case() {
  return problem_case<inverted_pendulum, beyond_limit<2, 0>>{"inverted pendulum", inverted_pendulum(3, 0.3), {0.5},
      grid::grid<2>({{-0.7, 0.7, 141}, {-3, 3, 201}}), 3};
}
inline auto dubins_car_case() {
  return problem_case<dubins_car, disc<3>>{"Dubins car in a wind", dubins_car(1, 1, 0.2), {1},
      grid::grid<3>({{-3, 3, 61}, {-3, 3, 61}, {0, 2 * pi, 60, grid::periodic}}), 10};
}
inline auto dubins_pair_case() {
  return problem_case<dubins_pair, disc<3>>{"pair of Dubins cars", dubins_pair{}, {5},
      grid::grid<3>({{-6, 20, 79}, {-10, 10, 61}, {0, 2 * pi, 60, grid::periodic}}), 5};
}
inline auto car_4d_case() {
  return problem_case<car_4d, disc<4>>{"4-D car in a wind", car_4d(1, 1, 0.25), {1},
      grid::grid<4>({{-3, 3, 41}, {-3, 3, 41}, {-2, 2, 21}, {-pi, pi, 36, grid::periodic}}), 5};
}
inline auto point_robot_case() {
  return problem_case<point_robot, point_robot::distance_to_hazards>{"point robot", point_robot{}, {},
      grid::grid<4>({{-3, 3, 49}, {-3, 3, 49}, {-2, 2, 21}, {-pi, pi, 36, grid::periodic}}), 5};
}
inline auto car_5d_case() {
  return problem_case<car_5d, disc<5>>{"5-D car", car_5d(1, 2), {1},
      grid::grid<5>({{-3, 3, 25}, {-3, 3, 25}, {-1, 1, 9}, {-pi, pi, 24, grid::periodic}, {-2, 2, 9}}), 5};
}
inline auto hover_quadrotor_case() {
  return problem_case<hover_quadrotor, beyond_cube>{"quadrotor near hover", hover_quadrotor(0.2, 2, 0.2), {},
      grid::grid<6>({{-1.25, 1.25, 11}, {-2.4, 2.4, 13}, {-1.25, 1.25, 11}, {-2.4, 2.4, 13}, {-1.25, 1.25, 11}, {-2.4, 2.4, 13}}), 5};
}
inline auto planar_quadrotor_case() {
  return problem_case<planar_quadrotor, beyond_corridor>{"planar quadrotor", planar_quadrotor(9.81, 0.2), {},
      grid::grid<6>({{-2, 2, 5}, {-2, 2, 5}, {-1.75, 1.75, 15}, {-4, 4, 17}, {-1.25, 1.25, 15}, {-8, 8, 15}}), 3};
}

}  // namespace shipped
