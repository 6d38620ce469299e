// Learning rate as a function of the step: linear warm-up, then constant or cosine decay.
//
//     rate(t) = start + (peak - start) t / warm_up                                          t < warm_up
//     rate(t) = end + (peak - end) (1 + cos(pi min(t - warm_up, decay) / decay)) / 2        after
//
// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), without restarts. The same as
// optax.cosine_decay_schedule and optax.warmup_cosine_decay_schedule, whose decay_steps counts the warm-up too.
#pragma once

#include <parapet/config.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::nn {

/// A schedule; the steps count from 0.
struct learning_rate {
  double peak = 3e-4;
  index_t warm_up = 0;  ///< steps from `start` to `peak`
  index_t decay = 0;    ///< steps from `peak` to `end`; 0 stays at the peak
  double start = 0, end = 0;

  static constexpr learning_rate constant(double rate) { return {.peak = rate}; }
  static constexpr learning_rate linear_warm_up(double rate, index_t steps) { return {.peak = rate, .warm_up = steps}; }
  static constexpr learning_rate cosine(double rate, index_t steps) { return {.peak = rate, .decay = steps}; }
  static constexpr learning_rate warm_up_cosine(double rate, index_t warm_up, index_t decay) {
    return {.peak = rate, .warm_up = warm_up, .decay = decay};
  }

  PARAPET_FN double operator()(index_t step) const {
    if (step < warm_up) return start + (peak - start) * static_cast<double>(step) / static_cast<double>(warm_up);
    if (decay <= 0) return peak;
    double const t = static_cast<double>(step - warm_up < decay ? step - warm_up : decay);
    return end + (peak - end) * 0.5 * (1.0 + std::cos(3.14159265358979324 * t / static_cast<double>(decay)));
  }
};

}  // namespace parapet::inline PARAPET_ABI::nn
