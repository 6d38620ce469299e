// Weights that turn a behaviour model into a better policy: regression under w(s, a) >= 0 learns mu(a|s) w(s, a).
//
// A rule gives log w from critics' values, in any lane type; `capped{rule, cap}` makes the elementwise functor of it,
// w = exp(min(log w, log cap)), which neither overflows nor makes 0 times infinity. A = Q - V is an advantage:
//
//     exponential_advantage    temperature A                      AWR (Peng et al., 2019), AWAC (Nair et al., 2020), IQL
//                                                                 (Kostrikov et al., 2022), CRR exp (Wang et al., 2020)
//     positive_advantage       0 where A > threshold, else -inf   CRR binary; IDQL hard_adv with threshold -0.01
//     expectile_advantage      log |level - 1[A < 0]|             IDQL soft_adv (Hansen-Estruch et al., 2023)
//     cost_advantage           temperature (A_r - price A_c)      the exponent of FAWAC (Koirala et al., 2024)
//
// FISOR's rule has a cap for each of its regimes and is a functor by itself, feasibility_weight. Weights over K actions of one
// state, QIPO's (Zhang et al., 2025), are softmax_weights.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <limits>

namespace parapet::inline PARAPET_ABI::diffusion {

/// min(exp(x), cap), taken in log space: exp(min(x, log cap)) neither overflows nor makes 0 * infinity.
template <class X>
PARAPET_INLINE PARAPET_FN X capped_exp(X const& x, double log_cap) {
  return math::exp(math::min(x, X(log_cap)));
}

// Rules: log w -----------------------------------------------------------------------------------------------------

struct exponential_advantage {
  double temperature = 3;  ///< inverse: larger is greedier
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& q, X const& v) const {
    return X(temperature) * (q - v);
  }
};

struct positive_advantage {
  static constexpr float never = -std::numeric_limits<float>::infinity();
  double threshold = 0;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& q, X const& v) const {
    return math::where(q - v > X(threshold), X(0.0f), X(never));
  }
};

struct expectile_advantage {
  double level = 0.7;  ///< in (0, 1)
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& q, X const& v) const {
    return math::log(math::where(q < v, X(1 - level), X(level)));
  }
};

struct cost_advantage {
  double temperature = 3, price = 1;  ///< price of one unit of cost in units of reward
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& q_reward, X const& v_reward, X const& q_cost, X const& v_cost) const {
    return X(temperature) * ((q_reward - v_reward) - X(price) * (q_cost - v_cost));
  }
};

// Weights ----------------------------------------------------------------------------------------------------------

/// w = min(exp(rule(q, v...)), cap).
template <class Rule>
struct capped {
  Rule rule;
  double log_cap;

  /// Throws argument_error unless the cap is a positive finite number.
  capped(Rule const& r, double cap) : rule(r), log_cap(std::log(cap)) {
    if (!(cap > 0 && std::isfinite(cap))) throw argument_error(parapet::detail::concat("capped weights: cap ", cap, ", expected a positive number"));
  }
  template <class X, class... Values>
  PARAPET_INLINE PARAPET_FN void operator()(X& w, Values const&... values) const {
    w = capped_exp(rule(values...), log_cap);
  }
};

/// log w = rule(q, v...), for normalize_log_weights.
template <class Rule>
struct logarithmic {
  Rule rule;
  template <class X, class... Values>
  PARAPET_INLINE PARAPET_FN void operator()(X& log_w, Values const&... values) const {
    log_w = rule(values...);
  }
};

/// Published settings. AWR's and AWAC's temperature is one over their lambda.
inline capped<exponential_advantage> awr_weight(double temperature = 20, double cap = 20) { return {{temperature}, cap}; }
inline capped<exponential_advantage> iql_weight(double temperature = 3, double cap = 100) { return {{temperature}, cap}; }
inline capped<exponential_advantage> crr_weight(double temperature = 1, double cap = 20) { return {{temperature}, cap}; }
inline capped<positive_advantage> crr_binary_weight() { return {{0}, 1}; }
inline capped<positive_advantage> idql_hard_weight() { return {{-0.01}, 1}; }
inline capped<expectile_advantage> idql_soft_weight(double level = 0.7) { return {{level}, 1}; }

/// FISOR's weight (Zheng et al., ICLR 2024). Temperatures are inverse: larger is greedier.
///
///     V_h <= 0 (feasible):    w = 1[Q_h <= 0] min(exp(reward_temperature (Q_r - V_r)), cap)
///     V_h >  0 (infeasible):  w = min(exp(safety_temperature (V_h - Q_h)), cap)
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

// Whole batches ----------------------------------------------------------------------------------------------------

namespace detail {

struct shifted_exp {
  double highest;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x) const { x = math::exp(x - X(highest)); }
};

}  // namespace detail

/// Weights of K actions for each state: w (states, K) = softmax of temperature q (states, K) along a row; rows sum to 1.
/// q and w may be the same. Throws shape_error.
template <class Backend, class T, class Space>
void softmax_weights(Backend& be, double temperature, matrix_view<T const, Space> const& q, matrix_view<T, Space> const& w) {
  check_shape("softmax_weights: weights", w.shape(), q.shape());
  map(be, detail::linear_update<T, 1>{{static_cast<T>(temperature)}}, w, q);
  using backend::softmax_rows;
  softmax_rows(be, matrix_view<T const, Space>(w), w);
}

/// Scales weights (n) to mean 1, which changes the effective learning rate but not the optimum. All 0 stay 0.
template <class Backend, class T, class Space>
void normalize_weights(Backend& be, vector_view<T, Space> const& weights) {
  double const total = static_cast<double>(sum(be, weights));
  if (total > 0)
    map(be, detail::linear_update<T, 1>{{static_cast<T>(static_cast<double>(weights.size()) / total)}}, weights, vector_view<T const, Space>(weights));
}

/// Turns log w (n) into weights of mean 1, whatever the size of the exponents. All -inf become 0.
template <class Backend, class T, class Space>
void normalize_log_weights(Backend& be, vector_view<T, Space> const& log_weights) {
  T const lowest = -std::numeric_limits<T>::infinity();
  T const highest = reduce(be, log_weights, math::maximum{}, lowest);
  if (highest == lowest) return fill(be, log_weights, T(0));
  map(be, detail::shifted_exp{static_cast<double>(highest)}, log_weights);
  normalize_weights(be, log_weights);
}

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
