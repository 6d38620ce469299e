// Which activation a product on the device takes along; no device.
#include <parapet/backend/cuda/gemm_epilogue.hpp>

#include <doctest/doctest.h>

using namespace parapet;
using backend::cuda_detail::activation_epilogue;
using backend::cuda_detail::product_epilogue;

namespace {

template <class F>
constexpr bool never_fused = activation_epilogue<F, float>(true) == product_epilogue::none && activation_epilogue<F, float>(false) == product_epilogue::none;

}  // namespace

TEST_CASE("epilogue: relu and the tanh form of gelu, of floats, where it is asked for") {
  CHECK(activation_epilogue<math::relu, float>(true) == product_epilogue::bias_relu);
  CHECK(activation_epilogue<math::gelu_tanh, float>(true) == product_epilogue::bias_gelu_tanh);
  CHECK(activation_epilogue<math::relu, float>(false) == product_epilogue::none);
  CHECK(activation_epilogue<math::gelu_tanh, float>(false) == product_epilogue::none);
  CHECK(activation_epilogue<math::relu, double>(true) == product_epilogue::none);
  CHECK(activation_epilogue<math::gelu_tanh, double>(true) == product_epilogue::none);
}

TEST_CASE("epilogue: what cuBLASLt does not compute is left to a map") {
  static_assert(never_fused<math::gelu>);  // the erf form, 5e-4 away
  static_assert(never_fused<math::mish>);
  static_assert(never_fused<math::silu>);
  static_assert(never_fused<math::hyperbolic_tangent>);
}
