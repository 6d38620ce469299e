// Which algorithm of cuBLASLt computes a product: asked once per shape, kept.
//
// The library is asked about one matrix, whatever the number of matrices in a stack: so each matrix of a stack gets the bits
// that it gets alone. Where the algorithm's work memory does not suffice for all at once, the stack is cut into parts. Sums
// that several blocks share go through work memory in a fixed order (no atomics).
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/gemm_epilogue.hpp>
#include <parapet/backend/cuda/gemm_layout.hpp>
#include <parapet/backend/cuda/space.cuh>
#include <parapet/backend/cuda/stream.cuh>

#include <compare>
#include <cstdint>
#include <map>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

/// What a float product is computed in. float32: as it says. tf32: operands rounded to 10 bits of fraction (relative errors near
/// 3e-4). bf16: to 7 bits (near 3e-3). Sums are float in each; doubles stay doubles.
enum class product_precision { float32, tf32, bf16 };

namespace cuda_detail {

/// What the operands of a product are stored in. float64: and results too. float32, bfloat16: results float; int8: results 32-bit integers.
enum class product_type { float32, float64, bfloat16, int8 };

/// Everything that the choice of an algorithm depends on, and the number of matrices.
struct product_key {
  index_t rows, columns, depth, left_stride, right_stride, result_stride, count;
  index_t left_batch, right_batch, result_batch, bias_batch;
  std::uint32_t left_alignment, right_alignment, result_alignment;
  bool left_transpose, right_transpose;
  product_type type;
  product_epilogue epilogue;
  friend auto operator<=>(product_key const&, product_key const&) = default;
};

struct product_plan {
  bool usable = false;  ///< whether the library has an algorithm at all
  index_t at_once = 0;  ///< matrices that the work memory suffices for
  cublasLtMatmulAlgo_t algorithm{};
};

/// The descriptors of one stack of products; they live on the stack and own nothing.
class product_descriptors {
public:
  product_descriptors(product_key const& key, product_precision precision, index_t count, void const* bias) {
    cudaDataType_t const operand = key.type == product_type::float64    ? CUDA_R_64F
                                   : key.type == product_type::bfloat16 ? CUDA_R_16BF
                                   : key.type == product_type::int8     ? CUDA_R_8I
                                                                        : CUDA_R_32F;
    cudaDataType_t const out = key.type == product_type::float64 ? CUDA_R_64F : key.type == product_type::int8 ? CUDA_R_32I : CUDA_R_32F;
    cublasComputeType_t const compute = key.type == product_type::float64    ? CUBLAS_COMPUTE_64F
                                        : key.type == product_type::int8     ? CUBLAS_COMPUTE_32I
                                        : key.type == product_type::bfloat16 ? CUBLAS_COMPUTE_32F
                                        : precision == product_precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                        : precision == product_precision::bf16 ? CUBLAS_COMPUTE_32F_FAST_16BF
                                                                               : CUBLAS_COMPUTE_32F;
    check_cublas(cublasLtMatmulDescInit(&operation, compute, out), "cublasLtMatmulDescInit");
    set(CUBLASLT_MATMUL_DESC_TRANSA, key.left_transpose ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, key.right_transpose ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (key.epilogue != product_epilogue::none) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, key.epilogue == product_epilogue::bias_relu        ? CUBLASLT_EPILOGUE_RELU_BIAS
                                         : key.epilogue == product_epilogue::bias_gelu_tanh ? CUBLASLT_EPILOGUE_GELU_BIAS
                                                                                            : CUBLASLT_EPILOGUE_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
      if (count > 1) set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, static_cast<std::int64_t>(key.bias_batch));
    }
    make(left, operand, key.left_transpose ? key.depth : key.rows, key.left_transpose ? key.rows : key.depth, key.left_stride, count, key.left_batch);
    make(right, operand, key.right_transpose ? key.columns : key.depth, key.right_transpose ? key.depth : key.columns, key.right_stride, count,
         key.right_batch);
    make(result, out, key.rows, key.columns, key.result_stride, count, key.result_batch);
  }

  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t left, right, result;

private:
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, Value const& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute ",
                 static_cast<int>(attribute));
  }
  static void make(cublasLtMatrixLayoutOpaque_t& layout, cudaDataType_t type, index_t rows, index_t columns, index_t stride, index_t count,
                   index_t batch_stride) {
    check_cublas(cublasLtMatrixLayoutInit(&layout, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), stride),
                 "cublasLtMatrixLayoutInit of ", rows, " x ", columns, " with stride ", stride);
    if (count == 1) return;
    auto const batches = static_cast<std::int32_t>(count);
    std::int64_t const step = batch_stride;
    check_cublas(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches),
                 "cublasLtMatrixLayoutSetAttribute batch count ", count);
    check_cublas(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step),
                 "cublasLtMatrixLayoutSetAttribute batch stride ", batch_stride);
  }
};

/// The library's handle, the work memory of its algorithms, and the plans made so far.
class product_planner {
public:
  product_planner(product_precision precision, index_t workspace_bytes) : precision_(precision), workspace_(workspace_bytes) {}

  product_precision precision() const { return precision_; }
  cublasLtHandle_t handle() const { return handle_; }
  void* workspace() { return workspace_.data(); }
  index_t workspace_bytes() const { return workspace_.size(); }

  product_plan const& plan(product_key const& key) {
    auto const found = plans_.find(key);
    if (found != plans_.end()) return found->second;
    product_plan made;
    if (key.count == 1) {
      made = choose(key);
    } else {
      product_key one = key;
      one.count = 1;
      one.left_batch = one.right_batch = one.result_batch = one.bias_batch = 0;
      made = plan(one);
      if (made.usable) made.at_once = most_at_once(key, made.algorithm);
    }
    return plans_.emplace(key, made).first->second;
  }

private:
  /// An address for the questions, which look at its alignment alone.
  static void const* any_aligned() { return reinterpret_cast<void const*>(std::uintptr_t{16}); }

  product_plan choose(product_key const& key) const {
    product_descriptors d(key, precision_, 1, any_aligned());
    cublasLtMatmulPreferenceOpaque_t preference;
    check_cublas(cublasLtMatmulPreferenceInit(&preference), "cublasLtMatmulPreferenceInit");
    auto const set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
      check_cublas(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value),
                   "cublasLtMatmulPreferenceSetAttribute ", static_cast<int>(attribute));
    };
    // An eighth, so that stacks of eight need no cutting.
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace_.size() / 8));
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.left_alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.right_alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.result_alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.result_alignment);
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    cublasStatus_t const status =
        cublasLtMatmulAlgoGetHeuristic(handle_, &d.operation, &d.left, &d.right, &d.result, &d.result, &preference, 1, &best, &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && (found == 0 || best.state != CUBLAS_STATUS_SUCCESS)))
      return {};
    check_cublas(status, "cublasLtMatmulAlgoGetHeuristic of ", key.rows, " x ", key.columns, " x ", key.depth);
    return {true, 1, best.algo};
  }

  /// The largest part of the stack, found by halving, that the algorithm takes with the work memory that there is; at least 1.
  index_t most_at_once(product_key const& key, cublasLtMatmulAlgo_t const& algorithm) const {
    for (index_t count = key.count < most_batches ? key.count : most_batches; count > 1; count = (count + 1) / 2) {
      product_descriptors d(key, precision_, count, any_aligned());
      cublasLtMatmulHeuristicResult_t result{};
      if (cublasLtMatmulAlgoCheck(handle_, &d.operation, &d.left, &d.right, &d.result, &d.result, &algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
          result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= static_cast<std::size_t>(workspace_.size()))
        return count;
    }
    return 1;
  }

  static constexpr index_t most_batches = 65535;

  product_precision precision_;
  blas_handle handle_;
  buffer<unsigned char, device_space> workspace_;
  std::map<product_key, product_plan> plans_;
};

}  // namespace cuda_detail
}  // namespace parapet::inline PARAPET_ABI::backend
