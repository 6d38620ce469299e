// What the conformance suite shares: a new backend joins in tests/support/backends.hpp.
#pragma once

#include "support/backends.hpp"
#include "support/throws.hpp"

namespace conformance {

using namespace parapet;
using support::download;
using support::on;
using support::tensor;
using support::upload;

/// A backend without its fused kernels: derived, so that calls prefer the generic versions in backend/reference.hpp.
template <class B>
struct unfused : B {
  using B::B;
};

/// Tolerance of results that were summed in another order.
template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-13;

/// Lengths around the sizes of registers and packs.
inline constexpr index_t lengths[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100};

}  // namespace conformance
