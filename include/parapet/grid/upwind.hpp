// One-sided first derivatives from the nodes around one: what an upwind scheme chooses between.
//
// A scheme takes the 2 reach + 1 values v[-reach..reach] along an axis and gives (left, right), the derivative seen from below
// and from above. With D the divided first differences, E those of D, F those of E (undivided):
//
//     upwind   first order:  D left and right of the node
//     eno2     + E / 2 with the smaller of two E                                   second order
//     eno3     + E / 2 and F / 3 or - F / 6 along the smoothest stencil            third order
//     weno3    the weighted mean of the two stencils of eno2                       third order
//     weno5    the weighted mean of the three stencils of eno3                     fifth order
//
// These orders are those of smooth functions. At a kink, and value functions have many, all are of first order in the largest
// error. A WENO weight is c / (smoothness + epsilon)^2 with epsilon = 1e-6 max D^2, so that it does not depend on the units of V, and
// not below what rounding makes of equal values; the `_fixed` ones take epsilon = 1e-6, as hj_reachability does.
//
// Osher and Shu (1991), ENO for Hamilton-Jacobi; Jiang and Peng (2000), WENO; Osher and Fedkiw, "Level Set Methods" (2003), 3.3-3.5.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>

#include <limits>

namespace parapet::inline PARAPET_ABI::grid {

/// The derivative from below and from above.
template <class X>
struct one_sided {
  X left, right;
};

namespace detail {

/// The one of smaller magnitude; the first of equals.
template <class X>
PARAPET_INLINE PARAPET_FN X smoother(X const& a, X const& b) {
  return math::where(math::abs(b) < math::abs(a), b, a);
}

/// One over the scale of squared differences: the largest one, and not less than what the rounding of v leaves of them. epsilon is
/// 1e-6 of the scale, and the scale of a fixed epsilon is 1.
template <bool Relative, class X, int N>
PARAPET_INLINE PARAPET_FN X inverse_scale(X const (&d)[N], X const& v, X const& inverse_dx) {
  if constexpr (!Relative) {
    return X(1.0f);
  } else {
    X most = math::abs(d[0]);
    PARAPET_UNROLL for (int k = 1; k < N; ++k) most = math::max(most, math::abs(d[k]));
    using scalar = math::scalar_of_t<X>;
    X const noise = v * inverse_dx * X(1e3f * static_cast<float>(math::epsilon<scalar>));
    return X(1.0f) / (most * most + noise * noise + X(1e-30f));
  }
}

}  // namespace detail

/// First order.
struct upwind {
  static constexpr int reach = 1;
  static constexpr int order = 1;

  template <class X>
  PARAPET_INLINE PARAPET_FN static one_sided<X> slopes(X const (&v)[3], X const& inverse_dx) {
    return {(v[1] - v[0]) * inverse_dx, (v[2] - v[1]) * inverse_dx};
  }
};

struct eno2 {
  static constexpr int reach = 2;
  static constexpr int order = 2;

  template <class X>
  PARAPET_INLINE PARAPET_FN static one_sided<X> slopes(X const (&v)[5], X const& inverse_dx) {
    X d[4], e[3];
    PARAPET_UNROLL for (int k = 0; k < 4; ++k) d[k] = (v[k + 1] - v[k]) * inverse_dx;
    PARAPET_UNROLL for (int k = 0; k < 3; ++k) e[k] = d[k + 1] - d[k];
    return {d[1] + X(0.5f) * detail::smoother(e[0], e[1]), d[2] - X(0.5f) * detail::smoother(e[2], e[1])};
  }
};

struct eno3 {
  static constexpr int reach = 3;
  static constexpr int order = 3;

  template <class X>
  PARAPET_INLINE PARAPET_FN static one_sided<X> slopes(X const (&v)[7], X const& inverse_dx) {
    X d[6], e[5], f[4];
    PARAPET_UNROLL for (int k = 0; k < 6; ++k) d[k] = (v[k + 1] - v[k]) * inverse_dx;
    PARAPET_UNROLL for (int k = 0; k < 5; ++k) e[k] = d[k + 1] - d[k];
    PARAPET_UNROLL for (int k = 0; k < 4; ++k) f[k] = e[k + 1] - e[k];
    auto const third = [&](X const& outer, X const& inner, X const& f_outer, X const& f_middle, X const& f_inner) {
      // Towards the outer side with F / 3, towards the inner one with -F / 6; written for outward differences.
      X const with_outer = X(0.5f) * outer + X(1.0f / 3) * detail::smoother(f_outer, f_middle);
      X const with_inner = X(0.5f) * inner - X(1.0f / 6) * detail::smoother(f_middle, f_inner);
      return math::where(math::abs(inner) < math::abs(outer), with_inner, with_outer);
    };
    return {d[2] + third(e[1], e[2], f[0], f[1], f[2]), d[3] + third(-e[3], -e[2], f[3], f[2], f[1])};
  }
};

template <bool Relative>
struct basic_weno3 {
  static constexpr int reach = 2;
  static constexpr int order = 3;

  template <class X>
  PARAPET_INLINE PARAPET_FN static one_sided<X> slopes(X const (&v)[5], X const& inverse_dx) {
    X d[4], e[3], s[3];
    PARAPET_UNROLL for (int k = 0; k < 4; ++k) d[k] = (v[k + 1] - v[k]) * inverse_dx;
    X const scale = detail::inverse_scale<Relative>(d, v[reach], inverse_dx);
    PARAPET_UNROLL for (int k = 0; k < 3; ++k) {
      e[k] = d[k + 1] - d[k];
      X const r = e[k] * e[k] * scale + X(1e-6f);
      s[k] = r * r;
    }
    // Weights 1/3 / s_outer and 2/3 / s_inner, the inner stencil being the central difference.
    X const centre = X(0.5f) * (d[1] + d[2]);
    X const left = s[1] / (s[1] + X(2.0f) * s[0]), right = s[1] / (s[1] + X(2.0f) * s[2]);
    return {centre - left * (X(0.5f) * (e[1] - e[0])), centre - right * (X(0.5f) * (e[2] - e[1]))};
  }
};
using weno3 = basic_weno3<true>;
using weno3_fixed = basic_weno3<false>;

template <bool Relative>
struct basic_weno5 {
  static constexpr int reach = 3;
  static constexpr int order = 5;

  template <class X>
  PARAPET_INLINE PARAPET_FN static one_sided<X> slopes(X const (&v)[7], X const& inverse_dx) {
    X d[6], e[5], f[4], ff[4];
    PARAPET_UNROLL for (int k = 0; k < 6; ++k) d[k] = (v[k + 1] - v[k]) * inverse_dx;
    PARAPET_UNROLL for (int k = 0; k < 5; ++k) e[k] = d[k + 1] - d[k];
    PARAPET_UNROLL for (int k = 0; k < 4; ++k) {
      f[k] = e[k + 1] - e[k];
      ff[k] = X(13.0f / 3) * (f[k] * f[k]);  // four times its share of the smoothness
    }
    X const scale = X(0.25f) * detail::inverse_scale<Relative>(d, v[reach], inverse_dx);
    auto const smoothness = [&](X const& curvature, X const& slope) { return (curvature + slope * slope) * scale + X(1e-6f); };
    // All stencils agree on the central difference; what is left are differences of F, which the two sides share.
    X const centre = X(0.5f) * (d[2] + d[3]);
    auto const side = [&](X const& s0, X const& s1, X const& s2, X const& outward, X const& inward, X const& middle) {
      X const a0 = s1 * s2, a1 = s0 * s2, a2 = s0 * s1;
      X const w0 = a0 * a0, w1 = X(6.0f) * (a1 * a1), w2 = X(3.0f) * (a2 * a2);
      return centre - X(1.0f / 6) * middle + (X(1.0f / 3) * w0 * outward + X(1.0f / 6) * w2 * inward) / (w0 + w1 + w2);
    };
    X const f01 = f[0] - f[1], f12 = f[1] - f[2], f32 = f[3] - f[2];
    return {side(smoothness(ff[0], f[0] + X(2.0f) * e[1]), smoothness(ff[1], e[1] + e[2]), smoothness(ff[2], f[2] - X(2.0f) * e[2]), f01, f12, f[1]),
            side(smoothness(ff[3], f[3] - X(2.0f) * e[3]), smoothness(ff[2], e[2] + e[3]), smoothness(ff[1], f[1] + X(2.0f) * e[2]), f32, -f12, f[2])};
  }
};
using weno5 = basic_weno5<true>;
using weno5_fixed = basic_weno5<false>;

}  // namespace parapet::inline PARAPET_ABI::grid
