// Rotary positions: pairs of a head's elements are turned by position times frequency, theta^(-2 i / n) for pair i.
//
// Su et al., "RoFormer: enhanced transformer with rotary position embedding" (2021). Turning by the opposite angle is the backward pass.
// Two layouts are about, and the wrong one runs without an error: half-split pairs i and i + n / 2, as in all files of Hugging Face;
// interleaved ones 2 i and 2 i + 1, as in Mistral's and Meta's own files. Positions are given per token: in a tree, its depth.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/transformer_rows.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>

#include <cmath>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

using backend::rotary_angles;
using backend::rotary_layout;

/// How a model was stretched to longer texts: not at all, all positions divided by `factor`, or the rule of Llama 3.1, which divides
/// only the low frequencies: those whose wave is longer than original_positions / low_frequency_factor.
struct rotary_scaling {
  enum class rule { none, linear, llama3 };
  rule kind = rule::none;
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;
  index_t original_positions = 8192;
};

struct rotary_config {
  index_t dimensions;  ///< elements of a head that are turned, from the first: usually head_dim
  double theta = 10000;
  rotary_scaling scaling = {};
};

/// Frequency of a pair, rounded to a float as the published models were trained with: in long texts the difference shows.
inline float rotary_frequency(rotary_config const& config, index_t pair) {
  float const exponent = static_cast<float>(2 * pair) / static_cast<float>(config.dimensions);
  float const plain = 1.0f / static_cast<float>(std::pow(config.theta, static_cast<double>(exponent)));
  rotary_scaling const& s = config.scaling;
  if (s.kind == rotary_scaling::rule::none) return plain;
  float const slow = plain / static_cast<float>(s.factor);
  if (s.kind == rotary_scaling::rule::linear) return slow;
  double const waves = static_cast<double>(s.original_positions) * static_cast<double>(plain) / 6.283185307179586;  // in the original length
  double const mix = (waves - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
  if (mix <= 0) return slow;
  if (mix >= 1) return plain;
  return static_cast<float>((1 - mix) * static_cast<double>(slow) + mix * static_cast<double>(plain));
}

/// Cosines and sines of positions 0, 1, ..., made once per model: layers of one configuration share them.
template <class T, class Space = host_space>
class rotary_table {
public:
  rotary_table() = default;
  /// Throws argument_error for dimensions that are not pairs, or a negative number of positions.
  template <class Backend>
  rotary_table(Backend& be, rotary_config const& config, index_t positions) : shape_{{positions, config.dimensions / 2}} {
    if (config.dimensions < 2 || config.dimensions % 2 != 0 || positions < 0)
      throw argument_error(parapet::detail::concat("rotary_table: ", config.dimensions, " dimensions, ", positions,
                                                   " positions, expected an even number of at least 2, and none or more"));
    index_t const size = parapet::detail::checked_size(shape_);
    buffer<T> host(2 * size);
    for (index_t pair = 0; pair < shape_[1]; ++pair) {
      float const frequency = rotary_frequency(config, pair);
      for (index_t position = 0; position < positions; ++position) {
        double const angle = static_cast<double>(static_cast<float>(position) * frequency);
        host.data()[position * shape_[1] + pair] = static_cast<T>(std::cos(angle));
        host.data()[size + position * shape_[1] + pair] = static_cast<T>(std::sin(angle));
      }
    }
    angles_ = buffer<T, Space>(2 * size);
    copy(be, vector_view<T const>(host.view()), angles_.view());
    synchronize(be);
  }

  index_t positions() const { return shape_[0]; }
  rotary_angles<T, Space> angles() const {
    return {{angles_.data(), shape_}, {angles_.data() + shape_.size(), shape_}};
  }

private:
  extents<2> shape_{};
  buffer<T, Space> angles_;
};

namespace detail {

template <class Backend, class T, class Space>
void rotate(Backend& be, rotary_layout layout, rotary_angles<T, Space> const& angles, vector_view<index_t const, Space> const& positions,
            matrix_view<T, Space> const& x, index_t heads, T direction) {
  if (heads < 1 || x.extent(1) % heads != 0)
    throw argument_error(parapet::detail::concat("rotary: rows of ", x.extent(1), " elements in ", heads, " heads"));
  auto const by_head = as_heads(x, heads);
  if (2 * angles.cosine.extent(1) > by_head.extent(2))
    throw shape_error(parapet::detail::concat("rotary: ", angles.cosine.extent(1), " angles for heads of ", by_head.extent(2), " elements"));
  check_shape("rotary: sines", angles.sine.shape(), angles.cosine.shape());
  check_shape("rotary: positions", positions.shape(), extents{x.extent(0)});
  if constexpr (std::is_same_v<Space, host_space>)
    for (index_t i = 0; i < positions.extent(0); ++i)
      if (positions[i] < 0 || positions[i] >= angles.cosine.extent(0))
        throw argument_error(parapet::detail::concat("rotary: token ", i, " is at position ", positions[i], ", the table has ",
                                                     angles.cosine.extent(0)));
  using backend::rotate_rows;
  rotate_rows(be, layout, angles, positions, by_head, direction);
}

}  // namespace detail

/// Turns every head of x (tokens, heads head_dim) in place by the angle of its token's position; positions (tokens). Throws shape_error,
/// and argument_error for a position in host memory that the table does not have.
template <class Backend, class T, class Space>
void rotary_forward(Backend& be, rotary_layout layout, std::type_identity_t<rotary_angles<T, Space>> const& angles, input<index_t, 1, Space> const& positions,
                    matrix_view<T, Space> const& x, index_t heads) {
  detail::rotate(be, layout, angles, positions, x, heads, T(1));
}

/// The gradient of what went in, from that of what came out, in place: turns back. Throws as forward.
template <class Backend, class T, class Space>
void rotary_backward(Backend& be, rotary_layout layout, std::type_identity_t<rotary_angles<T, Space>> const& angles, input<index_t, 1, Space> const& positions,
                     matrix_view<T, Space> const& dx, index_t heads) {
  detail::rotate(be, layout, angles, positions, dx, heads, T(-1));
}

}  // namespace parapet::inline PARAPET_ABI::nn
