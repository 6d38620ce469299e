// The CUDA backend object: one stream, one cuBLASLt handle, work memory of fixed size.
//
// Operations are queued in the stream in the order of the calls and run later; those that return a number to the host wait for
// it. An object belongs to the device that was current when it was made, and to one thread at a time; threads and devices have
// objects of their own. Nothing is global, and nothing is allocated by an operation.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/gemm_plan.cuh>
#include <parapet/backend/cuda/launch_shape.hpp>
#include <parapet/backend/cuda/space.cuh>
#include <parapet/backend/cuda/stream.cuh>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::backend {

struct cuda_options {
  product_precision precision = product_precision::float32;
  /// Lets cuBLASLt apply relu and gelu_tanh within a product of floats: a launch less. What it makes of NaN it does not say, so a
  /// network that has gone wrong may come out as 0 and look sound; nor how exact its gelu_tanh is.
  bool fuse_activations = false;
  index_t workspace_bytes = index_t{32} << 20;  ///< for products; NVIDIA's advice for Hopper
  index_t operand_bytes = index_t{64} << 20;    ///< for activations rounded to the type of stored weights, made when first asked for
};

class cuda {
public:
  using space = device_space;

  /// On the current device. Throws cuda_error, also where there is none.
  explicit cuda(cuda_options const& options = {})
      : options_(options),
        multiprocessors_(cuda_detail::device_attribute(cudaDevAttrMultiProcessorCount)),
        products_(options.precision, options.workspace_bytes),
        partial_(partial_bytes),
        result_(partial_bytes),
        staging_(staging_bytes) {}
  cuda(cuda const&) = delete;
  cuda& operator=(cuda const&) = delete;

  /// For calls of the caller's own between operations.
  cudaStream_t stream() const { return stream_; }
  index_t multiprocessors() const { return multiprocessors_; }
  product_precision precision() const { return products_.precision(); }
  bool fuses_activations() const { return options_.fuse_activations; }

  // For the operations of this folder.

  cuda_detail::product_planner& products() { return products_; }
  /// Room for the partial results of a reduction.
  template <class T>
  T* partial_results() {
    static_assert(sizeof(T) * cuda_detail::most_partial_results <= partial_bytes, "a reduction's result is at most 16 bytes");
    return reinterpret_cast<T*>(partial_.data());
  }
  /// A number of the device on the host, when all before it has been done.
  template <class T>
  T read_back(T const* device) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= partial_bytes);
    check_cuda(cudaMemcpyAsync(result_.data(), device, sizeof(T), cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync of ",
               static_cast<index_t>(sizeof(T)), " bytes to the host");
    check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    T value;
    std::memcpy(&value, result_.data(), sizeof(T));
    return value;
  }
  /// Page-locked room for a small copy to the device, which a queued copy may read until it is done.
  void* stage(index_t bytes) {
    if (staged_ + bytes > staging_bytes) {
      check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
      staged_ = 0;
    }
    void* const room = staging_.data() + staged_;
    staged_ += bytes;
    return room;
  }
  /// Room for operand_bytes bytes of operands, made when first asked for.
  unsigned char* operands() {
    if (operands_.size() == 0) {
      refuse_capture("the first product with weights in bfloat16 or int8");
      operands_ = buffer<unsigned char, device_space>(options_.operand_bytes);
    }
    return operands_.data();
  }
  index_t operand_bytes() const { return options_.operand_bytes; }
  /// A second backend on the same device, made when first asked for.
  cuda& aside() {
    if (!aside_) {
      refuse_capture("the first use of concurrently");
      aside_ = std::make_unique<cuda>(options_);
    }
    return *aside_;
  }
  cuda_detail::event const& crossing() const { return crossing_; }
  bool capturing() const { return capturing_; }
  void set_capturing(bool on) { capturing_ = on; }
  /// Throws argument_error where `operation`, which the host has to wait for or to take part in, is called in a captured step.
  void refuse_capture(char const* operation) const {
    if (capturing_)
      throw argument_error(parapet::detail::concat(operation, " cannot be part of a captured step: it waits for the device or allocates memory"));
  }

private:
  static constexpr index_t partial_bytes = 16 * cuda_detail::most_partial_results, staging_bytes = 4 * cuda_detail::most_staged_bytes;

  cuda_options options_;
  cuda_detail::stream stream_;
  cuda_detail::event crossing_;
  index_t multiprocessors_;
  cuda_detail::product_planner products_;
  buffer<unsigned char, device_space> partial_, operands_;
  buffer<unsigned char, pinned_space> result_, staging_;
  index_t staged_ = 0;
  bool capturing_ = false;
  std::unique_ptr<cuda> aside_;
};

/// Waits until everything asked for has been done. Throws cuda_error for whatever went wrong meanwhile.
inline void synchronize(cuda& be) {
  be.refuse_capture("synchronize");
  check_cuda(cudaStreamSynchronize(be.stream()), "cudaStreamSynchronize");
}

/// f(be, shard) for each shard in [0, count), one after the other: a device wants the whole batch as one shard.
template <class F>
void for_each_shard(cuda& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}

namespace cuda_detail {

/// Queues a kernel; `what` and `elements` name it in the message of an error.
template <class... Parameters, class... Arguments>
void launch(cuda& be, char const* what, index_t elements, launch_shape const& shape, void (*kernel)(Parameters...),
            Arguments const&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.blocks_x, shape.blocks_y);
  config.blockDim = dim3(shape.threads_x, shape.threads_y);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = be.stream();
  check_cuda(cudaLaunchKernelEx(&config, kernel, arguments...), "launch of ", what, " over ", elements, " elements (",
             static_cast<index_t>(shape.blocks_x), " x ", static_cast<index_t>(shape.blocks_y), " blocks of ",
             static_cast<index_t>(shape.threads_x), " x ", static_cast<index_t>(shape.threads_y), " threads)");
}

}  // namespace cuda_detail
}  // namespace parapet::inline PARAPET_ABI::backend
