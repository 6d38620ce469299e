// Layer normalisation: y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis, for a stack of networks.
//
// Ba, Kiros, Hinton, "Layer normalization" (2016). The variance is the biased one, as in flax and torch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/nn/parameters.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::nn {

class layer_norm {
public:
  /// What backward reads: normalized (N, rows, n), inverse deviation (N, rows).
  template <class T, class Space>
  struct workspace {
    tensor_view<T, 3, Space> normalized;
    matrix_view<T, Space> inverse_deviation;
  };

  layer_norm() = default;
  /// Registers `<name>.scale` (n) and `<name>.bias` (n).
  layer_norm(parameter_list& list, std::string const& name, index_t n, double epsilon = 1e-6)
      : scale_(list.add(name + ".scale", extents{n}, initializer::ones())),
        bias_(list.add(name + ".bias", extents{n}, initializer::zeros())),
        epsilon_(epsilon) {}

  template <class T, class Space>
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, index_t networks = 1) const {
    return {memory.template take<T>(extents{networks, rows, scale_.shape[0]}), memory.template take<T>(extents{networks, rows})};
  }

  /// x, y (N, rows, n); parameters (n') or (N, n'). Throws shape_error.
  template <class Backend, class T, int Rank, class Space>
  void forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
               workspace<T, Space> const& kept, tensor_view<T, 3, Space> const& y) const {
    check_shape("layer_norm: input", x.shape(), kept.normalized.shape());
    check_shape("layer_norm: output", y.shape(), x.shape());
    using backend::layer_norm_forward;  // the generic one, for a backend of another namespace
    layer_norm_forward(be, x, scale_(as_stack(parameters)), bias_(as_stack(parameters)), static_cast<T>(epsilon_), y, kept.normalized,
                       kept.inverse_deviation);
  }

  /// dx (N, rows, n) from dy (N, rows, n); dx and dy may be the same view.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, workspace<T, Space> const& kept,
                tensor_view<T const, 3, Space> const& dy, tensor_view<T, Rank, Space> const& gradient,
                tensor_view<T, 3, Space> const& dx, gradients how = gradients::overwrite) const {
    check_shape("layer_norm: output gradient", dy.shape(), kept.normalized.shape());
    auto const dscale = scale_(as_stack(gradient)), dbias = bias_(as_stack(gradient));  // (N, n), side by side in memory
    if (how == gradients::overwrite)
      fill(be, matrix_view<T, Space>(dscale.data(), extents{dscale.extent(0), 2 * dscale.extent(1)}, dscale.strides()), T(0));
    using backend::layer_norm_backward;
    layer_norm_backward(be, scale_(as_stack(parameters)), tensor_view<T const, 3, Space>(kept.normalized),
                        matrix_view<T const, Space>(kept.inverse_deviation), dy, dx, dscale, dbias);
  }

private:
  slot<1> scale_, bias_;
  double epsilon_ = 1e-6;
};

}  // namespace parapet::inline PARAPET_ABI::nn
