// Statuses of CUDA and cuBLASLt as exceptions that name the call and its arguments.
//
// An error of a call is thrown where it is made. An error inside a kernel (an index out of range) is found by a later call, or
// at synchronize(); the device's context is lost then, and the process must end, as CUDA demands. CUDA_LAUNCH_BLOCKING=1 in
// the environment, or compute-sanitizer, finds the kernel.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cublasLt.h>
#include <cuda_runtime.h>

#if CUDART_VERSION < 12000
#error "parapet/backend/cuda needs CUDA 12 or newer"
#endif

namespace parapet::inline PARAPET_ABI::backend {

/// A call of CUDA or cuBLASLt that failed.
class cuda_error : public error {
public:
  cuda_error(std::string const& message, int code) : error(message), code_(code) {}
  /// The cudaError_t or cublasStatus_t.
  int code() const { return code_; }

private:
  int code_;
};

/// Throws cuda_error unless the status is success; `call...` are text and numbers that tell what was asked for.
template <class... Call>
void check_cuda(cudaError_t status, Call const&... call) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // the next call starts clean
  throw cuda_error(parapet::detail::concat(call..., ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")"), status);
}
template <class... Call>
void check_cublas(cublasStatus_t status, Call const&... call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  static_cast<void>(cudaGetLastError());
  throw cuda_error(parapet::detail::concat(call..., ": ", cublasLtGetStatusString(status), " (", cublasLtGetStatusName(status), ")"),
                   status);
}

namespace cuda_detail {

/// For destructors: what fails there has failed before, and leaves nothing for the next call to find.
inline void forgive(cudaError_t status) noexcept {
  if (status != cudaSuccess) static_cast<void>(cudaGetLastError());
}

}  // namespace cuda_detail
}  // namespace parapet::inline PARAPET_ABI::backend
