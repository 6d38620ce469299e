// Owners of CUDA's and cuBLASLt's handles: made by the constructor, which throws cuda_error, given back by the destructor.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/error.cuh>

#include <utility>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

/// An in-order queue that does not wait for the default stream.
class stream {
public:
  stream() { check_cuda(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreate"); }
  stream(stream const&) = delete;
  stream& operator=(stream const&) = delete;
  ~stream() { forgive(cudaStreamDestroy(handle_)); }
  operator cudaStream_t() const { return handle_; }  // NOLINT: stands for the handle

private:
  cudaStream_t handle_ = nullptr;
};

/// A place in a stream that others can wait for.
class event {
public:
  event() { check_cuda(cudaEventCreateWithFlags(&handle_, cudaEventDisableTiming), "cudaEventCreate"); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { forgive(cudaEventDestroy(handle_)); }

  /// Whatever `later` is asked for from now on runs after all that `earlier` has been asked for.
  void order(cudaStream_t earlier, cudaStream_t later) const {
    check_cuda(cudaEventRecord(handle_, earlier), "cudaEventRecord");
    check_cuda(cudaStreamWaitEvent(later, handle_, 0), "cudaStreamWaitEvent");
  }

private:
  cudaEvent_t handle_ = nullptr;
};

class blas_handle {
public:
  blas_handle() { check_cublas(cublasLtCreate(&handle_), "cublasLtCreate"); }
  blas_handle(blas_handle const&) = delete;
  blas_handle& operator=(blas_handle const&) = delete;
  ~blas_handle() { static_cast<void>(cublasLtDestroy(handle_)); }
  operator cublasLtHandle_t() const { return handle_; }  // NOLINT

private:
  cublasLtHandle_t handle_ = nullptr;
};

/// A recorded graph, or one ready to be launched; empty until given one.
template <class Handle, cudaError_t (*destroy)(Handle)>
class graph_handle {
public:
  graph_handle() = default;
  explicit graph_handle(Handle handle) : handle_(handle) {}
  graph_handle(graph_handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  graph_handle& operator=(graph_handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~graph_handle() {
    if (handle_ != nullptr) forgive(destroy(handle_));
  }
  operator Handle() const { return handle_; }  // NOLINT

private:
  Handle handle_ = nullptr;
};
using recorded_graph = graph_handle<cudaGraph_t, cudaGraphDestroy>;
using executable_graph = graph_handle<cudaGraphExec_t, cudaGraphExecDestroy>;

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute ", static_cast<int>(attribute), " of device ", device);
  return value;
}

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
