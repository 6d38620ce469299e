// How one step of a discrete-time problem moves the state: x+ = Phi_h(x, u, d) with inputs held for the time h.
//
//     euler     x + h f(x)                                     rk4   the classical method of Runge and Kutta
//     midpoint  x + h f(x + h/2 f(x))                          discrete_map   f(x): the system is a map, and h is only a unit
//
// A step smears a value function on a grid of spacing dx by about dx, so |f| h >= dx / 2 should hold where it matters: many small
// steps are worse than few large ones.
#pragma once

#include <parapet/config.hpp>
#include <parapet/reachability/dynamics.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

namespace detail {
template <class X, int D>
PARAPET_INLINE PARAPET_FN vec<X, D> moved(vec<X, D> const& x, X const& h, vec<X, D> const& slope) {
  return x + h * slope;
}
}  // namespace detail

struct euler {
  template <dynamics S, class X>
  PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> operator()(S const& s, vec<X, S::state_dim> const& x, vec<X, control_dim<S>> const& u,
                                                            vec<X, disturbance_dim<S>> const& d, X const& h) const {
    return detail::moved(x, h, derivative(s, x, u, d, X(0.0f)));
  }
};

struct midpoint {
  template <dynamics S, class X>
  PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> operator()(S const& s, vec<X, S::state_dim> const& x, vec<X, control_dim<S>> const& u,
                                                            vec<X, disturbance_dim<S>> const& d, X const& h) const {
    X const half = X(0.5f) * h;
    return detail::moved(x, h, derivative(s, detail::moved(x, half, derivative(s, x, u, d, X(0.0f))), u, d, half));
  }
};

struct rk4 {
  template <dynamics S, class X>
  PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> operator()(S const& s, vec<X, S::state_dim> const& x, vec<X, control_dim<S>> const& u,
                                                            vec<X, disturbance_dim<S>> const& d, X const& h) const {
    X const half = X(0.5f) * h;
    auto const k1 = derivative(s, x, u, d, X(0.0f));
    auto const k2 = derivative(s, detail::moved(x, half, k1), u, d, half);
    auto const k3 = derivative(s, detail::moved(x, half, k2), u, d, half);
    auto const k4 = derivative(s, detail::moved(x, h, k3), u, d, h);
    vec<X, S::state_dim> next = x;
    PARAPET_UNROLL for (int i = 0; i < S::state_dim; ++i)
      next[i] = x[i] + h * X(1.0 / 6.0) * (k1[i] + X(2.0f) * (k2[i] + k3[i]) + k4[i]);
    return next;
  }
};

struct discrete_map {
  template <dynamics S, class X>
  PARAPET_INLINE PARAPET_FN vec<X, S::state_dim> operator()(S const& s, vec<X, S::state_dim> const& x, vec<X, control_dim<S>> const& u,
                                                            vec<X, disturbance_dim<S>> const& d, X const&) const {
    return derivative(s, x, u, d, X(0.0f));
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability
