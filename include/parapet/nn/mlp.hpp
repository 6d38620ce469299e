// Multi-layer perceptron: linear layers with an activation between them, for one network or a stack of them.
//
//     h_0 = x,   h_{l+1} = f(h_l W_l + b_l),   y = h_L W_L + b_L        (no activation after the last layer)
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/linear.hpp>

#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::nn {

/// Activation is a functor of math/activation.hpp.
template <class Activation>
class mlp {
public:
  /// Per hidden layer: value h, slope f' and a scratch gradient (N, rows, width).
  template <class T, class Space>
  struct workspace {
    std::vector<tensor_view<T, 3, Space>> hidden, slope, gradient;
    tensor_view<T, 3, Space> output;
  };

  mlp() = default;
  /// Layers widths[0] -> widths[1] -> ... ; registers `<name>.dense0`, ..., and the last as `<name>.output` if
  /// `name_last_output`. Throws argument_error for fewer than two widths.
  mlp(parameter_list& list, std::string const& name, std::vector<index_t> const& widths,
      initializer initial = initializer::xavier_uniform(), bool name_last_output = true) {
    if (widths.size() < 2)
      throw argument_error(parapet::detail::concat("mlp '", name, "': ", widths.size(), " widths, expected at least 2"));
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      bool const last = l + 2 == widths.size() && name_last_output;
      layers_.emplace_back(list, last ? name + ".output" : name + ".dense" + std::to_string(l), widths[l],
                           widths[l + 1], initial);
    }
  }

  index_t in() const { return layers_.front().in(); }
  index_t out() const { return layers_.back().out(); }

  template <class T, class Space>
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, mode keep, index_t networks = 1) const {
    workspace<T, Space> w;
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
      extents<3> const shape{{networks, rows, layers_[l].out()}};
      w.hidden.push_back(memory.template take<T>(shape));
      if (keep == mode::inference) continue;
      w.slope.push_back(memory.template take<T>(shape));
      w.gradient.push_back(memory.template take<T>(shape));
    }
    w.output = memory.template take<T>(extents{networks, rows, out()});
    return w;
  }

  /// y (N, rows, out) of x (N, rows, in), or of inputs that networks share as linear has it; parameters (n) or (N, n). The
  /// result lies in the workspace.
  template <class Backend, class T, int Rank, class Space>
  tensor_view<T, 3, Space> forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                                   tensor_view<T const, 3, Space> x, workspace<T, Space> const& w) const {
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
      if (w.slope.empty()) {
        layers_[l].template forward_activated<Activation>(be, parameters, x, w.hidden[l]);
      } else {
        layers_[l].forward(be, parameters, x, w.slope[l]);
        activate<Activation>(be, w.slope[l], w.hidden[l]);
      }
      x = w.hidden[l];
    }
    layers_.back().forward(be, parameters, x, w.output);
    return w.output;
  }

  /// Parameter gradients of the last forward pass in training mode on x unless `gradient` is empty, and the gradient of the
  /// inputs [first, first + n) in dx (N, rows, n) unless that is.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                workspace<T, Space> const& w, tensor_view<T const, 3, Space> dy, tensor_view<T, Rank, Space> const& gradient,
                tensor_view<T, 3, Space> const& dx = {}, gradients how = gradients::overwrite, index_t first = 0) const {
    for (std::size_t l = layers_.size(); l-- > 0;) {
      if (l == 0) {
        layers_[l].backward(be, parameters, x, dy, gradient, dx, how, first);
      } else {
        layers_[l].backward(be, parameters, tensor_view<T const, 3, Space>(w.hidden[l - 1]), dy, gradient,
                            w.gradient[l - 1], how);
        activate_backward(be, w.gradient[l - 1], tensor_view<T const, 3, Space>(w.slope[l - 1]));
        dy = w.gradient[l - 1];
      }
    }
  }

private:
  std::vector<linear> layers_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
