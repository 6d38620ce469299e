// Attention on the device, forward: one kernel for up to five sequences, one block of threads for 32 rows of a key head.
//
// Heads whose tiles do not fit into a block's shared memory (beyond 440 floats on an H100) and the backward pass go through the
// generic kernels of backend/attention.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/attention.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/error.cuh>

#include <span>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

struct block_team {
  __device__ index_t rank() const { return threadIdx.x; }
  __device__ index_t size() const { return blockDim.x; }
  __device__ void sync() const { __syncthreads(); }
};

template <class T, class Body>
__global__ void __launch_bounds__(attention_threads) attention_kernel(attention_batch batch, Body body) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  index_t const s = batch.sequence_of(blockIdx.x);
  body(block_team{}, reinterpret_cast<T*>(shared_memory), batch.mask[s], blockIdx.y, (blockIdx.x - batch.first_block[s]) * attention_tile);
}

/// Bytes of shared memory that a block may ask for on the current device.
inline index_t most_shared_bytes() {
  int device = 0, bytes = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cudaDeviceGetAttribute");
  return bytes;
}

}  // namespace cuda_detail

/// As the generic attend of backend/attention.hpp.
template <class T, class Key, class Bias>
void attend(cuda& be, attention_heads const& heads, attention_reach const& reach, std::span<sequence const> sequences,
            matrix_view<T const, device_space> const& q, matrix_view<Key const, device_space> const& k, matrix_view<Key const, device_space> const& v,
            matrix_view<T, device_space> const& out, matrix_view<T, device_space> const& log_sum, Bias const& bias) {
  using body = cuda_detail::attention_body<T, Key, device_space, Bias>;
  index_t const bytes = cuda_detail::attention_shared_elements(heads.head_dim) * static_cast<index_t>(sizeof(T));
  if (bytes > cuda_detail::most_shared_bytes())
    return attend<cuda, T, Key, device_space, Bias>(be, heads, reach, sequences, q, k, v, out, log_sum, bias);
  auto const kernel = cuda_detail::attention_kernel<T, body>;
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), "cudaFuncSetAttribute");
  body const work{heads.group(), heads.head_dim, static_cast<T>(heads.applied_scale()), static_cast<T>(heads.soft_cap), q, k, v, out, log_sum, bias};
  cuda_detail::attention_batch batch;
  auto const run = [&] {
    if (batch.blocks != 0) {
      cuda_detail::launch_shape const shape{static_cast<unsigned>(batch.blocks), static_cast<unsigned>(heads.kv_heads),
                                            static_cast<unsigned>(cuda_detail::attention_threads), 1, static_cast<unsigned>(bytes)};
      cuda_detail::launch(be, "attention", out.size(), shape, kernel, batch, work);
    }
    batch = {};
  };
  for (sequence const& s : sequences) {
    batch.add(reference::attention_mask(s, reach), heads.group());
    if (batch.full()) run();
  }
  run();
}

}  // namespace parapet::inline PARAPET_ABI::backend
