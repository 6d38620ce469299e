// What is asked of a system, in roles instead of signs: who wants what. Solvers choose min and max from it.
//
//     avoid(failure)                           where must the system end up in the failure set, whatever the control does?
//     reach(target)                            from where can the control bring the system into the target?
//     reach(target).while_avoiding(obstacle)   the same, without touching the obstacle on the way
//
// Sets are given by functions that are negative inside, best by signed distances: a functor of the state, `X operator()(
// grid::vec<X, D> const& x) const`, or of state and time, or a view of its values at the nodes of the grid. The value function V
// is negative or 0 on the set that the question names: {V <= 0} are the doomed states of avoid, the winning ones of reach.
// The disturbance always plays against the control.
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/vec.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::reachability {

enum class player { control, disturbance };

/// {V <= 0}: the control cannot keep the system out of the target.
struct avoid_role {
  static constexpr bool control_maximizes = true;
  static constexpr bool has_obstacle = false;
  static constexpr char const* name = "avoid";
};
/// {V <= 0}: the control can bring the system into the target.
struct reach_role {
  static constexpr bool control_maximizes = false;
  static constexpr bool has_obstacle = false;
  static constexpr char const* name = "reach";
};
/// {V <= 0}: the control can bring the system into the target, and out of the obstacle until then.
struct reach_avoid_role {
  static constexpr bool control_maximizes = false;
  static constexpr bool has_obstacle = true;
  static constexpr char const* name = "reach while avoiding";
};

/// The player who wants V large.
template <class Role>
inline constexpr player maximizer = Role::control_maximizes ? player::control : player::disturbance;

/// In place of an obstacle where there is none.
struct nothing {};

/// A question. Made by avoid and reach.
template <class Role, class Target, class Obstacle = nothing>
struct problem {
  using role = Role;

  Target target;      ///< negative inside
  Obstacle obstacle;  ///< negative inside, or `nothing`
  bool only_at_horizon = false;
  bool forward_in_time = false;

  /// In the target exactly at the horizon, instead of at any time until then: a set, not a tube. Hamilton-Jacobi only.
  problem as_set() const {
    problem p = *this;
    p.only_at_horizon = true;
    return p;
  }
  /// Where can the system be that starts in the target? Hamilton-Jacobi only.
  problem forward() const {
    problem p = *this;
    p.forward_in_time = true;
    return p;
  }
  /// Adds an obstacle, negative inside, that must not be touched before the target.
  template <class NewObstacle>
  problem<reach_avoid_role, Target, NewObstacle> while_avoiding(NewObstacle new_obstacle) const {
    static_assert(std::is_same_v<Role, reach_role>, "while_avoiding belongs to reach(target), once - see docs/value_iteration.md");
    return {target, std::move(new_obstacle), only_at_horizon, forward_in_time};
  }
};

/// {V <= 0}: states from which the system ends up in `failure`, for some disturbance, whatever the control does.
template <class Failure>
problem<avoid_role, Failure> avoid(Failure failure) {
  return {std::move(failure), {}};
}
/// {V <= 0}: states from which the control brings the system into `target`, whatever the disturbance does.
template <class Target>
problem<reach_role, Target> reach(Target target) {
  return {std::move(target), {}};
}

/// A set's function at a state and a time; a functor that knows no time is asked for its state alone.
template <class Function, class X, int D>
PARAPET_INLINE PARAPET_FN X set_value(Function const& f, grid::vec<X, D> const& x, X const& t) {
  constexpr bool knows_time = std::is_invocable_v<Function const&, grid::vec<X, D> const&, X const&>;
  static_assert(knows_time || std::is_invocable_v<Function const&, grid::vec<X, D> const&>,
                "the function of a set must be callable as f(vec<X, D> const& x) or f(x, X const& t), X a number or a pack of them - see docs/hamilton_jacobi.md");
  if constexpr (knows_time) return f(x, t);
  else return f(x);
}

}  // namespace parapet::inline PARAPET_ABI::reachability
