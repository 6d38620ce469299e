// What a solver asks of a system x' = f(x, u, d, t): a plain struct, generic in the lane type X.
//
//     struct dubins_pair {                                                    // two cars, seen from the first
//       static constexpr int state_dim = 3;
//       static constexpr bool control_affine = true;                          // f is affine in u and in d
//       box<1> controls{{-1}, {1}}, disturbances{{-1}, {1}};
//       template <class X>
//       PARAPET_FN vec<X, 3> derivative(vec<X, 3> const& x, vec<X, 1> const& u, vec<X, 1> const& d) const {
//         return {5.0f * math::cos(x[2]) - 5.0f + u[0] * x[1], 5.0f * math::sin(x[2]) - u[0] * x[0], d[0] - u[0]};
//       }
//     };
//
// Sets: `controls` and `disturbances`, a box, ball, finite list, or `no_input`. Then one of
//   * derivative(x, u, d) with control_affine = true. The library takes f(x, 0, 0) and the columns f(x, e_j, 0) - f(x, 0, 0);
//   * drift(x), control_matrix(x), disturbance_matrix(x): x' = drift + G u + C d without those differences; the fastest;
//   * derivative(x, u, d), where both sets are finite: the best pair is found by trying all;
//   * derivative(x, u, d), and its own hamiltonian and max_speed (reachability/hamiltonian.hpp).
// Every member may take a last argument `X t`, the time; without it the system is time-invariant. There is no `if` on X:
// math::where(condition, a, b); constants are wrapped where their type matters: X(0.5f).
#pragma once

#include <parapet/config.hpp>
#include <parapet/grid/vec.hpp>
#include <parapet/reachability/input_set.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

template <class S>
concept has_state_dim = requires { requires S::state_dim >= 1 && S::state_dim <= 8; };

template <class S>
concept has_input_sets = requires(S const& s) {
  { decltype(s.controls)::dim } -> std::convertible_to<int>;
  { decltype(s.disturbances)::dim } -> std::convertible_to<int>;
};

template <has_input_sets S>
inline constexpr int control_dim = std::remove_cvref_t<decltype(std::declval<S const&>().controls)>::dim;
template <has_input_sets S>
inline constexpr int disturbance_dim = std::remove_cvref_t<decltype(std::declval<S const&>().disturbances)>::dim;

namespace detail {

template <class S, class X = float>
using state_of = vec<X, S::state_dim>;
template <class S, class X = float>
using control_of = vec<X, control_dim<S>>;
template <class S, class X = float>
using disturbance_of = vec<X, disturbance_dim<S>>;

template <class S>
concept has_steady_derivative = requires(S const& s, state_of<S> x, control_of<S> u, disturbance_of<S> d) {
  { s.derivative(x, u, d) } -> std::same_as<state_of<S>>;
};
template <class S>
concept has_timed_derivative = requires(S const& s, state_of<S> x, control_of<S> u, disturbance_of<S> d, float t) {
  { s.derivative(x, u, d, t) } -> std::same_as<state_of<S>>;
};
template <class S>
concept has_steady_parts = requires(S const& s, state_of<S> x) {
  { s.drift(x) } -> std::same_as<state_of<S>>;
  { s.control_matrix(x) } -> std::same_as<mat<float, S::state_dim, control_dim<S>>>;
} && (disturbance_dim<S> == 0 || requires(S const& s, state_of<S> x) {
  { s.disturbance_matrix(x) } -> std::same_as<mat<float, S::state_dim, disturbance_dim<S>>>;
});
template <class S>
concept has_timed_parts = requires(S const& s, state_of<S> x, float t) {
  { s.drift(x, t) } -> std::same_as<state_of<S>>;
  { s.control_matrix(x, t) } -> std::same_as<mat<float, S::state_dim, control_dim<S>>>;
} && (disturbance_dim<S> == 0 || requires(S const& s, state_of<S> x, float t) {
  { s.disturbance_matrix(x, t) } -> std::same_as<mat<float, S::state_dim, disturbance_dim<S>>>;
});
template <class S>
concept says_affine = requires { requires S::control_affine; };

template <class S>
inline constexpr bool has_finite_sets = is_finite_set<std::remove_cvref_t<decltype(std::declval<S const&>().controls)>> &&
                                        is_finite_set<std::remove_cvref_t<decltype(std::declval<S const&>().disturbances)>>;

}  // namespace detail

/// x' is a function of x, u, d (and t), given whole or in affine parts.
template <class S>
concept has_motion = has_state_dim<S> && has_input_sets<S> &&
                     (detail::has_steady_derivative<S> || detail::has_timed_derivative<S> || detail::has_steady_parts<S> ||
                      detail::has_timed_parts<S>);

/// Everything that roll-outs and value iteration ask of a system.
template <class S>
concept dynamics = has_motion<S> && std::is_trivially_copyable_v<S>;

/// x' = f(x) + G(x) u + C(x) d.
template <class S>
concept affine_dynamics =
    dynamics<S> && (detail::has_steady_parts<S> || detail::has_timed_parts<S> || detail::says_affine<S>);

/// Whether x' depends on the time itself.
template <class S>
inline constexpr bool is_time_varying = !detail::has_steady_derivative<S> && !detail::has_steady_parts<S>;

/// Says in words what a system lacks. Call it where a system's type enters.
template <class S>
consteval bool check_dynamics() {
  static_assert(has_state_dim<S>, "a system must have the constant 'static constexpr int state_dim', 1 to 8 - see docs/hamilton_jacobi.md");
  static_assert(has_input_sets<S>, "a system must have the members 'controls' and 'disturbances': box<M>, ball<M>, input_list<M, N> "
                                   "or no_input - see docs/hamilton_jacobi.md");
  static_assert(has_motion<S>, "a system must provide 'template <class X> vec<X, state_dim> derivative(vec<X, state_dim> const& x, "
                               "vec<X, M> const& u, vec<X, K> const& d) const', or drift, control_matrix and disturbance_matrix - see docs/hamilton_jacobi.md");
  static_assert(std::is_trivially_copyable_v<S>, "a system must be trivially copyable: it is copied into kernels - see docs/hamilton_jacobi.md");
  static_cast<void>(detail::says_affine<S>);  // or clang calls control_affine unused where no solver asks
  return dynamics<S>;
}

/// The same, and where a grid does not fit the system.
template <class S, int Axes>
consteval bool check_dynamics_on_grid() {
  static_assert(check_dynamics<S>());
  if constexpr (has_state_dim<S>)
    static_assert(Axes == S::state_dim, "a grid must have one axis for each state of its system: grid::grid<state_dim> - see docs/hamilton_jacobi.md");
  return dynamics<S>;
}

namespace detail {

template <class S, class X>
PARAPET_INLINE PARAPET_FN state_of<S, X> given_derivative(S const& s, state_of<S, X> const& x, control_of<S, X> const& u,
                                                          disturbance_of<S, X> const& d, X const& t) {
  if constexpr (has_steady_derivative<S>) return s.derivative(x, u, d);
  else return s.derivative(x, u, d, t);
}

}  // namespace detail

/// drift, G and C at one state: x' = drift + control u + disturbance d.
template <class S, class X>
struct affine_parts {
  vec<X, S::state_dim> drift;
  mat<X, S::state_dim, control_dim<S>> control;
  mat<X, S::state_dim, disturbance_dim<S>> disturbance;
};

/// The parts as the system gives them, or from differences of its derivative.
template <affine_dynamics S, class X>
PARAPET_INLINE PARAPET_FN affine_parts<S, X> parts_of(S const& s, vec<X, S::state_dim> const& x, X const& t) {
  constexpr int n = S::state_dim, m = control_dim<S>, k = disturbance_dim<S>;
  // Returned as they are made: copies of matrices of lanes would stay in memory.
  if constexpr (detail::has_steady_parts<S>) {
    if constexpr (k > 0) return {s.drift(x), s.control_matrix(x), s.disturbance_matrix(x)};
    else return {s.drift(x), s.control_matrix(x), {}};
  } else if constexpr (detail::has_timed_parts<S>) {
    if constexpr (k > 0) return {s.drift(x, t), s.control_matrix(x, t), s.disturbance_matrix(x, t)};
    else return {s.drift(x, t), s.control_matrix(x, t), {}};
  } else {
    affine_parts<S, X> parts{};
    vec<X, m> u{};
    vec<X, k> d{};
    grid::unrolled<m>([&](auto j) PARAPET_LAMBDA { u[j] = X(0.0f); });
    grid::unrolled<k>([&](auto j) PARAPET_LAMBDA { d[j] = X(0.0f); });
    parts.drift = detail::given_derivative(s, x, u, d, t);
    PARAPET_UNROLL for (int j = 0; j < m; ++j) {
      u[j] = X(1.0f);
      vec<X, n> const moved = detail::given_derivative(s, x, u, d, t);
      grid::unrolled<n>([&](auto i) PARAPET_LAMBDA { parts.control(i, j) = moved[i] - parts.drift[i]; });
      u[j] = X(0.0f);
    }
    PARAPET_UNROLL for (int j = 0; j < k; ++j) {
      d[j] = X(1.0f);
      vec<X, n> const moved = detail::given_derivative(s, x, u, d, t);
      grid::unrolled<n>([&](auto i) PARAPET_LAMBDA { parts.disturbance(i, j) = moved[i] - parts.drift[i]; });
      d[j] = X(0.0f);
    }
    return parts;
  }
}

/// x' of any system; t is unused where it does not vary in time.
template <dynamics S, class X>
PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> derivative(S const& s, vec<X, S::state_dim> const& x, vec<X, control_dim<S>> const& u,
                                                          vec<X, disturbance_dim<S>> const& d, X const& t) {
  if constexpr (detail::has_steady_derivative<S> || detail::has_timed_derivative<S>) {
    return detail::given_derivative(s, x, u, d, t);
  } else {
    affine_parts<S, X> parts = parts_of(s, x, t);  // not const: g++ 12 keeps constant aggregates in memory
    vec<X, S::state_dim> moved = parts.drift;
    PARAPET_UNROLL for (int i = 0; i < S::state_dim; ++i) {
      if constexpr (control_dim<S> > 0) moved[i] = moved[i] + dot(parts.control.row(i), u);
      if constexpr (disturbance_dim<S> > 0) moved[i] = moved[i] + dot(parts.disturbance.row(i), d);
    }
    return moved;
  }
}

}  // namespace parapet::inline PARAPET_ABI::reachability
