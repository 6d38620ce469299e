// The denoiser of IDQL and FISOR: a residual network on the noisy action, the state and an embedding of the step.
//
//     c_i = W_2 mish(W_1 [cos(2 pi i w), sin(2 pi i w)] + b_1) + b_2        w: learned frequencies
//     epsilon(x, s, i) = residual_mlp([x, s, c_i])
//
// Hansen-Estruch et al., "IDQL: implicit Q-learning as an actor-critic method with diffusion policies" (2023). There are
// only T different c_i, so they are computed as a table of T rows, gathered per row of the batch, and their gradients are
// summed back per step before they go through the embedding.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/fourier_features.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/nn/residual_mlp.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::diffusion {

struct residual_denoiser_config {
  index_t action_dim = 1, state_dim = 1;
  index_t steps = 5;
  index_t time_features = 64, condition_width = 128;
  index_t width = 256, blocks = 3;
  double dropout = 0.1;
};

namespace detail {

template <class T, class Space>
struct count_up {
  vector_view<T, Space> out;
  PARAPET_FN void operator()(index_t i) const { out[i] = static_cast<T>(i); }
};
/// one_hot(k, i, t) = 1 where row i of network k has step t.
template <class T, class Space>
struct mark_step {
  vector_view<index_t const, Space> which;
  tensor_view<T, 3, Space> one_hot;
  PARAPET_FN void operator()(index_t k, index_t i, index_t step) const {
    one_hot(k, i, step) = which[k * one_hot.extent(1) + i] == k * one_hot.extent(2) + step ? T(1) : T(0);
  }
};

}  // namespace detail

/// For one network or a stack of N (nn/parameters.hpp). `which` (N rows) names a row of the table of all networks' embeddings:
/// network k at step i is row k T + i.
class residual_denoiser {
public:
  template <class T, class Space>
  struct workspace {
    vector_view<T, Space> times;                  // (T)       0, 1, .., T - 1
    tensor_view<T, 3, Space> features;            // (N, T, F)
    nn::mlp<math::mish>::workspace<T, Space> condition;
    tensor_view<T, 3, Space> input;               // (N, rows, A + S + C)    x and s are written by the caller
    nn::residual_mlp<math::mish>::workspace<T, Space> net;
    tensor_view<T, 3, Space> dcondition;          // (N, rows, C)
    tensor_view<T, 3, Space> one_hot;             // (N, rows, T)
    tensor_view<T, 3, Space> dtable, dfeatures;   // (N, T, C), (N, T, F)
  };

  residual_denoiser() = default;
  residual_denoiser(nn::parameter_list& list, std::string const& name, residual_denoiser_config const& c)
      : config_(c),
        time_(list, name + ".time", c.time_features),
        condition_(list, name + ".condition", {c.time_features, c.condition_width, c.condition_width},
                   nn::initializer::xavier_uniform(), false),
        net_(list, name + ".net.",
             {c.action_dim + c.state_dim + c.condition_width, c.width, c.action_dim, c.blocks, 4, c.dropout}) {}

  residual_denoiser_config const& config() const { return config_; }

  template <class Backend, class T, class Space>
  workspace<T, Space> make_workspace(Backend& be, arena<Space>& memory, index_t rows, nn::mode keep, index_t networks = 1) const {
    workspace<T, Space> w;
    w.times = memory.template take<T>(extents{config_.steps});
    w.features = memory.template take<T>(extents{networks, config_.steps, config_.time_features});
    w.condition = condition_.template make_workspace<T>(memory, config_.steps, keep, networks);
    w.input = memory.template take<T>(extents{networks, rows, condition_begin() + config_.condition_width});
    w.net = net_.template make_workspace<T>(memory, rows, keep, networks);
    if (keep == nn::mode::training) {
      w.dcondition = memory.template take<T>(extents{networks, rows, config_.condition_width});
      w.one_hot = memory.template take<T>(extents{networks, rows, config_.steps});
      w.dtable = memory.template take<T>(extents{networks, config_.steps, config_.condition_width});
      w.dfeatures = memory.template take<T>(extents{networks, config_.steps, config_.time_features});
    }
    if (!w.times.empty()) for_each_index(be, w.times.shape(), detail::count_up<T, Space>{w.times});
    return w;
  }

  /// Where the caller writes x (rows, A) and s (rows, S) of a network.
  template <class T, class Space>
  matrix_view<T, Space> action(workspace<T, Space> const& w, index_t network = 0) const {
    return w.input(network).columns(0, config_.action_dim);
  }
  template <class T, class Space>
  matrix_view<T, Space> state(workspace<T, Space> const& w, index_t network = 0) const {
    return w.input(network).columns(config_.action_dim, condition_begin());
  }

  /// Fills the table of embeddings (N, T, C). Once per change of parameters, (n) or (N, n).
  template <class Backend, class T, int Rank, class Space>
  void embed_steps(Backend& be, tensor_view<T const, Rank, Space> const& parameters, workspace<T, Space> const& w) const {
    time_.forward(be, parameters, vector_view<T const, Space>(w.times), w.features);
    condition_.forward(be, parameters, tensor_view<T const, 3, Space>(w.features), w.condition);
  }

  /// epsilon (N, rows, A) of the x and s in w.input at steps which[row], without dropout. Needs embed_steps before.
  template <class Backend, class T, int Rank, class Space>
  tensor_view<T, 3, Space> forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                                   vector_view<index_t const, Space> const& which, workspace<T, Space> const& w) const {
    place_conditions(be, which, w);
    return net_.forward(be, parameters, tensor_view<T const, 3, Space>(w.input), w.net);
  }

  /// The same with dropout (nn/dropout.hpp), in a workspace for training.
  template <class Backend, class T, int Rank, class Space, class Source>
  tensor_view<T, 3, Space> forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters,
                                   vector_view<index_t const, Space> const& which, workspace<T, Space> const& w,
                                   Source const& dropout) const {
    place_conditions(be, which, w);
    return net_.forward(be, parameters, tensor_view<T const, 3, Space>(w.input), w.net, dropout);
  }

  /// Parameter gradients of the last forward pass from depsilon (N, rows, A), overwritten.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, vector_view<index_t const, Space> const& which,
                workspace<T, Space> const& w, tensor_view<T const, 3, Space> const& depsilon,
                tensor_view<T, Rank, Space> const& gradient) const {
    using stack = tensor_view<T const, 3, Space>;
    net_.backward(be, parameters, stack(w.input), w.net, depsilon, gradient, w.dcondition, nn::gradients::overwrite, condition_begin());
    for_each_index(be, w.one_hot.shape(), detail::mark_step<T, Space>{which, w.one_hot});
    gemm(be, transposed(stack(w.one_hot)), stack(w.dcondition), w.dtable);
    condition_.backward(be, parameters, stack(w.features), w.condition, stack(w.dtable), gradient, w.dfeatures);
    time_.backward(be, vector_view<T const, Space>(w.times), stack(w.features), w.dfeatures, gradient);
  }

private:
  index_t condition_begin() const { return config_.action_dim + config_.state_dim; }

  template <class Backend, class T, class Space>
  void place_conditions(Backend& be, vector_view<index_t const, Space> const& which, workspace<T, Space> const& w) const {
    index_t const columns = w.input.extent(2), rows = w.input.extent(0) * w.input.extent(1);
    matrix_view<T const, Space> const table(w.condition.output.data(), extents{w.input.extent(0) * config_.steps, config_.condition_width});
    gather(be, table, which, matrix_view<T, Space>(w.input.data(), extents{rows, columns}).columns(condition_begin(), columns));
  }

  residual_denoiser_config config_;
  nn::fourier_features time_;
  nn::mlp<math::mish> condition_;
  nn::residual_mlp<math::mish> net_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
