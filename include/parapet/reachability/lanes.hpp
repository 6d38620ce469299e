// Numbers in lanes and one by one: a pack of nodes for what is arithmetic, its lanes for what is not.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/space.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability::detail {

/// What kernels compute with: packs in host memory, one number a thread on a device.
template <class Space, class T>
using lanes_in = std::conditional_t<std::is_same_v<Space, host_space>, pack<T>, T>;

template <class X>
inline constexpr int lane_count = static_cast<int>(sizeof(X) / sizeof(math::scalar_of_t<X>));

template <class X>
PARAPET_INLINE PARAPET_FN X load_lanes(math::scalar_of_t<X> const* from) {
  if constexpr (lane_count<X> == 1) return *from;
  else return X::load(from);
}
template <class X>
PARAPET_INLINE PARAPET_FN void store_lanes(X const& x, math::scalar_of_t<X>* to) {
  if constexpr (lane_count<X> == 1) *to = x;
  else x.store(to);
}

}  // namespace parapet::inline PARAPET_ABI::reachability::detail
