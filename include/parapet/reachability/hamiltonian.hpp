// The Hamiltonian of a game, its optimal inputs, and how fast information travels.
//
//     H(x, p) = opt_u opt_d p . f(x, u, d),
//
// where the control maximises and the disturbance minimises if the question is `avoid`, the other way round if it is `reach`.
// For f = drift + G u + C d it splits: H = p . drift + opt_u (G^T p) . u + opt_d (C^T p) . d, and the order does not matter
// (Isaacs' condition). Where both sets are finite lists all pairs are tried: the disturbance sees the control's choice.
//
// Speeds bound |dH/dp_i|: by nature |f_i| over all inputs (max_speed), or over those inputs that are optimal for some
// gradient between two others (local_lax_friedrichs). They are the dissipation of Lax and Friedrichs and the CFL limit; too low a bound
// is an instability, so they are exact here: |drift_i + G_i c| + spread(G_i) + ... with c the centre of the set.
//
// A system may have its own, under the same names:
//     template <class Role, class X> X hamiltonian(vec<X, D> const& x, vec<X, D> const& p, X t) const;
//     template <class X> vec<X, D> max_speed(vec<X, D> const& x, X t) const;
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/input_set.hpp>
#include <parapet/reachability/problem.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

namespace detail {

template <class S>
concept has_own_hamiltonian = requires(S const& s, state_of<S> x, float t) {
  { s.template hamiltonian<avoid_role>(x, x, t) } -> std::same_as<float>;
  { s.max_speed(x, t) } -> std::same_as<state_of<S>>;
};

}  // namespace detail

/// A system whose Hamiltonian and speeds are known: affine, with finite sets, or with its own.
template <class S>
concept game_dynamics = dynamics<S> && (affine_dynamics<S> || detail::has_finite_sets<S> || detail::has_own_hamiltonian<S>);

template <class S>
consteval bool check_game_dynamics() {
  check_dynamics<S>();
  static_assert(game_dynamics<S>,
                "a Hamilton-Jacobi solve needs a system that says 'static constexpr bool control_affine = true', or has finite input sets, or "
                "provides 'X hamiltonian<Role>(x, p, t)' and 'vec<X, D> max_speed(x, t)' - see docs/hamilton_jacobi.md");
  return game_dynamics<S>;
}

/// What both players do.
template <class S, class X>
struct input_pair {
  vec<X, control_dim<S>> control;
  vec<X, disturbance_dim<S>> disturbance;
};

namespace detail {

template <int Rows, int Columns, class X>
PARAPET_INLINE PARAPET_FN vec<X, Columns> pulled_back(mat<X, Rows, Columns> const& g, vec<X, Rows> const& p) {
  vec<X, Columns> q{};
  grid::unrolled<Columns>([&](auto j) PARAPET_LAMBDA { q[j] = dot(g.column(j), p); });
  return q;
}

template <class X, int N>
PARAPET_INLINE PARAPET_FN vec<X, N> negated(vec<X, N> q) {
  grid::unrolled<N>([&](auto j) PARAPET_LAMBDA { q[j] = -q[j]; });
  return q;
}

/// max q . u, or min where not Maximize.
template <bool Maximize, class Set, class X, int M>
PARAPET_INLINE PARAPET_FN X best_product(Set const& set, vec<X, M> const& q) {
  if constexpr (M == 0) return X(0.0f);
  else if constexpr (Maximize) return set.support(q);
  else return -set.support(negated(q));
}
template <bool Maximize, class Set, class X, int M>
PARAPET_INLINE PARAPET_FN vec<X, M> best_point(Set const& set, vec<X, M> const& q) {
  if constexpr (M == 0) return {};
  else if constexpr (Maximize) return set.argmax(q);
  else return set.argmax(negated(q));
}

template <bool Maximize, class X>
PARAPET_INLINE PARAPET_FN auto better(X const& a, X const& b) {
  if constexpr (Maximize) return a > b;
  else return a < b;
}

/// The k-th input of a finite list; none has one.
template <class X, class Set>
PARAPET_INLINE PARAPET_FN vec<X, Set::dim> listed(Set const& set, int k) {
  if constexpr (Set::dim == 0) return {};
  else return set.template operator[]<X>(k);
}
template <class Set>
inline constexpr int list_size = 1;
template <int M, int N>
inline constexpr int list_size<input_list<M, N>> = N;

/// All pairs of two finite lists: the best value and who plays what.
template <class Role, class S, class X>
PARAPET_FN X best_of_lists(S const& s, vec<X, S::state_dim> const& x, vec<X, S::state_dim> const& p, X const& t, input_pair<S, X>& best) {
  constexpr bool maximize = Role::control_maximizes;
  constexpr int controls = list_size<decltype(s.controls)>, disturbances = list_size<decltype(s.disturbances)>;
  X value{};
  for (int i = 0; i < controls; ++i) {
    input_pair<S, X> pair{listed<X>(s.controls, i), {}};
    X answer{};
    for (int j = 0; j < disturbances; ++j) {
      auto const d = listed<X>(s.disturbances, j);
      X const h = dot(p, derivative(s, x, pair.control, d, t));
      auto const improves = better<!maximize>(h, answer);
      for (int k = 0; k < disturbance_dim<S>; ++k) pair.disturbance[k] = j == 0 ? d[k] : math::where(improves, d[k], pair.disturbance[k]);
      answer = j == 0 ? h : math::where(improves, h, answer);
    }
    auto const improves = better<maximize>(answer, value);
    for (int k = 0; k < control_dim<S>; ++k) best.control[k] = i == 0 ? pair.control[k] : math::where(improves, pair.control[k], best.control[k]);
    for (int k = 0; k < disturbance_dim<S>; ++k)
      best.disturbance[k] = i == 0 ? pair.disturbance[k] : math::where(improves, pair.disturbance[k], best.disturbance[k]);
    value = i == 0 ? answer : math::where(improves, answer, value);
  }
  return value;
}

template <class S, class X>
PARAPET_INLINE PARAPET_FN X affine_hamiltonian(bool maximize, S const& s, affine_parts<S, X> const& parts, vec<X, S::state_dim> const& p) {
  auto const q = pulled_back<S::state_dim, control_dim<S>>(parts.control, p);
  auto const r = pulled_back<S::state_dim, disturbance_dim<S>>(parts.disturbance, p);
  X h = dot(p, parts.drift);
  if (maximize) h = h + best_product<true>(s.controls, q) + best_product<false>(s.disturbances, r);
  else h = h + best_product<false>(s.controls, q) + best_product<true>(s.disturbances, r);
  return h;
}

/// |drift_i + G_i centre + C_i centre| + the spreads of the two sets in row i.
template <class S, class X, class U, class D>
PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> speeds(affine_parts<S, X> const& parts, U const& u, vec<X, control_dim<S>> const& u_centre,
                                                      D const& d, vec<X, disturbance_dim<S>> const& d_centre) {
  vec<X, S::state_dim> a{};
  grid::unrolled<S::state_dim>([&](auto i) PARAPET_LAMBDA {
    X mean = parts.drift[i], spread = X(0.0f);
    if constexpr (control_dim<S> > 0) {
      mean = mean + dot(parts.control.row(i), u_centre);
      spread = spread + u.spread(parts.control.row(i));
    }
    if constexpr (disturbance_dim<S> > 0) {
      mean = mean + dot(parts.disturbance.row(i), d_centre);
      spread = spread + d.spread(parts.disturbance.row(i));
    }
    a[i] = math::abs(mean) + spread;
  });
  return a;
}

}  // namespace detail

/// opt_u opt_d p . f(x, u, d).
template <class Role, game_dynamics S, class X>
PARAPET_INLINE PARAPET_FN X hamiltonian(S const& s, vec<X, S::state_dim> const& x, vec<X, S::state_dim> const& p, X const& t) {
  if constexpr (detail::has_own_hamiltonian<S>) {
    return s.template hamiltonian<Role>(x, p, t);
  } else if constexpr (affine_dynamics<S>) {
    return detail::affine_hamiltonian(Role::control_maximizes, s, parts_of(s, x, t), p);
  } else {
    input_pair<S, X> unused{};
    return detail::best_of_lists<Role>(s, x, p, t, unused);
  }
}

/// The inputs that attain the Hamiltonian at gradient p: the optimal control and the worst disturbance.
template <class Role, dynamics S, class X>
  requires(affine_dynamics<S> || detail::has_finite_sets<S>)
PARAPET_INLINE PARAPET_FN input_pair<S, X> best_inputs(S const& s, vec<X, S::state_dim> const& x, vec<X, S::state_dim> const& p, X const& t) {
  input_pair<S, X> best{};
  if constexpr (affine_dynamics<S>) {
    affine_parts<S, X> parts = parts_of(s, x, t);  // not const: g++ 12 keeps constant aggregates in memory
    auto const q = detail::pulled_back<S::state_dim, control_dim<S>>(parts.control, p);
    auto const r = detail::pulled_back<S::state_dim, disturbance_dim<S>>(parts.disturbance, p);
    best.control = detail::best_point<Role::control_maximizes>(s.controls, q);
    best.disturbance = detail::best_point<!Role::control_maximizes>(s.disturbances, r);
  } else {
    detail::best_of_lists<Role>(s, x, p, t, best);
  }
  return best;
}

/// Bounds of |dH/dp_i| over all inputs.
template <game_dynamics S, class X>
PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> max_speed(S const& s, vec<X, S::state_dim> const& x, X const& t) {
  if constexpr (detail::has_own_hamiltonian<S>) {
    return s.max_speed(x, t);
  } else if constexpr (affine_dynamics<S>) {
    return detail::speeds<S, X>(parts_of(s, x, t), s.controls, s.controls.template centre<X>(), s.disturbances, s.disturbances.template centre<X>());
  } else {
    vec<X, S::state_dim> most{};
    for (int i = 0; i < detail::list_size<decltype(s.controls)>; ++i)
      for (int j = 0; j < detail::list_size<decltype(s.disturbances)>; ++j) {
        auto const f = derivative(s, x, detail::listed<X>(s.controls, i), detail::listed<X>(s.disturbances, j), t);
        for (int k = 0; k < S::state_dim; ++k) most[k] = i + j == 0 ? math::abs(f[k]) : math::max(most[k], math::abs(f[k]));
      }
    return most;
  }
}

/// Dissipation from all inputs: the bound of hj_reachability's and ToolboxLS' global Lax-Friedrichs, node by node.
struct global_lax_friedrichs {};
/// Dissipation from those inputs only that are optimal for some gradient between the one-sided ones: sharper, and dearer.
struct local_lax_friedrichs {};

/// H at the mean of two gradients, and bounds of |dH/dp_i|.
template <class X, int D>
struct hamiltonian_and_speeds {
  X value;
  vec<X, D> speeds;
};

namespace detail {

/// The bounds of G^T p for p between a and b, component by component.
template <int Rows, int Columns, class X>
PARAPET_INLINE PARAPET_FN void pull_back_bounds(mat<X, Rows, Columns> const& g, vec<X, Rows> const& a, vec<X, Rows> const& b,
                                                vec<X, Columns>& low, vec<X, Columns>& high) {
  PARAPET_UNROLL for (int j = 0; j < Columns; ++j) {
    low[j] = high[j] = X(0.0f);
    PARAPET_UNROLL for (int i = 0; i < Rows; ++i) {
      X const with_a = g(i, j) * a[i], with_b = g(i, j) * b[i];
      low[j] = low[j] + math::min(with_a, with_b);
      high[j] = high[j] + math::max(with_a, with_b);
    }
  }
}

/// The part of a set that is optimal for some q in [low, high].
template <bool Maximize, class Set, class X, int M>
PARAPET_INLINE PARAPET_FN auto optimal_part(Set const& set, vec<X, M> const& low, vec<X, M> const& high) {
  if constexpr (Maximize) return set.narrowed(low, high);
  else return set.narrowed(negated(high), negated(low));
}

}  // namespace detail

/// Both at once, for gradients between `left` and `right`. Local dissipation of a system that is not affine is the global one.
template <class Role, class Dissipation, game_dynamics S, class X>
PARAPET_INLINE PARAPET_FN hamiltonian_and_speeds<X, S::state_dim> evaluate(S const& s, vec<X, S::state_dim> const& x, vec<X, S::state_dim> const& left,
                                                                           vec<X, S::state_dim> const& right, X const& t) {
  vec<X, S::state_dim> const mean = X(0.5f) * (left + right);
  if constexpr (affine_dynamics<S> && !detail::has_own_hamiltonian<S>) {
    affine_parts<S, X> parts = parts_of(s, x, t);  // not const: g++ 12 keeps constant aggregates in memory
    X const value = detail::affine_hamiltonian(Role::control_maximizes, s, parts, mean);
    if constexpr (std::is_same_v<Dissipation, local_lax_friedrichs>) {
      vec<X, control_dim<S>> q_low{}, q_high{};
      vec<X, disturbance_dim<S>> r_low{}, r_high{};
      detail::pull_back_bounds(parts.control, left, right, q_low, q_high);
      detail::pull_back_bounds(parts.disturbance, left, right, r_low, r_high);
      auto const u = detail::optimal_part<Role::control_maximizes>(s.controls, q_low, q_high);
      auto const d = detail::optimal_part<!Role::control_maximizes>(s.disturbances, r_low, r_high);
      return {value, detail::speeds<S, X>(parts, u, u.centre, d, d.centre)};
    } else {
      return {value, detail::speeds<S, X>(parts, s.controls, s.controls.template centre<X>(), s.disturbances, s.disturbances.template centre<X>())};
    }
  } else {
    return {hamiltonian<Role>(s, x, mean, t), max_speed(s, x, t)};
  }
}

}  // namespace parapet::inline PARAPET_ABI::reachability
