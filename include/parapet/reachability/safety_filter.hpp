// A safety filter: lets a controller do what it wants as long as a value function says that it can still be saved.
//
//     safety_filter filter(value, keep_rate{.rate = 2}, {.margin = 0.1});
//     auto const [u, reason, safety] = filter(x, wanted);        // noexcept, no allocation
//
// Safety S is V for avoid and -V for reach and reach-avoid, so that S > 0 is where the aim can still be had. Three ways to interfere:
//
//     least_restrictive{}   the wish while S > margin, else the best control; chatters at the margin, hence the hysteresis
//     blend{width}          from the best control at S = margin to the wish at S = margin + width, linearly; input sets must be convex
//     keep_rate{rate}       the nearest input to the wish with dS/dt >= -rate (S - margin) under the worst disturbance: a control
//                           barrier function, solved in closed form (reachability/half_space.hpp); control-affine systems
//
// The certificate is V's: it must be for all time (its type says so), and between two calls S may fall by the largest |dS/dt| times the
// time between them, and by what the grid smears: the margin has to cover both. reachability/verification.hpp measures it.
// Off the grid the filter takes the best control of the nearest cell, or, with off_grid::clamp, goes on with the nearest cell's value.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/reachability/half_space.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/horizon.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/value_function.hpp>
#include <parapet/reachability/value_view.hpp>

#include <cmath>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

/// Why a filter answered as it did.
enum class filter_reason {
  inside,      ///< safe enough: the wish, brought into the input set
  active,      ///< the wish was changed
  infeasible,  ///< no input does what is asked, or S <= 0: the best control, without a promise
  off_grid,    ///< the state is beyond the grid, or not a number: the best control of the nearest cell
};

constexpr char const* name_of(filter_reason reason) {
  constexpr char const* names[] = {"inside", "active", "infeasible", "off grid"};
  return names[static_cast<int>(reason)];
}

struct least_restrictive {};
struct blend {
  double width;  ///< of S over which the wish fades
};
struct keep_rate {
  double rate;  ///< 1/s: S - margin falls at most like exp(-rate t)
};

struct filter_options {
  double margin = 0;      ///< of S, in the units of V
  double hysteresis = 0;  ///< least_restrictive: S must be this much above the margin before the wish comes back
};

template <class T, int M>
struct filtered {
  vec<T, M> control;
  filter_reason reason;
  T safety;  ///< S
};

namespace detail {

template <class T>
struct filter_limits {
  T margin, hysteresis, width_or_rate;
};

/// One decision; `interfering` is the state of the hysteresis.
template <class Mode, class Rule, class System, class T, class Role>
PARAPET_FN filtered<T, control_dim<System>> filter_step(value_view<System, T, Role> const& v, filter_limits<T> const& limits, vec<T, System::state_dim> const& x,
                                                        vec<T, control_dim<System>> const& wish, bool& interfering) noexcept {
  constexpr T sign = Role::control_maximizes ? 1 : -1;
  auto const at = v.slopes(x);
  T const safety = sign * at.value, room = safety - limits.margin;
  auto const wanted = nearest(v.system.controls, wish);
  bool finite = true;
  for (int a = 0; a < System::state_dim; ++a) finite = finite && x[a] - x[a] == T(0);
  auto const best = [&] { return best_inputs<Role>(v.system, x, at.slopes, T(0)).control; };
  if (!at.inside && (!std::is_same_v<Rule, off_grid::clamp> || !finite)) {
    interfering = true;
    return {nearest(v.system.controls, best()), filter_reason::off_grid, safety};  // of a NaN the best may be a NaN
  }
  if constexpr (std::is_same_v<Mode, least_restrictive>) {
    interfering = !(room > (interfering ? limits.hysteresis : T(0)));
    if (!interfering) return {wanted, filter_reason::inside, safety};
    return {best(), safety > 0 ? filter_reason::active : filter_reason::infeasible, safety};
  } else if constexpr (std::is_same_v<Mode, blend>) {
    interfering = !(room >= limits.width_or_rate);
    if (!interfering) return {wanted, filter_reason::inside, safety};
    T const weight = room > 0 ? room / limits.width_or_rate : T(0);
    auto const safe = best();
    return {safe + weight * (wanted - safe), safety > 0 ? filter_reason::active : filter_reason::infeasible, safety};
  } else {
    affine_parts<System, T> const parts = parts_of(v.system, x, T(0));
    vec<T, System::state_dim> const slope = sign * at.slopes;
    auto const a = pulled_back<System::state_dim, control_dim<System>>(parts.control, slope);
    auto const r = pulled_back<System::state_dim, disturbance_dim<System>>(parts.disturbance, slope);
    T const needed = -limits.width_or_rate * room - dot(slope, parts.drift) - best_product<false>(v.system.disturbances, r);
    auto const p = project(v.system.controls, wanted, a, needed);
    interfering = !p.feasible || dot(a, wanted) < needed;
    filter_reason const reason = !p.feasible || !(safety > 0) ? filter_reason::infeasible : interfering ? filter_reason::active : filter_reason::inside;
    return {p.input, reason, safety};
  }
}

}  // namespace detail

/// A filter on a value function in host memory, which must outlive it. Mode: least_restrictive, blend, keep_rate; Rule: off_grid::
/// conservative, the default, or clamp. Its only state is that of the hysteresis: one filter for each controlled system.
template <class View, class Mode, class Rule>
class safety_filter {
public:
  using T = typename View::scalar;
  using state = typename View::state;
  using control_input = typename View::control_input;

  /// Throws argument_error for a negative margin, hysteresis, width or rate. A hysteresis is least_restrictive's alone.
  template <class System, class Role, class Horizon>
  safety_filter(value_function<System, T, Role, Horizon> const& value, Mode mode, filter_options const& options = {}, Rule = {})
      : view_(value.view()), limits_{static_cast<T>(options.margin), static_cast<T>(options.hysteresis), T(0)} {
    static_assert(std::is_same_v<Horizon, infinite_horizon>,
                  "a safety filter needs a value function for all time: one over a finite or discounted horizon is no certificate; "
                  "solve for infinite_horizon{} or undiscounted{}, or vouch for it: std::move(v).with_horizon(infinite_horizon{}) - see docs/safety_filter.md");
    static_assert(!std::is_same_v<Mode, keep_rate> || affine_dynamics<System>, "keep_rate needs a control-affine system - see docs/safety_filter.md");
    static_assert(!std::is_same_v<Mode, blend> || !is_finite_set<std::remove_cvref_t<decltype(value.system().controls)>>,
                  "blend mixes two inputs, and a finite list does not hold the mixture - see docs/safety_filter.md");
    if constexpr (std::is_same_v<Mode, blend>) limits_.width_or_rate = static_cast<T>(mode.width);
    if constexpr (std::is_same_v<Mode, keep_rate>) limits_.width_or_rate = static_cast<T>(mode.rate);
    if (!(limits_.margin >= 0 && limits_.hysteresis >= 0 && limits_.width_or_rate >= 0))
      throw argument_error(parapet::detail::concat("safety_filter: margin ", options.margin, ", hysteresis ", options.hysteresis,
                                                   ", width or rate ", static_cast<double>(limits_.width_or_rate), ", expected none below 0"));
    if (!std::is_same_v<Mode, least_restrictive> && options.hysteresis > 0)
      throw argument_error("safety_filter: only least_restrictive switches, so only it has a hysteresis");
  }

  /// The input to apply at x in place of `wish`.
  filtered<T, control_input::size> operator()(state const& x, control_input const& wish) noexcept {
    return detail::filter_step<Mode, Rule>(view_, limits_, x, wish, interfering_);
  }

  /// Forgets that it was interfering.
  void reset() noexcept { interfering_ = false; }

private:
  View view_;
  detail::filter_limits<T> limits_;
  bool interfering_ = false;
};

template <class System, class T, class Role, class Horizon, class Mode>
safety_filter(value_function<System, T, Role, Horizon> const&, Mode, filter_options const& = {})
    -> safety_filter<value_view<System, T, Role>, Mode, off_grid::conservative<T>>;
template <class System, class T, class Role, class Horizon, class Mode, class Rule>
safety_filter(value_function<System, T, Role, Horizon> const&, Mode, filter_options const&, Rule)
    -> safety_filter<value_view<System, T, Role>, Mode, Rule>;

}  // namespace parapet::inline PARAPET_ABI::reachability
