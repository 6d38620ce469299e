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

/// Where the dropout masks of a training pass come from: block b draws from stream first_stream + b.
struct dropout_source {
  std::uint64_t seed, first_stream;
  index_t first_row;  ///< row of the whole batch that the first row of this shard is
};

template <class Activation>
class residual_mlp {
public:
  template <class T, class Space>
  struct block_workspace {
    matrix_view<T, Space> state;                   // (rows, hidden)    h_l
    matrix_view<T, Space> factor;                  // (rows, hidden)    dropout, training only
    matrix_view<T, Space> normed;                  // (rows, hidden)
    layer_norm::workspace<T, Space> norm;
    matrix_view<T, Space> wide, slope;             // (rows, expansion * hidden)
  };
  template <class T, class Space>
  struct workspace {
    std::vector<block_workspace<T, Space>> blocks;
    matrix_view<T, Space> state, last, last_slope;  // (rows, hidden)    h_L, f(h_L), f'(h_L)
    matrix_view<T, Space> output;                   // (rows, out)
    matrix_view<T, Space> dstate, dblock;           // (rows, hidden)
    matrix_view<T, Space> dwide;                    // (rows, expansion * hidden)
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
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, mode keep) const {
    bool const training = keep == mode::training;
    extents<2> const narrow{{rows, config_.hidden}}, wide{{rows, config_.expansion * config_.hidden}};
    workspace<T, Space> w;
    for (index_t b = 0; b < config_.blocks; ++b) {
      if (!training && b > 0) {  // inference keeps nothing: every block works in the memory of the first
        w.blocks.push_back(w.blocks.front());
        continue;
      }
      block_workspace<T, Space> block;
      block.state = memory.template take<T>(narrow);
      block.normed = memory.template take<T>(narrow);
      block.norm = blocks_.front().norm.template make_workspace<T>(memory, rows);
      block.wide = memory.template take<T>(wide);
      if (training) {
        block.slope = memory.template take<T>(wide);
        if (config_.dropout > 0) block.factor = memory.template take<T>(narrow);
      }
      w.blocks.push_back(block);
    }
    w.state = memory.template take<T>(narrow);
    w.last = memory.template take<T>(narrow);
    w.output = memory.template take<T>(extents{rows, config_.out});
    if (training) {
      w.last_slope = memory.template take<T>(narrow);
      w.dstate = memory.template take<T>(narrow);
      w.dblock = memory.template take<T>(narrow);
      w.dwide = memory.template take<T>(wide);
    }
    return w;
  }

  /// y (rows, out) of x (rows, in), without dropout; the result lies in the workspace of either mode.
  template <class Backend, class T, class Space>
  matrix_view<T, Space> forward(Backend& be, vector_view<T const, Space> const& parameters,
                                matrix_view<T const, Space> const& x, workspace<T, Space> const& w) const {
    for (auto const& block : w.blocks)
      if (!block.factor.empty()) fill(be, block.factor, T(1));
    return run(be, parameters, x, w);
  }

  /// The same with dropout masks drawn from `noise`; needs a workspace for training.
  template <class Backend, class T, class Space>
  matrix_view<T, Space> forward(Backend& be, vector_view<T const, Space> const& parameters,
                                matrix_view<T const, Space> const& x, workspace<T, Space> const& w,
                                dropout_source const& noise) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b)
      if (!w.blocks[b].factor.empty())
        fill_dropout(be, w.blocks[b].factor, config_.dropout, philox_stream(noise.seed, noise.first_stream + b),
                     noise.first_row);
    return run(be, parameters, x, w);
  }

  /// Parameter gradients of the last forward pass in training mode, and the gradient of the inputs [first, first + n) in
  /// dx (rows, n) unless that is empty.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& parameters, matrix_view<T const, Space> const& x,
                workspace<T, Space> const& w, matrix_view<T const, Space> const& dy,
                vector_view<T, Space> const& gradient, matrix_view<T, Space> const& dx = {},
                gradients how = gradients::overwrite, index_t first = 0) const {
    output_.backward(be, parameters, stacked<T const>(w.last), stacked(dy), gradient, stacked(w.dstate), how);
    activate_backward(be, w.dstate, matrix_view<T const, Space>(w.last_slope));
    for (std::size_t b = blocks_.size(); b-- > 0;) {
      auto const& kept = w.blocks[b];
      auto const& own = blocks_[b];
      own.narrow.backward(be, parameters, stacked<T const>(kept.wide), stacked<T const>(w.dstate), gradient,
                             stacked(w.dwide), how);
      activate_backward(be, w.dwide, matrix_view<T const, Space>(kept.slope));
      own.widen.backward(be, parameters, stacked<T const>(kept.normed), stacked<T const>(w.dwide), gradient,
                            stacked(w.dblock), how);
      own.norm.backward(be, parameters, kept.norm, matrix_view<T const, Space>(w.dblock), gradient, w.dblock, how);
      if (kept.factor.empty())
        map(be, detail::add_in_place{}, w.dstate, matrix_view<T const, Space>(w.dblock));
      else
        map(be, add_product{}, w.dstate, matrix_view<T const, Space>(w.dblock),
            matrix_view<T const, Space>(kept.factor));
    }
    input_.backward(be, parameters, stacked(x), stacked<T const>(w.dstate), gradient,
                    dx.empty() ? tensor_view<T, 3, Space>{} : stacked(dx), how, first);
  }

private:
  template <class Backend, class T, class Space>
  matrix_view<T, Space> run(Backend& be, vector_view<T const, Space> const& parameters,
                            matrix_view<T const, Space> const& x, workspace<T, Space> const& w) const {
    bool const training = !w.last_slope.empty();
    auto const state_of = [&](std::size_t b) { return b < w.blocks.size() ? w.blocks[b].state : w.state; };
    input_.forward(be, parameters, stacked(x), stacked(state_of(0)));
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      auto const& kept = w.blocks[b];
      matrix_view<T const, Space> const state = kept.state;
      matrix_view<T const, Space> normed_input = state;
      if (!kept.factor.empty()) {
        apply_dropout(be, state, matrix_view<T const, Space>(kept.factor), kept.normed);
        normed_input = kept.normed;
      }
      blocks_[b].norm.forward(be, parameters, normed_input, kept.norm, kept.normed);
      if (training) {
        blocks_[b].widen.forward(be, parameters, stacked<T const>(kept.normed), stacked(kept.slope));
        activate<Activation>(be, kept.slope, kept.wide);
      } else {
        blocks_[b].widen.forward(be, parameters, stacked<T const>(kept.normed), stacked(kept.wide));
        activate<Activation>(be, kept.wide);
      }
      auto const next = state_of(b + 1);
      if (next.data() != state.data()) copy(be, state, next);
      blocks_[b].narrow.forward_add(be, parameters, stacked<T const>(kept.wide), stacked(next));
    }
    auto const last_state = state_of(blocks_.size());
    if (training) {
      copy(be, matrix_view<T const, Space>(last_state), w.last_slope);
      activate<Activation>(be, w.last_slope, w.last);
    } else {
      map(be, apply<Activation>{}, w.last, matrix_view<T const, Space>(last_state));
    }
    output_.forward(be, parameters, stacked<T const>(w.last), stacked(w.output));
    return w.output;
  }

  struct layers {
    layer_norm norm;
    linear widen, narrow;
  };
  template <class F>
  struct apply {
    template <class X>
    PARAPET_FN void operator()(X& y, X const& x) const { y = F{}(x); }
  };
  struct add_product {
    template <class X>
    PARAPET_FN void operator()(X& y, X const& x, X const& factor) const { y = y + x * factor; }
  };

  /// A matrix as a stack of one.
  template <class U = void, class T, class Space>
  static auto stacked(matrix_view<T, Space> const& x) {
    using element = std::conditional_t<std::is_void_v<U>, T, U>;
    return tensor_view<element, 3, Space>(repeated(matrix_view<element, Space>(x), 1));
  }

  residual_mlp_config config_;
  linear input_, output_;
  std::vector<layers> blocks_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
