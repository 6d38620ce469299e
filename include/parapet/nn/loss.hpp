// Regression losses of an error e = prediction - target, each with its slope, generic in the lane type.
//
//     squared_error         e^2
//     huber                 e^2 / 2 for |e| <= width, else width (|e| - width / 2)     Huber (1964)
//     expectile             |level - 1[d < 0]| d^2,  d = -e                            Newey and Powell (1987), IQL
//     reversed_expectile    |level - 1[d > 0]| d^2,  d = -e                            FISOR (Zheng et al., 2024)
//
// With level near 1 the expectile leans to the largest targets, the reversed one to the smallest.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::nn {

struct squared_error {
  template <class X>
  PARAPET_INLINE PARAPET_FN X value(X const& e) const { return e * e; }
  template <class X>
  PARAPET_INLINE PARAPET_FN X slope(X const& e) const { return X(2.0f) * e; }
};

struct huber {
  double width = 1.0;
  template <class X>
  PARAPET_INLINE PARAPET_FN X value(X const& e) const {
    X const w = X(width), a = math::abs(e), inner = math::min(a, w);
    return inner * (a - X(0.5f) * inner);
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X slope(X const& e) const {
    X const w = X(width);
    return math::min(math::max(e, -w), w);
  }
};

struct expectile {
  double level = 0.5;
  template <class X>
  PARAPET_INLINE PARAPET_FN X value(X const& e) const { return weight(e) * e * e; }
  template <class X>
  PARAPET_INLINE PARAPET_FN X slope(X const& e) const { return X(2.0f) * weight(e) * e; }

private:
  template <class X>
  PARAPET_INLINE PARAPET_FN X weight(X const& e) const {
    return math::where(e > X(0.0f), X(1.0 - level), X(level));
  }
};

struct reversed_expectile {
  double level = 0.5;
  template <class X>
  PARAPET_INLINE PARAPET_FN X value(X const& e) const { return expectile{1.0 - level}.value(e); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X slope(X const& e) const { return expectile{1.0 - level}.slope(e); }
};

namespace detail {

template <class Loss>
struct loss_step {
  Loss loss;
  double scale;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& value, X& slope, X const& prediction, X const& target) const {
    X const e = prediction - target;
    value = X(scale) * loss.value(e);
    slope = X(scale) * loss.slope(e);
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& value, X& slope, X const& prediction, X const& target,
                                            X const& weight) const {
    X const e = prediction - target, w = X(scale) * weight;
    value = w * loss.value(e);
    slope = w * loss.slope(e);
  }
};

}  // namespace detail

/// values = scale loss(prediction - target) and its derivative by the prediction, element by element; all views of one
/// shape, rank 1 to 3. A shard of a batch scales by one over the size of the whole batch, so that shards add up.
/// Throws shape_error.
template <class Backend, class Loss, class T, int Rank, class Space>
void evaluate(Backend& be, Loss const& loss, double scale, tensor_view<T const, Rank, Space> const& prediction,
              tensor_view<T const, Rank, Space> const& target, tensor_view<T, Rank, Space> const& values,
              tensor_view<T, Rank, Space> const& dprediction) {
  map(be, detail::loss_step<Loss>{loss, scale}, values, dprediction, prediction, target);
}

/// The same with a weight per element; strides of 0 give one weight to a row.
template <class Backend, class Loss, class T, int Rank, class Space>
void evaluate(Backend& be, Loss const& loss, double scale, tensor_view<T const, Rank, Space> const& prediction,
              tensor_view<T const, Rank, Space> const& target, tensor_view<T const, Rank, Space> const& weight,
              tensor_view<T, Rank, Space> const& values, tensor_view<T, Rank, Space> const& dprediction) {
  map(be, detail::loss_step<Loss>{loss, scale}, values, dprediction, prediction, target, weight);
}

/// Mean loss over all elements, and its gradient. `values` is dense scratch of the same shape. Throws shape_error.
template <class Backend, class Loss, class T, int Rank, class Space>
T mean_loss(Backend& be, Loss const& loss, tensor_view<T const, Rank, Space> const& prediction,
            tensor_view<T const, Rank, Space> const& target, tensor_view<T, Rank, Space> const& values,
            tensor_view<T, Rank, Space> const& dprediction) {
  evaluate(be, loss, 1.0 / static_cast<double>(prediction.size()), prediction, target, values, dprediction);
  return sum(be, flatten(values));
}

}  // namespace parapet::inline PARAPET_ABI::nn
