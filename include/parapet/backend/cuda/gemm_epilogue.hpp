// What cuBLASLt does to a product before it writes it: a plain choice, tested on the host.
//
// cublasLt.h says max(x, 0) and GELU(x), and no more: not what comes of NaN, nor how exact the second is. It is the tanh form in
// practice, as PyTorch found (pytorch/pytorch#104061). So activations are fused only where the caller asks for it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/activation.hpp>

#include <concepts>

namespace parapet::inline PARAPET_ABI::backend::cuda_detail {

enum class product_epilogue { none, bias, bias_relu, bias_gelu_tanh };

/// The epilogue that computes f(a b + bias) of T whole; `none` where there is none, or where activations are not to be fused.
template <class F, class T>
constexpr product_epilogue activation_epilogue(bool fuse_activations) {
  if (!fuse_activations || !std::same_as<T, float>) return product_epilogue::none;
  if (std::same_as<F, math::relu>) return product_epilogue::bias_relu;
  if (std::same_as<F, math::gelu_tanh>) return product_epilogue::bias_gelu_tanh;
  return product_epilogue::none;
}

}  // namespace parapet::inline PARAPET_ABI::backend::cuda_detail
