// Weights that turn a behaviour model into a better policy: regression under w(s, a) >= 0 learns mu(a|s) w(s, a).
//
// Zheng et al., "Safe offline reinforcement learning with feasibility-guided diffusion model" (ICLR 2024):
//
//     V_h <= 0 (feasible):    w = 1[Q_h <= 0] min(exp(alpha_1 (Q_r - V_r)), cap_1)
//     V_h >  0 (infeasible):  w = min(exp(alpha_2 (V_h - Q_h)), cap_2)
//
// Their theorem on weighted regression: min E[w ||z - z_theta(a_t, s, t)||^2] is exact guidance by w, without a classifier in t.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

/// min(exp(x), cap), taken in log space: exp(min(x, log cap)) neither overflows nor makes 0 * infinity.
template <class X>
PARAPET_INLINE PARAPET_FN X capped_exp(X const& x, double log_cap) {
  return math::exp(math::min(x, X(log_cap)));
}

/// FISOR's weight. Temperatures are inverse: larger is greedier.
struct feasibility_weight {
  double reward_temperature = 3, safety_temperature = 5;
  double log_reward_cap = 4.60517018598809137;   ///< log 100
  double log_safety_cap = 5.01063529409625575;   ///< log 150

  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& w, X const& q_reward, X const& v_reward, X const& q_safety, X const& v_safety) const {
    X const reward = capped_exp(X(reward_temperature) * (q_reward - v_reward), log_reward_cap);
    X const safety = capped_exp(X(safety_temperature) * (v_safety - q_safety), log_safety_cap);
    w = math::where(v_safety > X(0.0f), safety, math::where(q_safety > X(0.0f), X(0.0f), reward));
  }
};

/// (sum w)^2 / sum w^2: how many equally weighted samples the weights are worth; 0 where all are 0.
inline double effective_sample_size(double sum, double sum_of_squares) {
  return sum_of_squares > 0 ? sum * sum / sum_of_squares : 0;
}
/// The same of weights (n).
template <class Backend, class T, class Space>
double effective_sample_size(Backend& be, vector_view<T, Space> const& weights) {
  return effective_sample_size(static_cast<double>(sum(be, weights)), static_cast<double>(sum(be, weights, math::square{})));
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
