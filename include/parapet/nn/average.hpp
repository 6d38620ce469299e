// Exponential moving average of parameters: target = target + rate (online - target).
//
// Target networks (Lillicrap et al., "Continuous control with deep reinforcement learning", 2016, with rate 0.005) and
// averaged policies (Polyak and Juditsky, 1992). The same as optax.incremental_update.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

struct average_step {
  double rate;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& target, X const& online) const {
    target = target + X(rate) * (online - target);
  }
};

}  // namespace detail

/// Moves target (n) towards online (n) by `rate` in [0, 1]. Elementwise: slices may be done apart. Throws shape_error.
template <class Backend, class T, class Space>
void update_average(Backend& be, double rate, vector_view<T const, Space> const& online,
                    vector_view<T, Space> const& target) {
  map(be, detail::average_step{rate}, target, online);
}

}  // namespace parapet::inline PARAPET_ABI::nn
