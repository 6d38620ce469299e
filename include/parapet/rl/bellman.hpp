// One-step Bellman targets, as functors on lanes.
//
//     reward      r + g m V(s')
//     safety      m ((1 - g) h + g max(h, V(s'))) + (1 - m) h      V is the worst h ahead; its sign tells feasibility
//     cost        c + g m V(s'), the first rule again
//
// with discount g and mask m = 0 where the episode ends. Safety: Fisac et al., "Bridging Hamilton-Jacobi safety analysis
// and reinforcement learning" (ICRA 2019), with the sign of FISOR (h > 0 violates). A discount below 1 is a horizon: a
// violation of size H that is k steps away from states with h = -d counts g^k (H + d) - d.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::rl {

struct reward_backup {
  double discount;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& reward, X const& mask, X const& next_value) const {
    return reward + X(discount) * mask * next_value;
  }
};

struct safety_backup {
  double discount;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& h, X const& mask, X const& next_value) const {
    X const ahead = X(1 - discount) * h + X(discount) * math::max(h, next_value);
    return mask * ahead + (X(1.0f) - mask) * h;
  }
};

}  // namespace parapet::inline PARAPET_ABI::rl
