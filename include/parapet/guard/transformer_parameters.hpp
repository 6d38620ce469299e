// The parameters of a transformer: views, and one function that goes through all of them with the names that files use.
//
// A loader, a flat buffer for training and its gradients are three visitors of that function, so they cannot disagree on what
// there is or in which order. Matrices are (out, in), as in files. A fused tensor (ModernBERT's Wqkv) is one tensor with parts:
// rows of it that are used as matrices of their own.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/transformer_norm.hpp>
#include <parapet/nn/initializer.hpp>
#include <parapet/nn/parameters.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// How weights of an element type are stored, and the type of the activations beside them. int8: guard/transformer_weights.hpp
/// quantises when it loads.
template <class Weight, class Space>
struct stored_weights {
  using matrix = matrix_view<Weight const, Space>;
  using scalar = std::conditional_t<std::is_same_v<Weight, double>, double, float>;
};
template <class Space>
struct stored_weights<std::int8_t, Space> {
  using matrix = backend::int8_matrix<Space>;
  using scalar = float;
};

/// y = x weight' + bias.
template <class Matrix, class T, class Space>
struct linear_weights {
  Matrix weight;               // (out, in)
  vector_view<T, Space> bias;  // (out) or empty
};

/// What a block of an architecture has; the rest is empty.
template <class Matrix, class T, class Space>
struct block_weights {
  using linear = linear_weights<Matrix, T, Space>;
  norm_weights<T, Space> attention_norm, mlp_norm;
  norm_weights<T, Space> query_norm, key_norm;  // of one head
  linear query, key, value, attention_out;
  linear gate, up, down;
};

/// All of a transformer without its classifier. Matrix is a view of a weight matrix, T the type of all else: const where it is read.
template <class Matrix, class T, class Space>
struct transformer_parameters {
  Matrix tokens;                                          // (vocabulary, hidden)
  matrix_view<T, Space> positions, types, relative;       // tables with `hidden` columns
  norm_weights<T, Space> embedding_norm, relative_norm, final_norm;
  std::vector<block_weights<Matrix, T, Space>> blocks;
  Matrix vocabulary;                                      // (vocabulary, hidden); where tied: tokens
};

/// Rows of a tensor that are a matrix or a vector of their own.
template <class View>
struct parameter_part {
  View* view;
  index_t rows;
};

namespace detail {

/// Calls visit.matrices(name, columns, {parts}) and visit.vectors(name, {parts}) for the tensors of a linear map, or of fused ones.
template <class Visit, class Linear>
void visit_linear(Visit& visit, std::string const& name, index_t columns, bool bias, std::initializer_list<parameter_part<Linear>> maps) {
  using matrix = parameter_part<decltype(Linear::weight)>;
  using vector = parameter_part<decltype(Linear::bias)>;
  std::vector<matrix> weights;
  std::vector<vector> biases;
  for (auto const& map : maps) {
    weights.push_back({&map.view->weight, map.rows});
    biases.push_back({&map.view->bias, map.rows});
  }
  visit.matrices(name + ".weight", columns, weights);
  if (bias) visit.vectors(name + ".bias", biases, false);
}

template <class Visit, class Norm>
void visit_norm(Visit& visit, std::string const& name, index_t n, bool shift, Norm& norm) {
  using vector = parameter_part<decltype(Norm::scale)>;
  visit.vectors(name + ".weight", std::vector<vector>{{&norm.scale, n}}, true);
  if (shift) visit.vectors(name + ".bias", std::vector<vector>{{&norm.shift, n}}, false);
}

/// "layers.#." with the number of a layer.
inline std::string layer_prefix(std::string_view pattern, index_t layer) {
  auto const at = pattern.find('#');
  return std::string(pattern.substr(0, at)) + std::to_string(layer) + std::string(pattern.substr(at + 1));
}

}  // namespace detail

/// Calls, for each tensor of the architecture in a fixed order and under its name without the prefix,
///     visit.matrices(name, columns, parts)      weight matrices
///     visit.table(name, view, rows, columns)    small tables: positions, token types
///     visit.vectors(name, parts, is_scale)      biases, scales and shifts
template <class Architecture, class Parameters, class Visit>
void for_each_parameter(transformer_config const& c, Parameters& p, Visit& visit) {
  constexpr tensor_names const& names = Architecture::names;
  using matrix = parameter_part<decltype(p.tokens)>;
  using linear = parameter_part<typename std::remove_reference_t<decltype(p.blocks[0])>::linear>;
  auto const suffix = [](std::string_view name) { return parapet::detail::concat(name, ".weight"); };
  bool const shift = Architecture::norm::has_shift && c.norm_bias;

  visit.matrices(suffix(names.tokens), c.hidden, std::vector<matrix>{{&p.tokens, c.vocabulary}});
  if (!names.positions.empty()) visit.table(suffix(names.positions), p.positions, c.max_positions + c.position_offset, c.hidden);
  if (!names.types.empty() && c.token_types > 0) visit.table(suffix(names.types), p.types, c.token_types, c.hidden);
  if (!names.relative.empty()) visit.table(suffix(names.relative), p.relative, 2 * c.position_buckets, c.hidden);
  if (!names.relative_norm.empty()) detail::visit_norm(visit, std::string(names.relative_norm), c.hidden, shift, p.relative_norm);
  if (!names.embedding_norm.empty()) detail::visit_norm(visit, std::string(names.embedding_norm), c.hidden, shift, p.embedding_norm);

  p.blocks.resize(static_cast<std::size_t>(c.layers));
  for (index_t l = 0; l < c.layers; ++l) {
    auto& b = p.blocks[static_cast<std::size_t>(l)];
    auto const in_layer = [&, prefix = detail::layer_prefix(names.layer, l)](std::string_view name) { return prefix + std::string(name); };
    auto const map = [&](std::string_view name, index_t columns, bool bias, std::initializer_list<linear> maps) {
      detail::visit_linear(visit, in_layer(name), columns, bias, maps);
    };
    if (l > 0 || Architecture::first_attention_norm) detail::visit_norm(visit, in_layer(names.attention_norm), c.hidden, shift, b.attention_norm);
    if (!names.fused_query_key_value.empty()) {
      map(names.fused_query_key_value, c.hidden, c.attention_bias, {{&b.query, c.width()}, {&b.key, c.kv_width()}, {&b.value, c.kv_width()}});
    } else {
      map(names.query, c.hidden, c.attention_bias, {{&b.query, c.width()}});
      map(names.key, c.hidden, c.attention_bias, {{&b.key, c.kv_width()}});
      map(names.value, c.hidden, c.attention_bias, {{&b.value, c.kv_width()}});
    }
    if (Architecture::head_norms) {
      detail::visit_norm(visit, in_layer(names.query_norm), c.head_dim, shift, b.query_norm);
      detail::visit_norm(visit, in_layer(names.key_norm), c.head_dim, shift, b.key_norm);
    }
    map(names.attention_out, c.width(), c.attention_bias, {{&b.attention_out, c.hidden}});
    detail::visit_norm(visit, in_layer(names.mlp_norm), c.hidden, shift, b.mlp_norm);
    if (!names.fused_gate_up.empty()) {
      map(names.fused_gate_up, c.hidden, c.mlp_bias, {{&b.gate, c.intermediate}, {&b.up, c.intermediate}});
    } else {
      if (Architecture::gated) map(names.gate, c.hidden, c.mlp_bias, {{&b.gate, c.intermediate}});
      map(names.up, c.hidden, c.mlp_bias, {{&b.up, c.intermediate}});
    }
    map(names.down, c.intermediate, c.mlp_bias, {{&b.down, c.hidden}});
  }
  if (!names.final_norm.empty()) detail::visit_norm(visit, std::string(names.final_norm), c.hidden, shift, p.final_norm);
}

namespace detail {

/// A visitor that puts every tensor behind the one before it, in one flat buffer.
template <class T, class Space>
class flat_binder {
public:
  explicit flat_binder(vector_view<T, Space> const& flat) : flat_(flat) {}
  index_t used() const { return used_; }

  template <class View>
  void matrices(std::string const&, index_t columns, std::vector<parameter_part<View>> const& parts) {
    for (auto const& part : parts) *part.view = View(take(part.rows * columns), extents{part.rows, columns});
  }
  template <class View>
  void table(std::string const&, View& view, index_t rows, index_t columns) {
    view = View(take(rows * columns), extents{rows, columns});
  }
  template <class View>
  void vectors(std::string const&, std::vector<parameter_part<View>> const& parts, bool) {
    for (auto const& part : parts) *part.view = View(take(part.rows), extents{part.rows});
  }

private:
  T* take(index_t size) {
    if (size > flat_.extent(0) - used_)
      throw shape_error(concat("transformer: a flat buffer of ", flat_.extent(0), " parameters is too small"));
    used_ += size;
    return flat_.data() + (used_ - size);
  }
  vector_view<T, Space> flat_;
  index_t used_ = 0;
};

/// A visitor that names every tensor in a parameter_list.
struct list_builder {
  nn::parameter_list& list;
  std::string_view prefix;
  template <class View>
  void matrices(std::string const& name, index_t columns, std::vector<parameter_part<View>> const& parts) {
    index_t rows = 0;
    for (auto const& part : parts) rows += part.rows;
    list.add(std::string(prefix) + name, extents{rows, columns}, nn::initializer::normal(0.02));
  }
  template <class View>
  void table(std::string const& name, View&, index_t rows, index_t columns) {
    list.add(std::string(prefix) + name, extents{rows, columns}, nn::initializer::normal(0.02));
  }
  template <class View>
  void vectors(std::string const& name, std::vector<parameter_part<View>> const& parts, bool is_scale) {
    index_t rows = 0;
    for (auto const& part : parts) rows += part.rows;
    list.add(std::string(prefix) + name, extents{rows}, is_scale ? nn::initializer::ones() : nn::initializer::zeros());
  }
};

}  // namespace detail

/// Appends the transformer's tensors to the layout of a flat buffer, under the names of published files, so that what is saved from it
/// can be loaded elsewhere. Returns the number of its parameters. Initial values are BERT's: normal with deviation 0.02.
template <class Architecture>
index_t list_parameters(transformer_config const& config, nn::parameter_list& list) {
  transformer_parameters<matrix_view<float const>, float const, host_space> shape;
  index_t const before = list.size();
  detail::list_builder builder{list, Architecture::names.prefix};
  for_each_parameter<Architecture>(config, shape, builder);
  return list.size() - before;
}

/// Views into a flat buffer that starts with the transformer's parameters, or with their gradients, in the order of list_parameters.
/// Throws shape_error where the buffer is too small.
template <class Architecture, class T, class Space>
transformer_parameters<matrix_view<T, Space>, T, Space> bind_parameters(transformer_config const& config, vector_view<T, Space> const& flat) {
  transformer_parameters<matrix_view<T, Space>, T, Space> parameters;
  detail::flat_binder<T, Space> binder(flat);
  for_each_parameter<Architecture>(config, parameters, binder);
  parameters.vocabulary = parameters.tokens;
  return parameters;
}

}  // namespace parapet::inline PARAPET_ABI::guard
