// The backends that typed tests run over: TEST_CASE_TEMPLATE("...", B, TEST_BACKENDS).
//
// A source that includes this header is compiled once for the CPU, once for Thrust's host systems (TEST_ON_THRUST) and, by
// nvcc, once for CUDA; tests/CMakeLists.txt finds it by the include. So a typed test never touches device memory from the
// host: it makes its data on the host, `upload`s it, runs, and looks at what it `download`s. One that cannot do so names
// cpu instead. In .cu files there are no lambdas in device code, and functors stand at namespace scope.
#pragma once

#include <parapet/backend/backend.hpp>

#if defined(__CUDACC__)
#include <parapet/backend/cuda/kernels.cuh>  // a test of scans or sorts includes order.cuh itself, which is slow to compile
#define TEST_BACKENDS parapet::backend::cuda
#elif defined(TEST_ON_THRUST)
#include <parapet/backend/thrust/thrust_host.hpp>
#define TEST_BACKENDS \
  parapet::backend::thrust_host<parapet::backend::thrust_cpp>, parapet::backend::thrust_host<parapet::backend::thrust_omp>
#elif defined(TEST_ON_CUDA_BODIES)
#include "support/cuda_bodies.hpp"
#define TEST_BACKENDS support::cuda_bodies
#else
#include <parapet/backend/cpu/cpu.hpp>
#define TEST_BACKENDS parapet::backend::cpu
#endif

#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <type_traits>

#if defined(__CUDACC__)
TYPE_TO_STRING(parapet::backend::cuda);  // nvcc would print "T"
#endif

namespace support {

/// An array in the memory of backend B.
template <class B, class T, int Rank>
using on = tensor<T, Rank, typename B::space>;

template <class B, class T, int Rank>
on<B, T, Rank> upload(B& be, tensor<T, Rank> const& host) {
  on<B, T, Rank> device(host.shape());
  copy(be, host.flat(), device.flat());
  synchronize(be);
  return device;
}

template <class B, class T, int Rank, class Space>
tensor<T, Rank> download(B& be, tensor<T, Rank, Space> const& device) {
  tensor<T, Rank> host(device.shape());
  copy(be, device.flat(), host.flat());
  synchronize(be);
  return host;
}

}  // namespace support
