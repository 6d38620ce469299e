// Initial values of parameters, by name.
//
// xavier: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
// variance 2 / (fan_in + fan_out). he: He et al., "Delving deep into rectifiers" (2015), variance 2 / fan_in.
// lecun: LeCun et al., "Efficient backprop" (1998), variance 1 / fan_in; here from a normal cut at two deviations
// and rescaled to keep its variance, which is flax's default for a dense layer.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::nn {

/// A rule for the initial value of one tensor. `fan_in`, `fan_out` are the sides of a weight matrix.
struct initializer {
  enum class rule { constant, uniform, normal, xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_normal };
  rule kind = rule::constant;
  double value = 0;  ///< the constant, the half-width of `uniform`, or the deviation of `normal`

  static constexpr initializer zeros() { return {rule::constant, 0}; }
  static constexpr initializer ones() { return {rule::constant, 1}; }
  static constexpr initializer constant(double value) { return {rule::constant, value}; }
  static constexpr initializer uniform(double half_width) { return {rule::uniform, half_width}; }
  static constexpr initializer normal(double deviation) { return {rule::normal, deviation}; }
  static constexpr initializer xavier_uniform() { return {rule::xavier_uniform, 0}; }
  static constexpr initializer xavier_normal() { return {rule::xavier_normal, 0}; }
  static constexpr initializer he_uniform() { return {rule::he_uniform, 0}; }
  static constexpr initializer he_normal() { return {rule::he_normal, 0}; }
  static constexpr initializer lecun_normal() { return {rule::lecun_normal, 0}; }

  /// Fills `out` on the host from `stream`. Element i depends on the stream and first + i alone.
  template <class T>
  void operator()(vector_view<T> const& out, index_t fan_in, index_t fan_out, philox_stream const& stream, index_t first = 0) const {
    auto const in = static_cast<double>(fan_in), both = static_cast<double>(fan_in + fan_out);
    auto const uniform_in = [&](double half_width) {
      for (index_t i = 0; i < out.extent(0); ++i)
        out[i] = static_cast<T>((2.0 * static_cast<double>(stream.uniform(first + i)) - 1.0) * half_width);
    };
    auto const normal_in = [&](double deviation) {
      for (index_t i = 0; i < out.extent(0); ++i)
        out[i] = static_cast<T>(static_cast<double>(stream.normal(first + i)) * deviation);
    };
    switch (kind) {
      case rule::constant:
        for (index_t i = 0; i < out.extent(0); ++i) out[i] = static_cast<T>(value);
        return;
      case rule::uniform: return uniform_in(value);
      case rule::normal: return normal_in(value);
      case rule::xavier_uniform: return uniform_in(std::sqrt(6.0 / both));
      case rule::xavier_normal: return normal_in(std::sqrt(2.0 / both));
      case rule::he_uniform: return uniform_in(std::sqrt(6.0 / in));
      case rule::he_normal: return normal_in(std::sqrt(2.0 / in));
      case rule::lecun_normal:
        // The deviation of a standard normal cut at +-2 is 0.8796...
        for (index_t i = 0; i < out.extent(0); ++i)
          out[i] = static_cast<T>(truncated_normal(static_cast<double>(stream.uniform(first + i))) / 0.87962566103423978 /
                                  std::sqrt(in));
        return;
    }
  }

private:
  /// Quantile u of the standard normal cut at +-2, by Newton's method on the distribution function.
  static double truncated_normal(double u) {
    auto const phi = [](double x) { return 0.5 * std::erfc(-x * 0.70710678118654752); };
    double const low = phi(-2.0), target = low + u * (phi(2.0) - low);
    double x = 0, step = 1;
    for (int i = 0; i < 20 && std::abs(step) > 1e-12; ++i)
      x -= step = (phi(x) - target) / (0.39894228040143268 * std::exp(-0.5 * x * x));
    return x;
  }
};

}  // namespace parapet::inline PARAPET_ABI::nn
