// From hidden states to the logits of a classifier, of one task or of several.
//
//     pooled = first, last, mean or maximum of a sequence's hidden states
//     logits = norm(f(pooled D' + d)) W' + w          dense layer, activation f and norm where there are any
//
// BERT has tanh and calls it its pooler, DistilBERT relu, RoBERTa tanh, DeBERTa gelu, ModernBERT gelu and a norm; decoders have W alone, on
// the last token. Several tasks share all but their rows of W: their logits stand side by side.
//
// Weights are float: a head is small, and its logits are what thresholds were chosen for.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/pooling.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/transformer_gradient.hpp>
#include <parapet/guard/transformer_norm.hpp>
#include <parapet/guard/transformer_parameters.hpp>
#include <parapet/guard/transformer_weights.hpp>
#include <parapet/io/mapped_model.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/parameters.hpp>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct classifier_task {
  std::string name;
  index_t labels;
};

struct classifier_config {
  index_t hidden;
  pooling pooled = pooling::first;
  bool dense = false, dense_bias = true, norm = false, norm_bias = false, bias = true;
  double epsilon = 1e-5;  ///< of the norm
  std::vector<classifier_task> tasks;

  index_t labels() const {
    index_t n = 0;
    for (classifier_task const& task : tasks) n += task.labels;
    return n;
  }
};

/// The head that a published classifier of an architecture has.
template <class Architecture>
classifier_config published_classifier(transformer_config const& c) {
  constexpr tensor_names const& names = Architecture::names;
  return {.hidden = c.hidden,
          .pooled = c.pooled,
          .dense = c.head_dense && !names.head_dense.empty(),
          .dense_bias = c.head_bias,
          .norm = !names.head_norm.empty(),
          .norm_bias = c.norm_bias,
          .bias = Architecture::classifier_bias,
          .epsilon = c.epsilon,
          .tasks = {{"labels", static_cast<index_t>(c.labels.size())}}};
}

template <class T, class Space>
struct classifier_parameters {
  linear_weights<matrix_view<T, Space>, T, Space> dense, output;  // (hidden, hidden), (labels, hidden)
  norm_weights<T, Space> norm;                                    // (hidden)
};

/// Calls a visitor as for_each_parameter does, with the names that files of the architecture have.
template <class Architecture, class T, class Space, class Visit>
void for_each_classifier_parameter(classifier_config const& c, classifier_parameters<T, Space>& p, Visit& visit) {
  constexpr tensor_names const& names = Architecture::names;
  using part = std::initializer_list<parameter_part<decltype(p.dense)>>;
  if (c.dense) detail::visit_linear(visit, std::string(names.head_dense), c.hidden, c.dense_bias, part{{&p.dense, c.hidden}});
  if (c.norm) detail::visit_norm(visit, std::string(names.head_norm), c.hidden, c.norm_bias, p.norm);
  detail::visit_linear(visit, std::string(names.classifier), c.hidden, c.bias, part{{&p.output, c.labels()}});
}

/// Appends a head's tensors to the layout of a flat buffer. Throws argument_error for a head that the architecture has no names for.
template <class Architecture>
void list_parameters(classifier_config const& config, nn::parameter_list& list) {
  if ((config.dense && Architecture::names.head_dense.empty()) || (config.norm && Architecture::names.head_norm.empty()))
    throw argument_error("classifier_head: the architecture has no names for the dense layer or the norm of this head");
  classifier_parameters<float const, host_space> shape;
  detail::list_builder builder{list, ""};
  for_each_classifier_parameter<Architecture>(config, shape, builder);
}

/// Views into a flat buffer from its element `begin` on, in the order of list_parameters.
template <class Architecture, class T, class Space>
classifier_parameters<T, Space> bind_parameters(classifier_config const& config, vector_view<T, Space> const& flat, index_t begin) {
  classifier_parameters<T, Space> parameters;
  detail::flat_binder<T, Space> binder(flat.rows(begin, flat.extent(0)));
  for_each_classifier_parameter<Architecture>(config, parameters, binder);
  return parameters;
}

template <class T, class Space>
struct classifier_workspace {
  using matrix = matrix_view<T, Space>;
  nn::mode keep = nn::mode::inference;
  matrix pooled, dense, activated, normed;  // (sequences, hidden)
  matrix logits;                            // (sequences, labels)
  layer_norm_policy::kept<T, Space> norm;
  matrix dpooled, dactivated;               // for training

  classifier_workspace rows(index_t n) const {
    auto const part = [n](matrix const& m) { return m.shape()[0] == 0 ? m : m.rows(0, n); };
    auto kept = norm;
    if (kept.normalized.shape()[0] != 0) kept = norm.rows(n);
    return {keep, part(pooled), part(dense), part(activated), part(normed), part(logits), kept, part(dpooled), part(dactivated)};
  }
};

template <class Architecture, class T = float, class Space = host_space>
class classifier_head {
  static_assert(check_architecture<Architecture>());

public:
  using workspace = classifier_workspace<T, Space>;
  using view = matrix_view<T, Space>;
  using const_view = matrix_view<T const, Space>;
  using activation = typename Architecture::head_activation;

  classifier_head() = default;
  /// Parameters that stay where they are; `memory` and `file` are kept alive.
  classifier_head(classifier_config config, classifier_parameters<T const, Space> const& parameters,
                  std::vector<buffer<unsigned char, Space>> memory = {}, std::shared_ptr<io::mapped_model const> file = {})
      : config_(std::move(config)), p_(parameters), memory_(std::move(memory)), file_(std::move(file)) {
    if (config_.tasks.empty() || config_.labels() < 1) throw argument_error("classifier_head: no task");
  }

  classifier_config const& config() const { return config_; }

  workspace make_workspace(arena<Space>& memory, index_t sequences, nn::mode keep = nn::mode::inference) const {
    bool const training = keep == nn::mode::training;
    auto const matrix = [&](index_t columns) { return memory.template take<T>(extents{sequences, columns}); };
    workspace w;
    w.keep = keep;
    w.pooled = matrix(config_.hidden);
    if (config_.dense) w.dense = matrix(config_.hidden);
    w.activated = config_.dense ? (training ? matrix(config_.hidden) : w.dense) : w.pooled;
    w.normed = config_.norm ? matrix(config_.hidden) : w.activated;
    if (config_.norm) w.norm = layer_norm_policy::make_kept<T>(memory, sequences, config_.hidden);
    w.logits = matrix(config_.labels());
    if (training) {
      w.dpooled = matrix(config_.hidden);
      w.dactivated = matrix(config_.hidden);
    }
    return w;
  }

  /// Logits (sequences, labels) of hidden states (tokens, hidden), in the workspace. Throws shape_error, argument_error.
  template <class Backend>
  view forward(Backend& be, std::span<nn::sequence const> sequences, std::type_identity_t<const_view> const& hidden, workspace const& kept) const {
    auto const n = static_cast<index_t>(sequences.size());
    if (n > kept.pooled.extent(0))
      throw argument_error(parapet::detail::concat("classifier_head: ", n, " sequences, the workspace is for ", kept.pooled.extent(0)));
    workspace const w = kept.rows(n);
    pool_forward(be, config_.pooled, sequences, hidden, w.pooled);
    if (config_.dense) {
      detail::apply_linear(be, const_view(w.pooled), p_.dense, w.dense);
      if (w.keep == nn::mode::training) nn::activate<activation>(be, w.dense, w.activated);  // dense becomes the slope
      else nn::activate<activation>(be, w.dense);
    }
    if (config_.norm) layer_norm_policy::forward(be, p_.norm, config_.epsilon, const_view(w.activated), w.norm, w.normed);
    detail::apply_linear(be, const_view(w.normed), p_.output, w.logits);
    return w.logits;
  }

  /// Adds the parameters' gradients, and writes dhidden (tokens, hidden) at the rows of the sequences, from dlogits (sequences, labels) of
  /// the last forward pass in training mode.
  template <class Backend>
  void backward(Backend& be, std::span<nn::sequence const> sequences, std::type_identity_t<const_view> const& hidden, workspace const& kept,
                std::type_identity_t<const_view> const& dlogits, classifier_parameters<T, Space> const& to, view const& dhidden) const {
    if (kept.keep != nn::mode::training) throw argument_error("classifier_head: the forward pass had a workspace for inference");
    workspace const w = kept.rows(static_cast<index_t>(sequences.size()));
    detail::linear_backward(be, const_view(w.normed), p_.output, dlogits, to.output, w.dactivated);
    if (config_.norm) layer_norm_policy::backward(be, p_.norm, const_view(w.activated), w.norm, const_view(w.dactivated), w.dactivated, to.norm);
    if (config_.dense) {
      nn::activate_backward(be, w.dactivated, const_view(w.dense));
      detail::linear_backward(be, const_view(w.pooled), p_.dense, const_view(w.dactivated), to.dense, w.dpooled);
    }
    pool_backward(be, config_.pooled, sequences, hidden, const_view(config_.dense ? w.dpooled : w.dactivated), dhidden);
  }

private:
  classifier_config config_;
  classifier_parameters<T const, Space> p_;
  std::vector<buffer<unsigned char, Space>> memory_;
  std::shared_ptr<io::mapped_model const> file_;
};

/// A transformer with the head that its files have: logits of its labels.
template <class Architecture, class Weight = float, class Space = host_space>
struct classifier {
  static_assert(check_architecture<Architecture>());
  using scalar = typename stored_weights<Weight, Space>::scalar;
  struct workspace {
    typename transformer<Architecture, Weight, Space>::workspace body;
    classifier_workspace<scalar, Space> head;
  };
  transformer<Architecture, Weight, Space> body;
  classifier_head<Architecture, scalar, Space> head;

  std::vector<std::string> const& labels() const { return body.config().labels; }
  workspace make_workspace(arena<Space>& memory, index_t tokens, index_t sequences) const {
    return {body.make_workspace(memory, tokens), head.make_workspace(memory, sequences)};
  }
  /// Logits (sequences, labels), in the workspace.
  template <class Backend>
  matrix_view<scalar, Space> forward(Backend& be, transformer_batch<Space> const& batch, workspace const& w) const {
    return head.forward(be, batch.sequences, body.forward(be, batch, w.body), w.head);
  }
};

/// Loads the sequence classifier of a folder, whose config.json has been read. Throws io_error with file, key and array, argument_error
/// for another architecture.
template <class Architecture, class Weight = float, class Backend>
classifier<Architecture, Weight, typename Backend::space> load_classifier(Backend& be, transformer_config config, std::string const& folder,
                                                                          transformer_options const& options = {}) {
  using space = typename Backend::space;
  using scalar = typename stored_weights<Weight, space>::scalar;
  if (config.head_activation != Architecture::head_activation_name)
    throw argument_error(parapet::detail::concat(config.source, ": the head's activation is ", io::detail::printable(config.head_activation),
                                                 ", this architecture has '", Architecture::head_activation_name, "'"));
  auto const file = std::make_shared<io::mapped_model const>(folder);
  classifier_config const head_config = published_classifier<Architecture>(config);
  using reader_type = detail::weight_reader<Backend>;
  reader_type reader(be, file, Architecture::names.prefix);
  classifier_parameters<scalar const, space> p;
  detail::shape_checker<reader_type> check{reader};
  for_each_classifier_parameter<Architecture>(head_config, p, check);
  auto weights = load_weights<Architecture, Weight>(be, config, file);
  detail::weight_binder<scalar, reader_type> bind{reader};
  for_each_classifier_parameter<Architecture>(head_config, p, bind);
  classifier_head<Architecture, scalar, space> head(head_config, p, reader.take_memory(), reader.reads_in_place() ? file : nullptr);
  return {{be, std::move(config), std::move(weights), options}, std::move(head)};
}

template <class Architecture, class Weight = float, class Backend>
classifier<Architecture, Weight, typename Backend::space> load_classifier(Backend& be, std::string const& folder, transformer_options const& options = {}) {
  return load_classifier<Architecture, Weight>(be, read_transformer_config(folder), folder, options);
}

}  // namespace parapet::inline PARAPET_ABI::guard
