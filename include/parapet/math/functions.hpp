// exp, log, tanh, erf, sin, cos, sqrt, ... for floats, doubles and packs, under one set of names.
//
// A functor says `using namespace parapet::math;` or calls `math::exp(x)`, and works on every X. Packs of floats
// use range reduction and a minimax polynomial (coefficients of Moshier's Cephes library), accurate to 2.5 ulp, sin and
// cos to 2^-23 in absolute terms; packs of doubles call the standard library lane by lane.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/pack.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::math {

// Limits as constants, which a kernel may name: those of <limits> are host functions.
template <class T>
inline constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T epsilon = std::numeric_limits<T>::epsilon();
template <class T>
inline constexpr T largest = std::numeric_limits<T>::max();

/// Scalars and packs of them: what an elementwise functor is called with.
template <class X>
struct scalar_of {
  using type = X;
};
template <class T>
struct scalar_of<pack<T>> {
  using type = T;
};
template <class X>
using scalar_of_t = typename scalar_of<X>::type;

// Scalars ------------------------------------------------------------------------------------------------------

template <class T>
concept real = std::is_same_v<T, float> || std::is_same_v<T, double>;

PARAPET_FN constexpr auto where(bool condition, real auto a, decltype(a) b) { return condition ? a : b; }
template <real T>
PARAPET_FN T exp(T x) { return std::exp(x); }
template <real T>
PARAPET_FN T log(T x) { return std::log(x); }
template <real T>
PARAPET_FN T tanh(T x) { return std::tanh(x); }
template <real T>
PARAPET_FN T erf(T x) { return std::erf(x); }
template <real T>
PARAPET_FN T sin(T x) { return std::sin(x); }
template <real T>
PARAPET_FN T cos(T x) { return std::cos(x); }
template <real T>
PARAPET_FN T sqrt(T x) { return std::sqrt(x); }
template <real T>
PARAPET_FN T abs(T x) { return std::abs(x); }
template <real T>
PARAPET_FN constexpr T min(T a, std::type_identity_t<T> b) { return b < a ? b : a; }
template <real T>
PARAPET_FN constexpr T max(T a, std::type_identity_t<T> b) { return a < b ? b : a; }

// Packs --------------------------------------------------------------------------------------------------------

using parapet::where;

template <class T>
PARAPET_INLINE pack<T> min(pack<T> const& a, std::type_identity_t<pack<T>> const& b) { return where(b < a, b, a); }
template <class T>
PARAPET_INLINE pack<T> max(pack<T> const& a, std::type_identity_t<pack<T>> const& b) { return where(a < b, b, a); }
template <class T>
PARAPET_INLINE pack<T> abs(pack<T> const& a) {
  // By the sign bit: one operation, where a comparison and a choice are three.
  using bits = parapet::detail::native<parapet::detail::mask_element<T>>;
  pack<T> r;
  PARAPET_UNROLL for (int i = 0; i < pack<T>::parts; ++i) {
    bits b;
    std::memcpy(&b, &a.part[i], sizeof b);
    b &= std::numeric_limits<parapet::detail::mask_element<T>>::max();
    std::memcpy(&r.part[i], &b, sizeof b);
  }
  return r;
}

/// Square root; NaN for negative numbers.
template <class T>
PARAPET_INLINE pack<T> sqrt(pack<T> const& a) {
#if defined(__SSE2__) && !defined(__CUDACC__)
  // By register: a loop over std::sqrt would test every lane for errno.
  pack<T> r;
  PARAPET_UNROLL for (int i = 0; i < pack<T>::parts; ++i) {
    auto const x = a.part[i];
    constexpr bool is_float = std::is_same_v<T, float>;
#if PARAPET_SIMD_BYTES == 64 && defined(__clang__)
    if constexpr (is_float) r.part[i] = __builtin_ia32_sqrtps512(x, 4);
    else r.part[i] = __builtin_ia32_sqrtpd512(x, 4);
#elif PARAPET_SIMD_BYTES == 64
    if constexpr (is_float) r.part[i] = __builtin_ia32_sqrtps512_mask(x, x, static_cast<short>(-1), 4);
    else r.part[i] = __builtin_ia32_sqrtpd512_mask(x, x, static_cast<char>(-1), 4);
#elif PARAPET_SIMD_BYTES == 32
    if constexpr (is_float) r.part[i] = __builtin_ia32_sqrtps256(x);
    else r.part[i] = __builtin_ia32_sqrtpd256(x);
#else
    if constexpr (is_float) r.part[i] = __builtin_ia32_sqrtps(x);
    else r.part[i] = __builtin_ia32_sqrtpd(x);
#endif
  }
  return r;
#else
  return detail::lane_by_lane(a, [](T x) { return std::sqrt(x); });
#endif
}

namespace detail {

using parapet::detail::native;
using parapet::detail::lane_by_lane;

/// c[0] x^(n-1) + ... + c[n-1] by Horner's rule.
template <int N>
PARAPET_INLINE pack<float> polynomial(pack<float> const& x, float const (&c)[N]) {
  pack<float> y = c[0];
  PARAPET_UNROLL for (int i = 1; i < N; ++i) y = y * x + c[i];
  return y;
}

/// Nearest integer, for |x| < 2^22: adding 1.5 * 2^23 leaves no room for a fraction.
PARAPET_INLINE pack<float> round(pack<float> const& x) { return (x + 12582912.0f) - 12582912.0f; }

/// 2^n for integers n in [-126, 127], by writing the exponent: in n + 127 + 1.5 * 2^23 the last bits are the integer n + 127.
/// Defined for NaN too, which a conversion to an integer is not (clang++ folds that to anything).
PARAPET_INLINE pack<float> power_of_two(pack<float> const& n) {
  pack<float> r;
  PARAPET_UNROLL for (int i = 0; i < pack<float>::parts; ++i) {
    auto const biased = n.part[i] + (12582912.0f + 127.0f);
    native<std::uint32_t> bits;
    std::memcpy(&bits, &biased, sizeof bits);
    bits <<= 23;
    std::memcpy(&r.part[i], &bits, sizeof bits);
  }
  return r;
}

PARAPET_INLINE pack<float> exp_float(pack<float> const& x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; e^x = 2^n e^r. Clamped where the result is 0 or infinite anyway.
  auto const clamped = where(x > 89.0f, 89.0f, where(x < -104.0f, -104.0f, x));
  auto const n = round(clamped * 1.44269504088896341f);
  auto const r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  static constexpr float c[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  auto const e = polynomial(r, c) * (r * r) + r + 1.0f;
  // In two factors, so that 2^n may leave the range of normal numbers.
  auto const half = round(n * 0.5f);
  return e * power_of_two(half) * power_of_two(n - half);
}

PARAPET_INLINE pack<float> log_float(pack<float> const& x) {
  // x = 2^n m with m in [sqrt(1/2), sqrt 2); subnormals are scaled up first.
  auto const tiny = x < 1.17549435e-38f;
  auto const scaled = where(tiny, x * 0x1p25f, x);
  pack<float> n, m;
  PARAPET_UNROLL for (int i = 0; i < pack<float>::parts; ++i) {
    native<std::int32_t> bits;
    std::memcpy(&bits, &scaled.part[i], sizeof bits);
    n.part[i] = __builtin_convertvector((bits >> 23) - 126, native<float>);
    bits = (bits & 0x007fffff) | 0x3f000000;
    std::memcpy(&m.part[i], &bits, sizeof bits);
  }
  n = where(tiny, n - 25.0f, n);
  auto const low = m < 0.707106781186547524f;
  n = where(low, n - 1.0f, n);
  m = where(low, m + m, m) - 1.0f;
  auto const z = m * m;
  static constexpr float c[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  auto y = polynomial(m, c) * m * z + n * -2.12194440e-4f - 0.5f * z;
  y = m + y + n * 0.693359375f;
  auto const infinity = __builtin_inff();
  y = where(x == infinity, infinity, y);
  y = where(x == 0.0f, -infinity, y);
  return where(x >= 0.0f, y, __builtin_nanf(""));  // NaN for negative numbers and for NaN
}

PARAPET_INLINE pack<float> tanh_float(pack<float> const& x) {
  static constexpr float c[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f,
                                -3.33332819422e-1f};
  auto const z = x * x;
  auto const small = polynomial(z, c) * z * x + x;
  auto const e = exp_float(abs(x) * -2.0f);
  auto const large = (1.0f - e) / (1.0f + e);
  auto const magnitude = abs(x);
  return where(magnitude < 0.625f, small, where(x < 0.0f, -large, large));
}

PARAPET_INLINE pack<float> erf_float(pack<float> const& x) {
  static constexpr float inner[] = {7.853861353153693e-5f,  -8.010193625184903e-4f, 5.188327685732524e-3f,
                                    -2.685381193529856e-2f, 1.128358514861418e-1f,  -3.761262582423300e-1f,
                                    1.128379165726710e+0f};
  static constexpr float middle[] = {2.326819970068386e-2f, -1.387039388740657e-1f, 3.687424674597105e-1f,
                                     -5.824733027278666e-1f, 6.210004621745983e-1f, -4.944515323274145e-1f,
                                     3.404879937665872e-1f, -2.741127028184656e-1f, 5.638259427386472e-1f};
  static constexpr float outer[] = {-1.047766399936249e+1f, 1.297719955372516e+1f, -7.495518717768503e+0f,
                                    2.921019019210786e+0f,  -1.015265279202700e+0f, 4.218463358204948e-1f,
                                    -2.820767439740514e-1f, 5.641895067754075e-1f};
  auto const a = min(abs(x), 10.0f);
  auto const z = a * a;
  auto const q = 1.0f / max(a, 0.5f);
  auto const p = where(a < 2.0f, polynomial(q * q, middle), polynomial(q * q, outer));
  auto const tail = 1.0f - exp_float(-z) * q * p;
  auto const magnitude = where(a < 1.0f, a * polynomial(z, inner), tail);
  auto const y = where(x < 0.0f, -magnitude, magnitude);
  return where(x == x, y, x);
}

/// sin (quarter = 0) or cos (quarter = 1) for |x| <= 8192: reduction by pi / 2 in three parts. In n + 1.5 * 2^23 the last bits are
/// the integer n: an odd one swaps sine and cosine, every second pair of quarters turns the sign.
PARAPET_INLINE pack<float> sin_quarter(pack<float> const& x, std::int32_t quarter) {
  auto const biased = x * 0.636619772367581343f + 12582912.0f;
  auto const n = biased - 12582912.0f;
  auto const r = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489188216e-8f;
  auto const z = r * r;
  static constexpr float s[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
  static constexpr float c[] = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};
  auto const sine = polynomial(z, s) * z * r + r;
  auto const cosine = polynomial(z, c) * z * z - 0.5f * z + 1.0f;
  pack<float> y;
  PARAPET_UNROLL for (int i = 0; i < pack<float>::parts; ++i) {
    native<std::int32_t> k, bits;
    std::memcpy(&k, &biased.part[i], sizeof k);
    k += quarter;
    auto const value = (k & 1) == 0 ? sine.part[i] : cosine.part[i];
    std::memcpy(&bits, &value, sizeof bits);
    bits ^= (k & 2) << 30;
    std::memcpy(&y.part[i], &bits, sizeof bits);
  }
  return y;
}

/// Lane by lane, out of line: what the rare pack with a large float pays must not cost the others registers.
[[gnu::noinline, gnu::cold, gnu::pure]] inline pack<float> large_sin(pack<float> const& x) {
  return lane_by_lane(x, [](float v) { return std::sin(v); });
}
[[gnu::noinline, gnu::cold, gnu::pure]] inline pack<float> large_cos(pack<float> const& x) {
  return lane_by_lane(x, [](float v) { return std::cos(v); });
}

}  // namespace detail

/// e^x: 0 below -104, infinite above 88.7, NaN for NaN.
template <class T>
PARAPET_INLINE pack<T> exp(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) return detail::exp_float(x);
  else return detail::lane_by_lane(x, [](T v) { return std::exp(v); });
}
/// Natural logarithm: minus infinity at 0, NaN below.
template <class T>
PARAPET_INLINE pack<T> log(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) return detail::log_float(x);
  else return detail::lane_by_lane(x, [](T v) { return std::log(v); });
}
template <class T>
PARAPET_INLINE pack<T> tanh(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) return detail::tanh_float(x);
  else return detail::lane_by_lane(x, [](T v) { return std::tanh(v); });
}
template <class T>
PARAPET_INLINE pack<T> erf(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) return detail::erf_float(x);
  else return detail::lane_by_lane(x, [](T v) { return std::erf(v); });
}
/// Sine; fast where no float of the pack is beyond 8192.
template <class T>
PARAPET_INLINE pack<T> sin(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) {
    // The fast one in any case: without a condition before it, loops may keep it.
    auto const y = detail::sin_quarter(x, 0);
    if (any(abs(x) > 8192.0f)) [[unlikely]] {
      auto const in_memory = x;
      return detail::large_sin(in_memory);
    }
    return y;
  } else {
    return detail::lane_by_lane(x, [](T v) { return std::sin(v); });
  }
}
/// Cosine; fast where no float of the pack is beyond 8192.
template <class T>
PARAPET_INLINE pack<T> cos(pack<T> const& x) {
  if constexpr (std::is_same_v<T, float>) {
    // The fast one in any case: without a condition before it, loops may keep it.
    auto const y = detail::sin_quarter(x, 1);
    if (any(abs(x) > 8192.0f)) [[unlikely]] {
      auto const in_memory = x;
      return detail::large_cos(in_memory);
    }
    return y;
  } else {
    return detail::lane_by_lane(x, [](T v) { return std::cos(v); });
  }
}

/// x limited to [low, high]; NaN stays NaN.
template <class X>
PARAPET_INLINE PARAPET_FN X clamp(X const& x, scalar_of_t<X> low, scalar_of_t<X> high) {
  return min(max(x, X(low)), X(high));
}

/// y = x: a reduction's default, and the activation of a layer that has none.
struct identity {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x; }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const&, X const&) const { return X(1.0f); }
};

/// y = x^2
struct square {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x * x; }
};

/// Folds for reduce.
struct plus {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& a, X const& b) const { return a + b; }
};
struct minimum {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& a, X const& b) const { return min(a, b); }
};
struct maximum {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& a, X const& b) const { return max(a, b); }
};

}  // namespace parapet::inline PARAPET_ABI::math
