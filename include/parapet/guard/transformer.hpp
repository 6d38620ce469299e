// A transformer: hidden states and logits of packed sequences, for any architecture of guard/architectures.hpp.
//
//     auto const model = guard::load_transformer<guard::mistral, bfloat16>(be, "WildGuard");
//     arena<> memory;
//     auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, 512); });
//     auto const hidden = model.forward(be, batch.view(), workspace);                                  // (tokens, hidden)
//     model.logits(be, hidden, out);                                                                   // (tokens, vocabulary)
//
// A block with its norms before or after its two branches:
//     before  x += attention(norm x),     x += mlp(norm x)
//     after   x = norm(x + attention(x)), x = norm(x + mlp(x))
//
// Activations are float beside weights of any type. A token's result has the same bits whatever else is in the batch, in one pass or in
// several over a cache, and for any number of threads. Nothing is allocated after the workspace. Vaswani et al. (2017); the sources of
// the variants are named in guard/architectures.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/kv_cache.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/transformer_parameters.hpp>
#include <parapet/guard/transformer_weights.hpp>
#include <parapet/guard/transformer_workspace.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/attention.hpp>
#include <parapet/nn/disentangled_attention.hpp>
#include <parapet/nn/embedding.hpp>
#include <parapet/nn/gated.hpp>
#include <parapet/nn/rms_norm.hpp>
#include <parapet/nn/rotary.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::guard {

struct transformer_options {
  index_t positions = 32768;  ///< of rotary tables at most: the config may promise more than anyone uses
};

namespace detail {

struct add_rows {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = y + x; }
};
struct sum_rows {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& a, X const& b) const { y = a + b; }
};

/// y = x w' + bias in the arithmetic of the stored type; in double a product of the backend.
template <class Backend, class T, class Matrix, class Vector, class Space>
void apply_linear(Backend& be, matrix_view<T const, Space> const& x, linear_weights<Matrix, Vector, Space> const& w, matrix_view<T, Space> const& y) {
  if constexpr (std::is_same_v<T, double>) {
    gemm(be, x, transposed(w.weight), y, false, w.bias);
  } else {
    using backend::project;  // the generic one, for a backend of another namespace
    project(be, x, w.weight, y, w.bias);
  }
}

/// No cache: keys are those of the batch.
struct no_cache {};

}  // namespace detail

/// Weight is float, bfloat16, std::int8_t (guard/transformer_weights.hpp), or double for gradient checks.
template <class Architecture, class Weight = float, class Space = host_space>
class transformer {
  static_assert(check_architecture<Architecture>());

public:
  using architecture = Architecture;
  using space = Space;
  using matrix = typename stored_weights<Weight, Space>::matrix;
  using scalar = typename stored_weights<Weight, Space>::scalar;
  using norm = typename Architecture::norm;
  using parameters_type = transformer_parameters<matrix, scalar const, Space>;
  using workspace = transformer_workspace<norm, scalar, Space>;
  using view = matrix_view<scalar, Space>;
  using const_view = matrix_view<scalar const, Space>;
  static constexpr bool is_relative = Architecture::positions == position_kind::relative;
  static_assert(Architecture::norms == norm_order::before || !norm::reads_input, "transformer: a norm behind a branch must not read its input again");

  transformer() = default;
  template <class Backend>
  transformer(Backend& be, transformer_config config, loaded_weights<Weight, Space> weights, transformer_options const& options = {})
      : config_(std::move(config)), weights_(std::move(weights)) {
    prepare(be, options);
    if constexpr (is_relative) fix_positions(be);
  }
  /// Reads its parameters from a flat buffer of list_parameters<Architecture>(config), or one that starts with them, which must
  /// stay where it is; what is in it may change.
  template <class Backend>
  transformer(Backend& be, transformer_config config, vector_view<scalar const, Space> const& flat, transformer_options const& options = {})
    requires std::is_floating_point_v<Weight>
      : config_(std::move(config)) {
    weights_.parameters = bind_parameters<Architecture>(config_, flat);
    prepare(be, options);
  }

  transformer_config const& config() const { return config_; }
  parameters_type const& parameters() const { return weights_.parameters; }
  index_t hidden() const { return config_.hidden; }

  /// Memory of passes over up to `tokens` tokens.
  workspace make_workspace(arena<Space>& memory, index_t tokens, nn::mode keep = nn::mode::inference) const {
    index_t relative = 0;
    if constexpr (is_relative) relative = relative_.workspace_size(tokens, std::clamp<index_t>(tokens, 1, config_.max_positions));
    return make_transformer_workspace<Architecture, scalar>(memory, config_, tokens, keep, relative, is_relative && fixed_positions_.size() == 0);
  }

  /// Hidden states (tokens, hidden) behind the last norm, in the workspace. Throws argument_error for more tokens than the workspace
  /// was made for, an id or position that there is not, and sequences that cannot be.
  template <class Backend>
  view forward(Backend& be, transformer_batch<Space> const& batch, workspace const& w) const {
    return run(be, batch, w, detail::no_cache{});
  }
  /// The same after writing the batch's keys and values to a cache: those of a sequence to the last of its key rows.
  template <class Backend, class Key>
    requires Architecture::causal
  view forward(Backend& be, transformer_batch<Space> const& batch, workspace const& w, kv_cache<Key, Space>& cache) const {
    if (w.keep == nn::mode::training) throw argument_error("transformer: a workspace for training, but training has no cache");
    for (nn::sequence const& s : batch.sequences) {
      bool const queries = s.queries_begin >= 0 && s.queries_begin <= s.queries_end && s.queries_end <= batch.ids.extent(0);
      if (!queries || s.keys_begin < 0 || s.keys_end > cache.rows() || s.keys_end - s.keys_begin < s.queries())
        throw argument_error(parapet::detail::concat("transformer: tokens [", s.queries_begin, ", ", s.queries_end, ") of ", batch.ids.extent(0),
                                                     " with keys in rows [", s.keys_begin, ", ", s.keys_end, ") of a cache of ", cache.rows()));
    }
    return run(be, batch, w, cache);
  }

  /// out (rows, vocabulary) of hidden states (rows, hidden). Throws argument_error for a model without a language head.
  template <class Backend>
  void logits(Backend& be, std::type_identity_t<const_view> const& hidden, view const& out) const {
    check_head();
    detail::apply_linear(be, hidden, linear_weights<matrix, scalar const, Space>{weights_.parameters.vocabulary, {}}, out);
  }
  /// The language head's rows of a few tokens, rows (ids, hidden), for logits of these alone.
  template <class Backend>
  void head_rows(Backend& be, vector_view<std::int32_t const, Space> const& ids, view const& rows) const {
    check_head();
    nn::embedding_forward(be, weights_.parameters.vocabulary, ids, rows);
  }
  /// out (rows, ids) of hidden states (rows, hidden) and head_rows (ids, hidden), in float whatever the weights are.
  template <class Backend>
  static void logits(Backend& be, std::type_identity_t<const_view> const& hidden, std::type_identity_t<const_view> const& head_rows, view const& out) {
    detail::apply_linear(be, hidden, linear_weights<const_view, scalar const, Space>{head_rows, {}}, out);
  }

  nn::attention_heads attention() const { return {config_.heads, config_.kv_heads, config_.head_dim}; }
  nn::attention_reach reach(index_t layer) const {
    if (!config_.is_local(layer)) return Architecture::causal ? nn::attention_reach::causal() : nn::attention_reach::full();
    return Architecture::causal ? nn::attention_reach::sliding(config_.window) : nn::attention_reach::local(config_.window);
  }
  nn::rotary_angles<scalar, Space> angles(index_t layer) const {
    return config_.is_local(layer) && local_rotary_.positions() > 0 ? local_rotary_.angles() : rotary_.angles();
  }

  nn::disentangled_attention<scalar, Space> const& relative_attention() const { return relative_; }
  /// Keys and queries (2 buckets, width) of the relative positions in a block, after a forward pass in this workspace.
  std::pair<const_view, const_view> positions(index_t layer, block_workspace<norm, scalar, Space> const& b) const {
    if (fixed_positions_.size() == 0) return {b.position_key, b.position_query};
    auto const rows = fixed(layer);
    return {rows.first, rows.second};
  }

private:
  template <class Backend>
  void prepare(Backend& be, transformer_options const& options) {
    check_architecture<Architecture>(config_);
    if constexpr (Architecture::positions == position_kind::rotary) {
      index_t const positions = std::min(config_.max_positions, options.positions);
      rotary_ = nn::rotary_table<scalar, Space>(be, config_.rotary, positions);
      bool const own = config_.local_rotary.theta != config_.rotary.theta || config_.local_rotary.scaling.factor != config_.rotary.scaling.factor;
      if (config_.window > 0 && own) local_rotary_ = nn::rotary_table<scalar, Space>(be, config_.local_rotary, positions);
    }
    if constexpr (is_relative)
      relative_ = nn::disentangled_attention<scalar, Space>(be, attention(), {config_.position_buckets, config_.max_relative_positions},
                                                            std::min(config_.max_positions, options.positions));
  }

  /// Relative positions go through the projections of every block: once, where the weights do not change.
  template <class Backend>
  void fix_positions(Backend& be) {
    index_t const rows = 2 * config_.position_buckets;
    buffer<scalar, Space> fixed_rows(2 * config_.layers * rows * config_.width());
    arena<Space> memory;
    auto const [normed, kept] = plan(memory, [&](auto& a) {
      return std::pair{a.template take<scalar>(extents{rows, config_.hidden}), norm::template make_kept<scalar>(a, rows, config_.hidden)};
    });
    normalize_positions(be, kept, normed);
    std::swap(fixed_positions_, fixed_rows);
    for (index_t l = 0; l < config_.layers; ++l) project_positions(be, l, normed, fixed(l).first, fixed(l).second);
    synchronize(be);
  }
  std::pair<view, view> fixed(index_t layer) const {
    extents<2> const shape{{2 * config_.position_buckets, config_.width()}};
    auto* const begin = const_cast<scalar*>(fixed_positions_.data()) + 2 * layer * shape.size();
    return {{begin, shape}, {begin + shape.size(), shape}};
  }
  template <class Backend>
  void normalize_positions(Backend& be, typename norm::template kept<scalar, Space> const& kept, view const& out) const {
    norm::forward(be, weights_.parameters.relative_norm, config_.epsilon, weights_.parameters.relative, kept, out);
  }
  template <class Backend>
  void project_positions(Backend& be, index_t layer, view const& normed, view const& keys, view const& queries) const {
    auto const& p = weights_.parameters.blocks[static_cast<std::size_t>(layer)];
    detail::apply_linear(be, const_view(normed), p.key, keys);
    detail::apply_linear(be, const_view(normed), p.query, queries);
  }

  void check_head() const {
    if (weights_.parameters.vocabulary.empty()) throw argument_error(parapet::detail::concat(config_.source, ": the model has no language head"));
  }

  void check(transformer_batch<Space> const& batch, workspace const& w) const {
    index_t const n = batch.ids.extent(0);
    if (n > w.tokens) throw argument_error(parapet::detail::concat("transformer: ", n, " tokens, the workspace is for ", w.tokens));
    check_shape("transformer: positions", batch.positions.shape(), batch.ids.shape());
    if (!batch.types.empty()) check_shape("transformer: types", batch.types.shape(), batch.ids.shape());
  }

  template <class Backend, class Cache>
  view run(Backend& be, transformer_batch<Space> const& batch, workspace const& w, Cache&& cache) const {
    check(batch, w);
    index_t const n = batch.ids.extent(0);
    auto const part = [n](view const& m) { return m.rows(0, n); };
    auto const& p = weights_.parameters;
    embed(be, batch, w);
    if constexpr (is_relative)
      if (fixed_positions_.size() == 0) normalize_positions(be, w.relative_norm, w.relative);
    for (index_t l = 0; l < config_.layers; ++l)
      block(be, batch, l, p.blocks[static_cast<std::size_t>(l)], w.block(l).rows(n, config_),
            part(w.input(l)), part(w.branch), part(w.input(l + 1)), cache, w.relative);
    if (Architecture::names.final_norm.empty()) return part(w.state);
    norm::forward(be, p.final_norm, config_.epsilon, const_view(part(w.state)), w.final_norm.rows(n), part(w.output));
    return part(w.output);
  }

  template <class Backend>
  void embed(Backend& be, transformer_batch<Space> const& batch, workspace const& w) const {
    auto const& p = weights_.parameters;
    index_t const n = batch.ids.extent(0);
    view const input = w.input(0).rows(0, n), x = Architecture::names.embedding_norm.empty() ? input : w.embedded.rows(0, n);
    nn::embedding_forward(be, p.tokens, batch.ids, x);
    if constexpr (Architecture::positions == position_kind::learned)
      nn::embedding_forward(be, p.positions.rows(config_.position_offset, p.positions.extent(0)), batch.positions, x, true);
    if (!Architecture::names.types.empty() && config_.token_types > 0) {
      if (!batch.types.empty()) nn::embedding_forward(be, p.types, batch.types, x, true);
      else map(be, detail::add_rows{}, x, const_view(p.types.data(), x.shape(), extents{index_t{0}, index_t{1}}));
    }
    if constexpr (!Architecture::names.embedding_norm.empty())
      norm::forward(be, p.embedding_norm, config_.epsilon, const_view(x), w.embedding_norm.rows(n), input);
  }

  using block_memory = block_workspace<norm, scalar, Space>;
  using weights_of_block = block_weights<matrix, scalar const, Space>;

  template <class Backend, class Cache>
  void block(Backend& be, transformer_batch<Space> const& batch, index_t l, weights_of_block const& p, block_memory const& b, view const& input, view const& branch,
             view const& next, Cache&& cache, view const& relative) const {
    if constexpr (is_relative)
      if (fixed_positions_.size() == 0) project_positions(be, l, relative, b.position_key, b.position_query);
    if constexpr (Architecture::norms == norm_order::before) {
      bool const has_norm = l > 0 || Architecture::first_attention_norm;
      if (has_norm) norm::forward(be, p.attention_norm, config_.epsilon, const_view(input), b.attention_norm, b.normed);
      attend(be, batch, l, p, b, has_norm ? b.normed : input, branch, cache);
      map(be, detail::sum_rows{}, b.middle, const_view(input), const_view(branch));
      norm::forward(be, p.mlp_norm, config_.epsilon, const_view(b.middle), b.mlp_norm, b.mlp_normed);
      feed_forward(be, p, b, b.mlp_normed, branch);
      map(be, detail::sum_rows{}, next, const_view(b.middle), const_view(branch));
    } else {
      attend(be, batch, l, p, b, input, branch, cache);
      map(be, detail::add_rows{}, branch, const_view(input));
      norm::forward(be, p.attention_norm, config_.epsilon, const_view(branch), b.attention_norm, b.middle);
      feed_forward(be, p, b, b.middle, branch);
      map(be, detail::add_rows{}, branch, const_view(b.middle));
      norm::forward(be, p.mlp_norm, config_.epsilon, const_view(branch), b.mlp_norm, next);
    }
  }

  /// out = attention of x, with its projections.
  template <class Backend, class Cache>
  void attend(Backend& be, transformer_batch<Space> const& batch, index_t l, weights_of_block const& p, block_memory const& b, view const& x, view const& out,
              Cache&& cache) const {
    detail::apply_linear(be, const_view(x), p.query, b.plain_query);
    detail::apply_linear(be, const_view(x), p.key, b.plain_key);
    detail::apply_linear(be, const_view(x), p.value, b.value);
    if constexpr (Architecture::head_norms) {
      normalize_heads(be, b.plain_query, config_.heads, p.query_norm, b.query_inverse, b.query);
      normalize_heads(be, b.plain_key, config_.kv_heads, p.key_norm, b.key_inverse, b.key);
    }
    if constexpr (Architecture::positions == position_kind::rotary) {
      auto const table = angles(l);
      nn::rotary_forward(be, nn::rotary_layout::half_split, table, batch.positions, b.query, config_.heads);
      nn::rotary_forward(be, nn::rotary_layout::half_split, table, batch.positions, b.key, config_.kv_heads);
    }
    if constexpr (is_relative) {
      auto const [position_keys, position_queries] = positions(l, b);
      relative_.forward(be, batch.sequences, b.query, b.key, b.value, position_keys, position_queries, {b.by_query, b.by_key}, b.attended, b.log_sum);
    } else if constexpr (std::is_same_v<std::remove_cvref_t<Cache>, detail::no_cache>) {
      nn::attention_forward(be, attention(), reach(l), batch.sequences, b.query, b.key, b.value, b.attended, b.log_sum);
    } else {
      auto const keys = cache.keys(l), values = cache.values(l);
      for (nn::sequence const& s : batch.sequences) {
        index_t const begin = s.keys_end - s.queries();
        detail::store_rows(be, const_view(b.key.rows(s.queries_begin, s.queries_end)), keys.rows(begin, s.keys_end));
        detail::store_rows(be, const_view(b.value.rows(s.queries_begin, s.queries_end)), values.rows(begin, s.keys_end));
      }
      nn::attention_forward(be, attention(), reach(l), batch.sequences, b.query, keys, values, b.attended, b.log_sum);
    }
    detail::apply_linear(be, const_view(b.attended), p.attention_out, out);
  }

  template <class Backend>
  void normalize_heads(Backend& be, view const& from, index_t heads, norm_weights<scalar const, Space> const& w, vector_view<scalar, Space> const& inverse,
                       view const& to) const {
    nn::rms_norm_forward(be, nn::detail::as_heads(from, heads), w.scale, config_.epsilon, nn::detail::as_heads(to, heads),
                         view(inverse.data(), extents{from.extent(0), heads}));
  }

  template <class Backend>
  void feed_forward(Backend& be, weights_of_block const& p, block_memory const& b, view const& x, view const& out) const {
    using activation = typename Architecture::activation;
    detail::apply_linear(be, const_view(x), p.up, b.up);
    if constexpr (Architecture::gated) {
      detail::apply_linear(be, const_view(x), p.gate, b.gate);
      nn::gated_forward<activation>(be, b.gate, b.up, b.product);
    } else if (b.product.data() == b.up.data()) {
      nn::activate<activation>(be, b.up);
    } else {
      nn::activate<activation>(be, b.up, b.product);  // up becomes the slope
    }
    detail::apply_linear(be, const_view(b.product), p.down, out);
  }

  transformer_config config_;
  loaded_weights<Weight, Space> weights_;
  nn::rotary_table<scalar, Space> rotary_, local_rotary_;
  nn::disentangled_attention<scalar, Space> relative_;
  buffer<scalar, Space> fixed_positions_;  // (layers, 2, 2 buckets, width)
};

/// Loads a published folder: config.json and model.safetensors, or its shards. Throws io_error with file, key and array, and
/// argument_error for a model of another architecture.
template <class Architecture, class Weight = float, class Backend>
transformer<Architecture, Weight, typename Backend::space> load_transformer(Backend& be, std::string const& folder, transformer_options const& options = {}) {
  transformer_config config = read_transformer_config(folder);
  auto weights = load_weights<Architecture, Weight>(be, config, std::make_shared<io::mapped_model const>(folder));
  return {be, std::move(config), std::move(weights), options};
}

}  // namespace parapet::inline PARAPET_ABI::guard
