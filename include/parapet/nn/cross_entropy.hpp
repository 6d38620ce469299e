// Losses of classification, with their gradients by the logits z: of one of several classes, and of yes or no for each logit.
//
//     cross_entropy           w_y (log sum_j exp z_j - z_y)                   dz_j = w_y (softmax(z)_j - 1[j = y])
//     binary_cross_entropy    w (max(z, 0) - z y + log(1 + exp -|z|))         dz = w (sigmoid(z) - y)
//
// Neither overflows for any finite logits. A missing label (no_label, or a weight of 0) gives a loss and a gradient of 0, whatever the
// logits are. Like the losses of nn/loss.hpp they are scaled by the caller: by one over the weight of the whole batch, so that
// shards add up.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/space.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/nn/arguments.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

/// The label of a row that has none.
inline constexpr int no_label = -1;

namespace detail {

template <class T, class Id, class Space>
struct cross_entropy_row {
  T scale;
  matrix_view<T const, Space> logits;
  vector_view<Id const, Space> labels;
  vector_view<T const, Space> class_weight;
  vector_view<T, Space> values;
  matrix_view<T, Space> dlogits;
  PARAPET_FN void operator()(index_t i) const {
    index_t const n = logits.extent(1), label = static_cast<index_t>(labels[i]);
    values[i] = 0;
    if (label < 0) {
      for (index_t j = 0; j < n && !dlogits.empty(); ++j) dlogits(i, j) = 0;
      return;
    }
    T const weight = class_weight.empty() ? scale : scale * class_weight[label];
    T highest = logits(i, 0), total = 0;
    for (index_t j = 1; j < n; ++j) highest = math::max(highest, logits(i, j));
    for (index_t j = 0; j < n; ++j) total += math::exp(logits(i, j) - highest);
    values[i] = weight * (highest - logits(i, label) + math::log(total));
    if (dlogits.empty()) return;
    for (index_t j = 0; j < n; ++j) dlogits(i, j) = weight * (math::exp(logits(i, j) - highest) / total - (j == label ? T(1) : T(0)));
  }
};

/// log(1 + e) for e >= 0, exact to rounding for small e too: Kahan's correction of the rounding of 1 + e.
template <class X>
PARAPET_INLINE PARAPET_FN X log_of_one_plus(X const& e) {
  X const u = X(1.0f) + e;
  return math::where(u > X(1.0f), math::log(u) * (e / math::max(u - X(1.0f), X(1e-30f))), e);
}

struct binary_cross_entropy_step {
  double scale;
  template <class X>
  PARAPET_FN void operator()(X& value, X& slope, X const& logit, X const& target, X const& weight) const {
    X const w = X(scale) * weight, e = math::exp(-math::abs(logit));
    auto const labelled = weight > X(0.0f);
    X const loss = math::max(logit, X(0.0f)) - logit * target + log_of_one_plus(e);
    slope = math::where(labelled, w * (math::sigmoid(logit) - target), X(0.0f));
    value = math::where(labelled, w * loss, X(0.0f));
  }
};

}  // namespace detail

/// values (rows) = the loss of each row of logits (rows, classes) times `scale`, and its derivative in dlogits (rows, classes) unless that
/// is empty; dlogits may be the logits. labels (rows) are of any integer type: a class, or negative where it is missing. class_weight
/// (classes) may be empty: 1 each. Throws shape_error, and argument_error for a label in host memory that is no class.
template <class Backend, class T, class Id, class Space>
void cross_entropy(Backend& be, double scale, input<T, 2, Space> const& logits, vector_view<Id, Space> const& labels, input<T, 1, Space> const& class_weight,
                   vector_view<T, Space> const& values, output<T, 2, Space> const& dlogits = {}) {
  check_shape("cross_entropy: labels", labels.shape(), extents{logits.extent(0)});
  check_shape("cross_entropy: values", values.shape(), extents{logits.extent(0)});
  if (!class_weight.empty()) check_shape("cross_entropy: class_weight", class_weight.shape(), extents{logits.extent(1)});
  if (!dlogits.empty()) check_shape("cross_entropy: dlogits", dlogits.shape(), logits.shape());
  if constexpr (std::is_same_v<Space, host_space>)
    for (index_t i = 0; i < labels.extent(0); ++i)
      if (static_cast<index_t>(labels[i]) >= logits.extent(1))
        throw argument_error(parapet::detail::concat("cross_entropy: row ", i, " has label ", labels[i], " of ", logits.extent(1), " classes"));
  using row = detail::cross_entropy_row<T, std::remove_const_t<Id>, Space>;
  for_each_index(be, extents{logits.extent(0)}, row{static_cast<T>(scale), logits, labels, class_weight, values, dlogits});
}

/// values = the loss of each logit times `scale`, and its derivative in dlogits, element by element; all of one shape, rank 1 to 3. Targets
/// are 0, 1 or a probability between them; a weight of 0 is a missing label, whose target is not looked at. Throws shape_error.
template <class Backend, class T, int Rank, class Space>
void binary_cross_entropy(Backend& be, double scale, input<T, Rank, Space> const& logits, input<T, Rank, Space> const& targets,
                          input<T, Rank, Space> const& weights, tensor_view<T, Rank, Space> const& values, output<T, Rank, Space> const& dlogits) {
  map(be, detail::binary_cross_entropy_step{scale}, values, dlogits, logits, targets, weights);
}

}  // namespace parapet::inline PARAPET_ABI::nn
