// The Thrust policy that stands for a backend of the typed tests.
#pragma once

#include <parapet/backend/thrust/algorithms.hpp>

#include "support/backends.hpp"

#if defined(__CUDACC__)
#include <thrust/system/cuda/execution_policy.h>
#endif

namespace thrust_test {

using namespace parapet;

#if defined(__CUDACC__)
inline auto policy_of(backend::cuda&) { return ::thrust::cuda::par; }
#else
template <class System>
auto policy_of(backend::thrust_host<System>&) { return System::policy(); }
#endif

}  // namespace thrust_test
