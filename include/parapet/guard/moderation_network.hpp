// The network of a trained guard: an encoder and one head that answers all questions about an exchange.
//
//     logits = head(pooled hidden states)      (texts, 18): one for each task, then the 15 kinds of harm
//     P(task) = sigmoid(logit),   P(kind of harm) = softmax(the other logits)
//
// Architecture is an encoder of guard/architectures.hpp. The static preset of the small guard is ModernBERT's block in small: 4 layers of
// width 256, 3.3 million parameters with a vocabulary of 4096. A larger one is another config.json; a published encoder is its own.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/architectures.hpp>
#include <parapet/guard/classifier_head.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/transformer_parameters.hpp>
#include <parapet/guard/transformer_weights.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/json_text.hpp>
#include <parapet/io/mapped_model.hpp>
#include <parapet/nn/parameters.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Columns of a moderation network's logits.
inline constexpr index_t moderation_logits = task_count + category_count;

/// Sizes of the small guard and its relatives.
struct guard_size {
  index_t hidden = 256, layers = 4, heads = 4, intermediate = 384, positions = 512;
};

/// config.json of an encoder of ModernBERT's kind for a vocabulary.
inline std::string guard_config_json(index_t vocabulary, guard_size const& size = {}) {
  return parapet::detail::concat(
      "{\n \"architectures\": [\"ModernBertForSequenceClassification\"],\n \"model_type\": \"modernbert\",\n \"vocab_size\": ", vocabulary,
      ",\n \"hidden_size\": ", size.hidden, ",\n \"num_hidden_layers\": ", size.layers, ",\n \"num_attention_heads\": ", size.heads,
      ",\n \"intermediate_size\": ", size.intermediate, ",\n \"max_position_embeddings\": ", size.positions,
      ",\n \"global_attn_every_n_layers\": 1,\n \"local_attention\": 128,\n \"global_rope_theta\": 10000.0,\n \"local_rope_theta\": 10000.0,\n"
      " \"norm_eps\": 1e-05,\n \"classifier_pooling\": \"mean\",\n \"classifier_activation\": \"gelu\",\n \"hidden_activation\": \"gelu\"\n}\n");
}

/// config.json of a published encoder's first layers, all of them where `layers` is 0, and with the hidden states that the head reads: "cls",
/// "mean", or as it was where `pooled` is empty. The middle layers are often the better base: the last ones are shaped by what the encoder
/// was trained for.
/// Throws io_error for what is no such file, and argument_error where it has fewer layers.
inline std::string encoder_config_json(std::string_view config, std::string const& source, index_t layers, std::string_view pooled = {}) {
  io::json_value const root = io::parse_json(config, source);
  index_t const all = parse_transformer_config(config, source).layers;
  if (layers < 0 || layers > all) throw argument_error(parapet::detail::concat(source, ": the first ", layers, " layers of ", all));
  std::vector<std::pair<std::string, std::string>> members;
  if (layers > 0) {
    members.emplace_back(root.find("n_layers") != nullptr ? "n_layers" : "num_hidden_layers", std::to_string(layers));
    if (io::json_value const* const types = root.find("layer_types"); types != nullptr && types->type() == io::json_value::kind::array) {
      std::string kept = "[";
      for (index_t i = 0; i < layers; ++i) kept += (i > 0 ? ", " : "") + io::json_text(types->items()[static_cast<std::size_t>(i)]);
      members.emplace_back("layer_types", kept + "]");
    }
  }
  if (!pooled.empty()) members.emplace_back("classifier_pooling", io::json_quote(pooled));
  return io::json_with(root, members);
}

/// What a network of an architecture is made of. `list` is the layout of its flat parameters: the encoder's, then the head's.
template <class Architecture>
class moderation_network {
  static_assert(check_architecture<Architecture>());

public:
  using architecture = Architecture;

  explicit moderation_network(transformer_config config) : body_(std::move(config)), head_(published_classifier<Architecture>(body_)) {
    check_architecture<Architecture>(body_);
    head_.tasks.clear();
    for (task const t : all_tasks) head_.tasks.push_back({std::string(name(t)), 1});
    head_.tasks.push_back({"category", category_count});
    body_size_ = list_parameters<Architecture>(body_, list_);
    list_parameters<Architecture>(head_, list_);
  }

  transformer_config const& body() const { return body_; }
  classifier_config const& head() const { return head_; }
  nn::parameter_list const& list() const { return list_; }
  index_t size() const { return list_.size(); }
  /// Parameters before those of the head.
  index_t body_size() const { return body_size_; }

  /// Random values for all of a flat buffer (size()).
  void initialize(vector_view<float> const& flat, std::uint64_t seed) const { list_.initialize(flat, seed, 0); }
  /// Values of a published encoder for its parameters, and of a published head where `model` has ours. Returns whether it has. Throws
  /// io_error for an array that is missing or of another shape.
  bool load(vector_view<float> const& flat, io::mapped_model const& model) const {
    check_shape("moderation_network: flat buffer", flat.shape(), extents{size()});
    bool head = true;
    for (nn::parameter const& p : list_) {
      bool const of_head = p.offset >= body_size_;
      std::string stored = p.name;
      if (!model.contains(stored) && !of_head && stored.starts_with(Architecture::names.prefix)) stored.erase(0, Architecture::names.prefix.size());
      if (of_head && (!model.contains(stored) || model.at(stored).shape != p.shape)) {
        head = false;
        continue;
      }
      const_tensor_ref const& tensor = model.at(stored);
      if (tensor.shape != p.shape)
        throw io_error(parapet::detail::concat(model.file_of(stored), ": array '", stored, "' has shape ", shape_text(tensor.shape), ", expected ",
                                               shape_text(p.shape)));
      if (tensor.type != scalar_type::f32 && tensor.type != scalar_type::bf16 && tensor.type != scalar_type::f16)
        throw io_error(parapet::detail::concat(model.file_of(stored), ": array '", stored, "' is ", name_of(tensor.type), ", expected f32, bf16 or f16"));
      detail::decode(tensor, 0, p.size, flat.data() + p.offset);
    }
    return head;
  }
  /// The tensors of a flat buffer under their published names.
  std::vector<const_tensor_ref> tensors(vector_view<float const> const& flat) const {
    std::vector<const_tensor_ref> out;
    for (nn::parameter const& p : list_)
      out.push_back({p.name, scalar_type::f32, p.shape, reinterpret_cast<unsigned char const*>(flat.data() + p.offset)});
    return out;
  }

private:
  transformer_config body_;
  classifier_config head_;
  nn::parameter_list list_;
  index_t body_size_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::guard
