// Activation functions, each with its derivative, generic in the lane type X.
//
// `operator()(x)` is the value. `derivative(x, y)` is dy/dx from the input x and the value y = f(x), so that a
// function whose derivative follows from its value (tanh, relu) does not compute it twice.
//
// mish: Misra, "Mish: a self regularized non-monotonic activation function" (BMVC 2020).
// silu, mish and gelu of minus infinity are NaN, 0 times infinity, as in torch.
// gelu: Hendrycks and Gimpel, "Gaussian error linear units" (2016). silu: Elfwing et al. (2018).
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::math {

/// y = max(x, 0); the derivative at 0 is 0.
struct relu {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return max(x, X(0.0f)); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const& x, X const&) const {
    return where(x > X(0.0f), X(1.0f), X(0.0f));
  }
};

/// y = tanh x
struct hyperbolic_tangent {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return tanh(x); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const&, X const& y) const { return X(1.0f) - y * y; }
};

/// 1 / (1 + e^-x), without overflow at either end.
template <class X>
PARAPET_INLINE PARAPET_FN X sigmoid(X const& x) {
  X const e = exp(-abs(x));
  return where(x < X(0.0f), e, X(1.0f)) / (X(1.0f) + e);
}

/// y = x sigmoid(x), also called swish
struct silu {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x * sigmoid(x); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const& x, X const& y) const {
    X const s = sigmoid(x);
    return s + y * (X(1.0f) - s);
  }
};

/// y = x tanh(log(1 + e^x)). With e = e^x and n = e (e + 2) the tanh is n / (n + 2): one exponential, no logarithm.
struct mish {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const {
    X const n = ratio_numerator(x);
    return x * (n / (n + X(2.0f)));
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const& x, X const&) const {
    X const limited = min(x, X(limit)), e = exp(limited);
    X const n = e * (e + X(2.0f));
    X const t = n / (n + X(2.0f));
    // 1 - t^2 = 4 (n + 1) / (n + 2)^2, without the cancellation of the left side
    X const d = n + X(2.0f);
    return t + limited * (X(4.0f) * (n + X(1.0f)) / (d * d)) * (e / (X(1.0f) + e));
  }

private:
  /// Beyond this e^2x overflows a float, and the tanh is 1 to double precision.
  static constexpr float limit = 20.0f;
  template <class X>
  static PARAPET_INLINE PARAPET_FN X ratio_numerator(X const& x) {
    X const e = exp(min(x, X(limit)));
    return e * (e + X(2.0f));
  }
};

/// y = x Phi(x) with the normal distribution function Phi
struct gelu {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x * phi(x); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const& x, X const&) const {
    return phi(x) + x * exp(X(-0.5f) * x * x) * X(0.398942280401432678);
  }

private:
  template <class X>
  static PARAPET_INLINE PARAPET_FN X phi(X const& x) {
    return X(0.5f) * (X(1.0f) + erf(x * X(0.707106781186547524)));
  }
};

/// y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): the approximation of GPT-2 and BERT variants
struct gelu_tanh {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const {
    return X(0.5f) * x * (X(1.0f) + inner(x));
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X derivative(X const& x, X const&) const {
    X const t = inner(x);
    X const limited = min(max(x, X(-20.0f)), X(20.0f));  // 1 - t^2 is 0 beyond
    X const slope = X(root) * (X(1.0f) + X(3.0 * cubic) * limited * limited);
    return X(0.5f) * (X(1.0f) + t) + X(0.5f) * limited * (X(1.0f) - t * t) * slope;
  }

private:
  static constexpr double root = 0.797884560802865356, cubic = 0.044715;
  template <class X>
  static PARAPET_INLINE PARAPET_FN X inner(X const& x) {
    return tanh(X(root) * (x + X(cubic) * x * x * x));
  }
};

}  // namespace parapet::inline PARAPET_ABI::math
