// The backends that the conformance suite runs over: a new one joins with its type in the list below.
//
// Tests make their data on the host, `upload` it, run an operation and `download` the result. A backend whose memory the
// host cannot touch also overloads `transfer` for its space.
#pragma once

#include <parapet/backend/backend.hpp>
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#define CONFORMANCE_BACKENDS parapet::backend::cpu

namespace conformance {

using namespace parapet;
using support::tensor;

/// Copies `count` elements between two spaces, one of them the host's.
template <class From, class To, class T>
void transfer(From, To, T const* from, T* to, index_t count) {
  static_assert(std::is_same_v<From, host_space> && std::is_same_v<To, host_space>, "overload transfer for this space");
  std::copy(from, from + count, to);
}

template <class B, class T, int Rank>
using on = tensor<T, Rank, typename B::space>;

template <class B, class T, int Rank>
on<B, T, Rank> upload(B& be, tensor<T, Rank> const& host) {
  on<B, T, Rank> device(host.shape());
  transfer(host_space{}, typename B::space{}, host.flat().data(), device.flat().data(), host.size());
  synchronize(be);
  return device;
}

template <class B, class T, int Rank, class Space>
tensor<T, Rank> download(B& be, tensor<T, Rank, Space> const& device) {
  synchronize(be);
  tensor<T, Rank> host(device.shape());
  transfer(Space{}, host_space{}, device.flat().data(), host.flat().data(), host.size());
  return host;
}

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
