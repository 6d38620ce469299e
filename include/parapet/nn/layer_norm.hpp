// Layer normalisation: y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis.
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
  /// What backward reads: normalized (rows, n), inverse deviation (rows).
  template <class T, class Space>
  struct workspace {
    matrix_view<T, Space> normalized;
    vector_view<T, Space> inverse_deviation;
  };

  layer_norm() = default;
  /// Registers `<name>.scale` (n) and `<name>.bias` (n).
  layer_norm(parameter_list& list, std::string const& name, index_t n, double epsilon = 1e-6)
      : scale_(list.add(name + ".scale", extents{n}, initializer::ones())),
        bias_(list.add(name + ".bias", extents{n}, initializer::zeros())),
        epsilon_(epsilon) {}

  template <class T, class Space>
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows) const {
    return {memory.template take<T>(extents{rows, scale_.shape[0]}), memory.template take<T>(extents{rows})};
  }

  /// x, y (rows, n). Throws shape_error.
  template <class Backend, class T, class Space>
  void forward(Backend& be, vector_view<T const, Space> const& parameters, matrix_view<T const, Space> const& x,
               workspace<T, Space> const& kept, matrix_view<T, Space> const& y) const {
    check_shape("layer_norm: input", x.shape(), extents{x.extent(0), scale_.shape[0]});
    check_shape("layer_norm: output", y.shape(), x.shape());
    using backend::layer_norm_forward;  // the generic one, for a backend of another namespace
    layer_norm_forward(be, x, scale_(parameters), bias_(parameters), static_cast<T>(epsilon_), y, kept.normalized,
                       kept.inverse_deviation);
  }

  /// dx (rows, n) from dy (rows, n); dx and dy may be the same view.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& parameters, workspace<T, Space> const& kept,
                matrix_view<T const, Space> const& dy, vector_view<T, Space> const& gradient,
                matrix_view<T, Space> const& dx, gradients how = gradients::overwrite) const {
    check_shape("layer_norm: output gradient", dy.shape(), kept.normalized.shape());
    if (how == gradients::overwrite) {
      fill(be, scale_(gradient), T(0));
      fill(be, bias_(gradient), T(0));
    }
    using backend::layer_norm_backward;
    layer_norm_backward(be, scale_(parameters), matrix_view<T const, Space>(kept.normalized),
                        vector_view<T const, Space>(kept.inverse_deviation), dy, dx, scale_(gradient),
                        bias_(gradient));
  }

private:
  slot<1> scale_, bias_;
  double epsilon_ = 1e-6;
};

}  // namespace parapet::inline PARAPET_ABI::nn
