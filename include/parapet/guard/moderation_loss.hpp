// The loss of a guard: each question its own, over the texts that somebody labelled for it.
//
//     L = sum over tasks of  a_t / W_t  sum of w binary_cross_entropy        W_t = sum of the weights w of the labelled texts
//       + a_k / W_k  sum of cross_entropy of the kind of harm
//       + a_e / n    sum of  max(0, E(x) - m_in)^2  over texts,  max(0, m_out - E(x))^2  over outliers
//
// E(x) = -log sum exp of the kind's logits, the free energy of Liu et al., "Energy-based out-of-distribution detection" (NeurIPS 2020,
// equations 4 and 8): low for what looks like the data, high for what does not.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/nn/cross_entropy.hpp>

#include <array>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::guard {

/// What the texts of a batch are labelled with; weights are 0 where nobody labelled.
template <class T = float, class Space = host_space>
struct moderation_targets {
  matrix_view<T, Space> positive, weight;  // (texts, tasks)
  vector_view<std::int32_t, Space> harm;   // (texts), negative where missing
  vector_view<T, Space> outlier;           // (texts), 1 for what is no text of the data

  moderation_targets rows(index_t n) const { return {positive.rows(0, n), weight.rows(0, n), harm.rows(0, n), outlier.rows(0, n)}; }
};

/// Factors of the loss's parts, divided by the weights of the whole batch.
struct moderation_scales {
  std::array<double, task_count> task{};
  double harm = 0, energy = 0, energy_in = 0, energy_out = 0;
};

namespace detail {

template <class T, class Space>
struct add_row_sum {
  matrix_view<T const, Space> x;
  vector_view<T, Space> sums;
  PARAPET_FN void operator()(index_t i) const {
    for (index_t j = 0; j < x.extent(1); ++j) sums[i] += x(i, j);
  }
};

template <class T, class Space>
struct energy_row {
  double scale, inside, outside;
  matrix_view<T const, Space> logits;  // (texts, kinds)
  vector_view<T const, Space> outlier;
  vector_view<T, Space> values;
  matrix_view<T, Space> dlogits;
  PARAPET_FN void operator()(index_t i) const {
    index_t const n = logits.extent(1);
    T highest = logits(i, 0), total = 0;
    for (index_t j = 1; j < n; ++j) highest = math::max(highest, logits(i, j));
    for (index_t j = 0; j < n; ++j) total += math::exp(logits(i, j) - highest);
    T const energy = -(highest + math::log(total));
    bool const is_outlier = outlier[i] > 0;
    T const beyond = is_outlier ? static_cast<T>(outside) - energy : energy - static_cast<T>(inside);
    if (!(beyond > 0)) return;
    values[i] += static_cast<T>(scale) * beyond * beyond;
    T const by_energy = static_cast<T>(2 * scale) * (is_outlier ? -beyond : beyond);
    for (index_t j = 0; j < n; ++j) dlogits(i, j) -= by_energy * math::exp(logits(i, j) - highest) / total;
  }
};

}  // namespace detail

/// The loss of each text in `values` (texts), its derivative in dlogits (texts, moderation_logits); `scratch` (texts, tasks) is overwritten.
template <class Backend, class T, class Space>
void moderation_loss(Backend& be, moderation_scales const& scales, matrix_view<T const, Space> const& logits, moderation_targets<T, Space> const& targets,
                     vector_view<T, Space> const& values, matrix_view<T, Space> const& dlogits, matrix_view<T, Space> const& scratch) {
  check_shape("moderation_loss: dlogits", dlogits.shape(), logits.shape());
  check_shape("moderation_loss: logits", logits.shape(), extents{targets.harm.extent(0), moderation_logits});
  auto const kinds = logits.columns(task_count, moderation_logits);
  auto const dkinds = dlogits.columns(task_count, moderation_logits);
  nn::cross_entropy(be, scales.harm, kinds, targets.harm, {}, values, dkinds);
  for (index_t t = 0; t < task_count; ++t) {
    auto const column = [t](auto const& m) { return m.columns(t, t + 1); };
    nn::binary_cross_entropy(be, scales.task[static_cast<std::size_t>(t)], column(logits), column(targets.positive), column(targets.weight), column(scratch),
                             column(dlogits));
  }
  for_each_index(be, extents{logits.extent(0)}, detail::add_row_sum<T, Space>{scratch, values});
  if (scales.energy > 0)
    for_each_index(be, extents{logits.extent(0)},
                   detail::energy_row<T, Space>{scales.energy, scales.energy_in, scales.energy_out, kinds, targets.outlier, values, dkinds});
}

}  // namespace parapet::inline PARAPET_ABI::guard
