// The backward pass of a transformer: gradients of all its parameters from the gradient of its hidden states.
//
//     nn::parameter_list list;
//     guard::list_parameters<guard::modernbert>(config, list);
//     buffer<float> parameters(list.size()), gradient(list.size());
//     guard::transformer<guard::modernbert> const model(be, config, parameters.view());
//     guard::transformer_gradient<guard::modernbert> const gradients(config, gradient.view());
//     ... model.forward(be, batch, kept);  fill(be, gradient.view(), 0.0f);
//     gradients.add(be, model, batch, kept, scratch, dhidden);
//
// `kept` is a workspace for training, which holds what the forward pass of this batch has left. Gradients are added, so that heads and
// shards can share one buffer. Nothing is allocated after the workspaces.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/attention.hpp>
#include <parapet/nn/embedding.hpp>
#include <parapet/nn/gated.hpp>
#include <parapet/nn/rms_norm.hpp>
#include <parapet/nn/rotary.hpp>

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::guard {

namespace detail {

/// Adds to dw from x (rows, in) and dy (rows, out); dx (rows, in) is written, or added to with `accumulate`, unless it is empty.
template <class Backend, class T, class Space, class Weights, class Gradients>
void linear_backward(Backend& be, matrix_view<T const, Space> const& x, Weights const& w, matrix_view<T const, Space> const& dy, Gradients const& dw,
                     matrix_view<T, Space> const& dx, bool accumulate = false) {
  using backend::project_backward;  // the generic one, for a backend of another namespace
  project_backward(be, x, w.weight, dy, dw.weight, dx, accumulate);
  if (!dw.bias.empty()) reduce_columns(be, dy, dw.bias, true);
}

}  // namespace detail

/// Gradients of a backward pass, shared by all blocks.
template <class T, class Space>
struct transformer_gradient_workspace {
  using matrix = matrix_view<T, Space>;
  matrix state, branch;                 // (tokens, hidden)
  matrix query, key, value, attended;   // (tokens, width), (tokens, kv_width) twice, (tokens, width)
  matrix gate, product;                 // (tokens, intermediate)
  matrix relative, position_key, position_query;  // (2 buckets, hidden), (2 buckets, width) twice
  vector_view<T, Space> by_query, by_key;         // as nn::disentangled_attention has them

  transformer_gradient_workspace rows(index_t n) const {
    auto const part = [n](matrix const& m) { return m.shape()[0] == 0 ? m : m.rows(0, n); };
    return {part(state), part(branch), part(query), part(key), part(value), part(attended), part(gate), part(product),
            relative,    position_key, position_query, by_query,   by_key};
  }
};

template <class Architecture, class T = float, class Space = host_space>
class transformer_gradient {
public:
  using model_type = transformer<Architecture, T, Space>;
  using kept_type = typename model_type::workspace;
  using workspace = transformer_gradient_workspace<T, Space>;
  using view = matrix_view<T, Space>;
  using const_view = matrix_view<T const, Space>;
  using norm = typename Architecture::norm;
  static constexpr bool is_relative = model_type::is_relative;

  transformer_gradient() = default;
  /// Adds to `flat`, in the layout of list_parameters<Architecture>(config), which must stay where it is.
  transformer_gradient(transformer_config const& config, vector_view<T, Space> const& flat)
      : config_(config), to_(bind_parameters<Architecture>(config, flat)) {}

  /// Memory of a backward pass over up to `tokens` tokens.
  workspace make_workspace(arena<Space>& memory, index_t tokens) const {
    auto const matrix = [&](index_t columns) { return memory.template take<T>(extents{tokens, columns}); };
    workspace w;
    w.state = matrix(config_.hidden);
    w.branch = matrix(config_.hidden);
    w.query = matrix(config_.width());
    w.key = matrix(config_.kv_width());
    w.value = matrix(config_.kv_width());
    w.attended = matrix(config_.width());
    if (Architecture::gated) w.gate = matrix(config_.intermediate);
    w.product = matrix(config_.intermediate);
    if constexpr (is_relative) {
      extents<2> const positions{{2 * config_.position_buckets, config_.width()}};
      nn::relative_buckets const buckets{config_.position_buckets, config_.max_relative_positions};
      index_t const furthest = std::clamp<index_t>(tokens, 1, config_.max_positions) - 1;
      index_t const size = tokens * config_.heads * (buckets.row(furthest) + 1 - buckets.row(-furthest));
      w.relative = memory.template take<T>(extents{positions[0], config_.hidden});
      w.position_key = memory.template take<T>(positions);
      w.position_query = memory.template take<T>(positions);
      w.by_query = memory.template take<T>(extents{size});
      w.by_key = memory.template take<T>(extents{size});
    }
    return w;
  }

  /// Adds the gradient of a loss, given its gradient dhidden (tokens, hidden) by the result of model.forward(be, batch, kept). Throws
  /// argument_error unless `kept` was made for training.
  template <class Backend>
  void add(Backend& be, model_type const& model, transformer_batch<Space> const& batch, kept_type const& kept, workspace const& scratch,
           std::type_identity_t<const_view> const& dhidden) const {
    if (kept.keep != nn::mode::training) throw argument_error("transformer_gradient: the forward pass had a workspace for inference");
    index_t const n = batch.ids.extent(0);
    check_shape("transformer_gradient: gradient of the hidden states", dhidden.shape(), extents{n, config_.hidden});
    workspace const g = scratch.rows(n);
    auto const& p = model.parameters();
    if constexpr (Architecture::names.final_norm.empty()) copy(be, dhidden, g.state);
    else norm::backward(be, p.final_norm, const_view(kept.state.rows(0, n)), kept.final_norm.rows(n), dhidden, g.state, to_.final_norm);
    if constexpr (is_relative) fill(be, g.relative, T(0));
    for (index_t l = config_.layers; l-- > 0;) {
      auto const at = static_cast<std::size_t>(l);
      block(be, model, batch, l, p.blocks[at], to_.blocks[at], kept.block(l).rows(n, config_), kept.input(l).rows(0, n), kept.relative, g);
    }
    if constexpr (is_relative) {
      norm::backward(be, p.relative_norm, const_view(p.relative), kept.relative_norm, const_view(g.relative), g.relative, to_.relative_norm);
      map(be, detail::add_rows{}, to_.relative, const_view(g.relative));
    }
    embedding(be, model, batch, kept, g);
  }

private:
  using block_memory = block_workspace<norm, T, Space>;
  using weights_of_block = block_weights<const_view, T const, Space>;
  using gradients_of_block = block_weights<view, T, Space>;

  template <class Backend>
  void block(Backend& be, model_type const& model, transformer_batch<Space> const& batch, index_t l, weights_of_block const& p, gradients_of_block const& d,
             block_memory const& b, view const& input, view const& relative, workspace const& g) const {
    auto const add_branch = [&] { map(be, detail::add_rows{}, g.state, const_view(g.branch)); };
    if constexpr (Architecture::norms == norm_order::before) {
      bool const has_norm = l > 0 || Architecture::first_attention_norm;
      feed_forward(be, p, d, b, b.mlp_normed, g);
      norm::backward(be, p.mlp_norm, const_view(b.middle), b.mlp_norm, const_view(g.branch), g.branch, d.mlp_norm);
      add_branch();
      attention(be, model, batch, l, p, d, b, has_norm ? b.normed : input, relative, g);
      if (has_norm) norm::backward(be, p.attention_norm, const_view(input), b.attention_norm, const_view(g.branch), g.branch, d.attention_norm);
      add_branch();
    } else {
      norm::backward(be, p.mlp_norm, const_view(b.middle), b.mlp_norm, const_view(g.state), g.state, d.mlp_norm);
      feed_forward(be, p, d, b, b.middle, g);
      add_branch();
      norm::backward(be, p.attention_norm, const_view(input), b.attention_norm, const_view(g.state), g.state, d.attention_norm);
      attention(be, model, batch, l, p, d, b, input, relative, g);
      add_branch();
    }
  }

  /// g.branch = gradient of x, from g.state.
  template <class Backend>
  void feed_forward(Backend& be, weights_of_block const& p, gradients_of_block const& d, block_memory const& b, view const& x, workspace const& g) const {
    detail::linear_backward(be, const_view(b.product), p.down, const_view(g.state), d.down, g.product);
    if constexpr (Architecture::gated) {
      nn::gated_backward<typename Architecture::activation>(be, b.gate, b.up, g.product, g.gate, g.product);
      detail::linear_backward(be, const_view(x), p.gate, const_view(g.gate), d.gate, g.branch);
      detail::linear_backward(be, const_view(x), p.up, const_view(g.product), d.up, g.branch, true);
    } else {
      nn::activate_backward(be, g.product, const_view(b.up));
      detail::linear_backward(be, const_view(x), p.up, const_view(g.product), d.up, g.branch);
    }
  }

  /// The same of attention.
  template <class Backend>
  void attention(Backend& be, model_type const& model, transformer_batch<Space> const& batch, index_t l, weights_of_block const& p, gradients_of_block const& d,
                 block_memory const& b, view const& x, view const& relative, workspace const& g) const {
    detail::linear_backward(be, const_view(b.attended), p.attention_out, const_view(g.state), d.attention_out, g.attended);
    if constexpr (is_relative) {
      auto const [keys, queries] = model.positions(l, b);
      model.relative_attention().backward(be, batch.sequences, b.query, b.key, b.value, keys, queries, {b.by_query, b.by_key}, {g.by_query, g.by_key}, b.attended,
                                          b.log_sum, g.attended, g.query, g.key, g.value, g.position_key, g.position_query);
      detail::linear_backward(be, const_view(relative), p.key, const_view(g.position_key), d.key, g.relative, true);
      detail::linear_backward(be, const_view(relative), p.query, const_view(g.position_query), d.query, g.relative, true);
    } else {
      static_cast<void>(relative);
      nn::attention_backward(be, model.attention(), model.reach(l), batch.sequences, b.query, b.key, b.value, b.attended, b.log_sum, g.attended, g.query, g.key,
                             g.value);
    }
    if constexpr (Architecture::positions == position_kind::rotary) {
      auto const table = model.angles(l);
      nn::rotary_backward(be, nn::rotary_layout::half_split, table, batch.positions, g.query, config_.heads);
      nn::rotary_backward(be, nn::rotary_layout::half_split, table, batch.positions, g.key, config_.kv_heads);
    }
    if constexpr (Architecture::head_norms) {
      head_norm(be, b.plain_query, config_.heads, p.query_norm, b.query_inverse, g.query, d.query_norm);
      head_norm(be, b.plain_key, config_.kv_heads, p.key_norm, b.key_inverse, g.key, d.key_norm);
    }
    detail::linear_backward(be, const_view(x), p.query, const_view(g.query), d.query, g.branch);
    detail::linear_backward(be, const_view(x), p.key, const_view(g.key), d.key, g.branch, true);
    detail::linear_backward(be, const_view(x), p.value, const_view(g.value), d.value, g.branch, true);
  }

  template <class Backend>
  void head_norm(Backend& be, view const& x, index_t heads, norm_weights<T const, Space> const& w, vector_view<T, Space> const& inverse, view const& dy,
                 norm_weights<T, Space> const& dw) const {
    auto const dheads = nn::detail::as_heads(dy, heads);
    nn::rms_norm_backward(be, nn::detail::as_heads(x, heads), w.scale, view(inverse.data(), extents{x.extent(0), heads}), dheads, dheads, dw.scale);
  }

  template <class Backend>
  void embedding(Backend& be, model_type const& model, transformer_batch<Space> const& batch, kept_type const& kept, workspace const& g) const {
    if constexpr (!Architecture::names.embedding_norm.empty()) {
      index_t const n = batch.ids.extent(0);
      norm::backward(be, model.parameters().embedding_norm, const_view(kept.embedded.rows(0, n)), kept.embedding_norm.rows(n), const_view(g.state), g.state,
                     to_.embedding_norm);
    }
    nn::embedding_backward(be, batch.ids, g.state, to_.tokens);
    if constexpr (Architecture::positions == position_kind::learned)
      nn::embedding_backward(be, batch.positions, g.state, to_.positions.rows(config_.position_offset, to_.positions.extent(0)));
    if (to_.types.empty()) return;
    if (!batch.types.empty()) nn::embedding_backward(be, batch.types, g.state, to_.types);
    else reduce_columns(be, const_view(g.state), to_.types(0), true);
  }

  transformer_config config_;
  transformer_parameters<view, T, Space> to_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
