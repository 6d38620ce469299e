// Pre-norm residual network: a linear layer, blocks with a skip, an activation and a linear layer.
//
//     h_0 = x W_in + b_in
//     h_{l+1} = h_l + W_2 f(W_1 norm(dropout(h_l)) + b_1) + b_2        f widens four times
//     y = W_out f(h_L) + b_out
//
// The denoiser of IDQL (Hansen-Estruch et al., 2023) and of FISOR. In and out layers start xavier-uniform, block
// layers lecun-normal, biases at zero.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/dropout.hpp>
#include <parapet/nn/layer_norm.hpp>
#include <parapet/nn/linear.hpp>

#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::nn {

/// Widths of a residual network.
struct residual_mlp_config {
  index_t in = 1, hidden = 256, out = 1;
  index_t blocks = 3;
  index_t expansion = 4;
  double dropout = 0.1;  ///< probability of dropping an element of a block's input, in training
};

namespace detail {

template <class F>
struct apply {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = F{}(x); }
};
template <class F>
struct apply_and_differentiate {
  template <class X>
  PARAPET_FN void operator()(X& y, X& slope, X const& x) const {
    y = F{}(x);
    slope = F{}.derivative(x, y);
  }
};
struct add_product {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x, X const& factor) const { y = y + x * factor; }
};

}  // namespace detail

template <class Activation>
class residual_mlp {
public:
  template <class T, class Space>
  struct block_workspace {
    tensor_view<T, 3, Space> state;                // (N, rows, hidden)    h_l
    tensor_view<T, 3, Space> normed;               // (N, rows, hidden)
    layer_norm::workspace<T, Space> norm;
    tensor_view<T, 3, Space> wide, slope;          // (N, rows, expansion * hidden)
  };
  template <class T, class Space>
  struct workspace {
    std::vector<block_workspace<T, Space>> blocks;
    tensor_view<T, 4, Space> dropout;                  // (blocks, N, rows, hidden)    factors, training only
    tensor_view<T, 3, Space> state, last, last_slope;  // (N, rows, hidden)    h_L, f(h_L), f'(h_L)
    tensor_view<T, 3, Space> output;                   // (N, rows, out)
    tensor_view<T, 3, Space> dstate, dblock;           // (N, rows, hidden)
    tensor_view<T, 3, Space> dwide;                    // (N, rows, expansion * hidden)
  };

  residual_mlp() = default;
  residual_mlp(parameter_list& list, std::string const& name, residual_mlp_config const& config)
      : config_(config), input_(list, name + "input", config.in, config.hidden, initializer::xavier_uniform()) {
    for (index_t b = 0; b < config.blocks; ++b) {
      std::string const prefix = name + "blocks." + std::to_string(b);
      blocks_.push_back({layer_norm(list, prefix + ".norm", config.hidden),
                         linear(list, prefix + ".dense0", config.hidden, config.expansion * config.hidden),
                         linear(list, prefix + ".dense1", config.expansion * config.hidden, config.hidden)});
    }
    output_ = linear(list, name + "output", config.hidden, config.out, initializer::xavier_uniform());
  }

  residual_mlp_config const& config() const { return config_; }

  template <class T, class Space>
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, mode keep, index_t networks = 1) const {
    bool const training = keep == mode::training;
    extents<3> const narrow{{networks, rows, config_.hidden}}, wide{{networks, rows, config_.expansion * config_.hidden}};
    workspace<T, Space> w;
    for (index_t b = 0; b < config_.blocks; ++b) {
      if (!training && b > 0) {  // inference keeps nothing: every block works in the memory of the first
        w.blocks.push_back(w.blocks.front());
        continue;
      }
      block_workspace<T, Space> block;
      block.state = memory.template take<T>(narrow);
      block.normed = memory.template take<T>(narrow);
      block.norm = blocks_.front().norm.template make_workspace<T>(memory, rows, networks);
      block.wide = memory.template take<T>(wide);
      if (training) block.slope = memory.template take<T>(wide);
      w.blocks.push_back(block);
    }
    w.state = memory.template take<T>(narrow);
    w.last = memory.template take<T>(narrow);
    w.output = memory.template take<T>(extents{networks, rows, config_.out});
    if (training) {
      if (config_.dropout > 0 && config_.blocks > 0)
        w.dropout = memory.template take<T>(extents{config_.blocks, networks, rows, config_.hidden});
      w.last_slope = memory.template take<T>(narrow);
      w.dstate = memory.template take<T>(narrow);
      w.dblock = memory.template take<T>(narrow);
      w.dwide = memory.template take<T>(wide);
    }
    return w;
  }

  /// y (N, rows, out) of x (N, rows, in), without dropout; parameters (n) or (N, n). The result lies in the workspace of either
  /// mode.
  template <class Backend, class T, int Rank, class Space>
  tensor_view<T, 3, Space> forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                                   tensor_view<T const, 3, Space> const& x, workspace<T, Space> const& w) const {
    if (!w.dropout.empty()) fill(be, flatten(w.dropout), T(1));
    return run(be, parameters, x, w);
  }

  /// The same with dropout: block b takes mask b of `source` (dropout.hpp). Needs a workspace for training.
  template <class Backend, class T, int Rank, class Space, class Source>
  tensor_view<T, 3, Space> forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                                   tensor_view<T const, 3, Space> const& x, workspace<T, Space> const& w, Source const& source) const {
    if (!w.dropout.empty()) fill_dropout(be, w.dropout, config_.dropout, source);
    return run(be, parameters, x, w);
  }

  /// Parameter gradients of the last forward pass in training mode, and the gradient of the inputs [first, first + n) in
  /// dx (N, rows, n) unless that is empty.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                workspace<T, Space> const& w, tensor_view<T const, 3, Space> const& dy, tensor_view<T, Rank, Space> const& gradient,
                tensor_view<T, 3, Space> const& dx = {}, gradients how = gradients::overwrite, index_t first = 0) const {
    using stack = tensor_view<T const, 3, Space>;
    output_.backward(be, parameters, stack(w.last), dy, gradient, w.dstate, how);
    activate_backward(be, w.dstate, stack(w.last_slope));
    for (std::size_t b = blocks_.size(); b-- > 0;) {
      auto const& kept = w.blocks[b];
      auto const& own = blocks_[b];
      own.narrow.backward(be, parameters, stack(kept.wide), stack(w.dstate), gradient, w.dwide, how);
      activate_backward(be, w.dwide, stack(kept.slope));
      own.widen.backward(be, parameters, stack(kept.normed), stack(w.dwide), gradient, w.dblock, how);
      own.norm.backward(be, parameters, kept.norm, stack(w.dblock), gradient, w.dblock, how);
      if (w.dropout.empty()) map(be, detail::add_in_place{}, w.dstate, stack(w.dblock));
      else map(be, detail::add_product{}, w.dstate, stack(w.dblock), stack(w.dropout(static_cast<index_t>(b))));
    }
    input_.backward(be, parameters, x, stack(w.dstate), gradient, dx, how, first);
  }

private:
  template <class Backend, class T, int Rank, class Space>
  tensor_view<T, 3, Space> run(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                               tensor_view<T const, 3, Space> const& x, workspace<T, Space> const& w) const {
    using stack = tensor_view<T const, 3, Space>;
    bool const training = !w.last_slope.empty();
    auto const state_of = [&](std::size_t b) { return b < w.blocks.size() ? w.blocks[b].state : w.state; };
    input_.forward(be, parameters, x, state_of(0));
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      auto const& kept = w.blocks[b];
      stack normed_input = kept.state;
      if (!w.dropout.empty()) {
        apply_dropout(be, normed_input, stack(w.dropout(static_cast<index_t>(b))), kept.normed);
        normed_input = kept.normed;
      }
      blocks_[b].norm.forward(be, parameters, normed_input, kept.norm, kept.normed);
      if (training) {
        blocks_[b].widen.forward(be, parameters, stack(kept.normed), kept.slope);
        activate<Activation>(be, kept.slope, kept.wide);
      } else {
        blocks_[b].widen.template forward_activated<Activation>(be, parameters, stack(kept.normed), kept.wide);
      }
      blocks_[b].narrow.forward_add(be, parameters, stack(kept.wide), stack(kept.state), state_of(b + 1));
    }
    stack const last_state = state_of(blocks_.size());
    if (training) map(be, detail::apply_and_differentiate<Activation>{}, w.last, w.last_slope, last_state);
    else map(be, detail::apply<Activation>{}, w.last, last_state);
    output_.forward(be, parameters, stack(w.last), w.output);
    return w.output;
  }

  struct layers {
    layer_norm norm;
    linear widen, narrow;
  };
  residual_mlp_config config_;
  linear input_, output_;
  std::vector<layers> blocks_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
