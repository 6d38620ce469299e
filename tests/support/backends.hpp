// The backends that typed tests run over: TEST_CASE_TEMPLATE("...", B, TEST_BACKENDS).
//
// A source that includes this header is compiled once for the CPU, once for Thrust's host systems (TEST_ON_THRUST) and, by
// nvcc, once for CUDA; tests/CMakeLists.txt finds it by the include. So a typed test never touches device memory from the
// host: it makes its data on the host, `upload`s it, runs, and looks at what it `download`s. One that cannot do so names
// cpu instead. In .cu files there are no lambdas in device code, and functors stand at namespace scope.
#pragma once

#include <parapet/backend/backend.hpp>

#if defined(__CUDACC__)
#include <parapet/backend/cuda/cuda.cuh>
#define TEST_BACKENDS parapet::backend::cuda
#elif defined(TEST_ON_THRUST)
#include <parapet/backend/thrust/thrust_host.hpp>
#define TEST_BACKENDS \
  parapet::backend::thrust_host<parapet::backend::thrust_cpp>, parapet::backend::thrust_host<parapet::backend::thrust_omp>
#else
#include <parapet/backend/cpu/cpu.hpp>
#define TEST_BACKENDS parapet::backend::cpu
#endif

#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>

#if defined(__CUDACC__)
TYPE_TO_STRING(parapet::backend::cuda);  // nvcc would print "T"
#endif

namespace support {

/// Copies `count` elements between two spaces, one of them the host's.
template <class From, class To, class T>
void transfer(From, To, T const* from, T* to, index_t count) {
#if defined(__CUDACC__)
  if constexpr (!std::is_same_v<From, To>) {
    parapet::backend::check_cuda(cudaMemcpy(to, from, static_cast<std::size_t>(count) * sizeof(T), cudaMemcpyDefault), "cudaMemcpy");
    return;
  }
#endif
  static_assert(std::is_same_v<From, parapet::host_space> && std::is_same_v<To, parapet::host_space>);
  std::copy(from, from + count, to);
}

/// An array in the memory of backend B.
template <class B, class T, int Rank>
using on = tensor<T, Rank, typename B::space>;

template <class B, class T, int Rank>
on<B, T, Rank> upload(B& be, tensor<T, Rank> const& host) {
  on<B, T, Rank> device(host.shape());
  transfer(parapet::host_space{}, typename B::space{}, host.flat().data(), device.flat().data(), host.size());
  synchronize(be);
  return device;
}

template <class B, class T, int Rank, class Space>
tensor<T, Rank> download(B& be, tensor<T, Rank, Space> const& device) {
  synchronize(be);
  tensor<T, Rank> host(device.shape());
  transfer(Space{}, parapet::host_space{}, device.flat().data(), host.flat().data(), host.size());
  return host;
}

}  // namespace support
