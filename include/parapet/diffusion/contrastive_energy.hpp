// Contrastive energy prediction: a time-dependent energy whose gradient is exact guidance.
//
// Wanted: samples of p(x0) proportional to mu(x0) exp(-beta E(x0)). Their score at noise level t is that of mu plus the gradient of
//
//     f*(x_t, t) = log E[exp(-beta E(x0)) | x_t]          the expectation over mu(x0 | x_t)
//
// For K samples x0_k of mu at one level, with targets p_k >= 0, the cross entropy
//
//     L = -sum_k p_k log(exp f(x_k, t) / sum_j exp f(x_j, t)),     dL/df_k = (sum_j p_j) softmax(f)_k - p_k
//
// has the minimiser f* + c(t): exactly for p_k = exp(-beta E(x0_k)), and in the limit of large K for p_k = softmax(-beta E), the
// published choice (softmax_weights), whose scale is tame. Lu et al., "Contrastive energy prediction for exact energy-guided
// diffusion sampling in offline reinforcement learning" (ICML 2023), theorem 3.2 and equation 12.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

template <class T, class Space>
struct contrastive_row {
  T scale;
  matrix_view<T const, Space> f, target;
  vector_view<T, Space> value;
  matrix_view<T, Space> df;
  PARAPET_FN void operator()(index_t i) const {
    index_t const n = f.extent(1);
    T highest = f(i, 0), total = 0, mass = 0, mean = 0;
    for (index_t k = 1; k < n; ++k) highest = math::max(highest, f(i, k));
    for (index_t k = 0; k < n; ++k) {
      total += df(i, k) = math::exp(f(i, k) - highest);
      mass += target(i, k);
      mean += target(i, k) * (f(i, k) - highest);
    }
    value[i] = scale * (mass * math::log(total) - mean);
    for (index_t k = 0; k < n; ++k) df(i, k) = scale * (mass * df(i, k) / total - target(i, k));
  }
};

}  // namespace detail

/// value[i] = scale L of group i and its derivative by f; f, target, df (groups, K) with K > 0, value (groups). A shard of a batch
/// scales by one over the groups of the whole batch. Throws shape_error.
template <class Backend, class T, class Space>
void contrastive_loss(Backend& be, double scale, matrix_view<T const, Space> const& f, matrix_view<T const, Space> const& target,
                      vector_view<T, Space> const& value, matrix_view<T, Space> const& df) {
  check_shape("contrastive_loss: target", target.shape(), f.shape());
  check_shape("contrastive_loss: gradient", df.shape(), f.shape());
  check_shape("contrastive_loss: values", value.shape(), extents{f.extent(0)});
  if (f.extent(1) == 0) throw shape_error("contrastive_loss: groups of no samples");
  for_each_index(be, extents{f.extent(0)}, detail::contrastive_row<T, Space>{static_cast<T>(scale), f, target, value, df});
}

/// The gradient by x of a learnt f(x, c, t), a time_network with one output, as gradient_guidance wants it. `work` is a workspace for
/// training with the condition written; `one` (rows, 1) holds ones.
template <class T, class Space>
struct energy_gradient {
  time_network const& network;
  vector_view<T const, Space> parameters;
  time_network::workspace<T, Space> work;
  matrix_view<T const, Space> one;

  template <class Backend>
  void operator()(Backend& be, matrix_view<T const, Space> const& x, noise_level const& level, matrix_view<T, Space> const& gradient) const {
    copy(be, x, network.sample(work));
    fill(be, work.time, static_cast<T>(time_network::time_of(level)));
    network.forward(be, parameters, work);
    network.sample_gradient(be, parameters, work, one, gradient);
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
