// Small elementwise functors that the learners and policies of this folder share.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::rl::detail {

struct clip {
  double limit;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x) const { x = math::min(math::max(x, X(-limit)), X(limit)); }
};
/// h, with violations scaled.
struct scale_violation {
  double factor;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& h) const { h = math::where(h > X(0.0f), X(factor) * h, h); }
};
/// 1 where the episode goes on.
struct to_mask {
  bool timeout_is_terminal;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& done, X const& timeout) const {
    X const ended = timeout_is_terminal ? math::max(done, timeout) : done * (X(1.0f) - timeout);
    done = X(1.0f) - ended;
  }
};
struct smaller_of {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& a, X const& b) const { y = math::min(a, b); }
};
struct larger_of {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& a, X const& b) const { y = math::max(a, b); }
};
struct subtract {
  double amount;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y) const { y = y - X(amount); }
};
template <class Backup>
struct backup_in_place {
  Backup backup;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& reward_or_h, X const& mask, X const& next) const {
    reward_or_h = backup(reward_or_h, mask, next);
  }
};

}  // namespace parapet::inline PARAPET_ABI::rl::detail
