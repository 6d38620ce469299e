// The lanes that work on one row together: a warp, or a block. What the bodies of backend/cuda/rows.hpp are called with.
//
// All lanes of a group call fold() the same number of times; each gets the result. The order of a fold is fixed.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/launch_shape.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

struct warp_lanes {
  __device__ index_t rank() const { return threadIdx.x; }
  __device__ index_t size() const { return warp; }

  /// op over the lanes' values, as a butterfly: every lane computes the same tree.
  template <class T, class Op>
  __device__ T fold(T value, Op const& op) const {
    for (int distance = warp / 2; distance > 0; distance /= 2) value = op(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
  }
};

template <class T>
struct block_lanes {
  T* slots;  ///< shared memory, one number per thread

  __device__ index_t rank() const { return threadIdx.x; }
  __device__ index_t size() const { return blockDim.x; }

  template <class Op>
  __device__ T fold(T value, Op const& op) const {
    slots[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) slots[threadIdx.x] = op(slots[threadIdx.x], slots[threadIdx.x + half]);
      __syncthreads();
    }
    T const result = slots[0];
    __syncthreads();  // the slots may be written again
    return result;
  }
};

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
