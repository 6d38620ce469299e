// The config.json of a published transformer as a plain struct.
//
//     guard::transformer_config const config = guard::read_transformer_config("WildGuard/config.json");
//
// Every model family has names of its own for the same sizes, and defaults for what a file leaves out; here they are one struct.
// Old files (rope_theta, rope_scaling) and those of transformers 5 (rope_parameters) are read. What this library does not compute
// (another rule of rotary scaling, convolutions in DeBERTa v2, decoders of the BERT family) is refused rather than passed over:
// a model that runs on half its settings gives answers that look right. Errors are io_error with file, byte and key.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/text.hpp>
#include <parapet/nn/rotary.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Which rows of a sequence a classifier looks at.
enum class pooling { first, last, mean, max };

struct transformer_config {
  std::string model_type;  ///< as the file names the family: "mistral", "llama", "qwen3", "bert", ...
  std::string source;      ///< the file, for messages
  index_t vocabulary = 0;  ///< a loader takes the rows of the table instead: fine-tuning adds tokens
  index_t hidden = 0, intermediate = 0, layers = 0;
  index_t heads = 0, kv_heads = 0, head_dim = 0;
  index_t max_positions = 0;     ///< positions 0, 1, ..., max_positions - 1
  index_t position_offset = 0;   ///< row of the table of learned positions that position 0 has
  index_t token_types = 0;       ///< rows of the table of token types; 0: none
  double epsilon = 1e-5;         ///< of all norms
  std::string activation;        ///< "silu", "gelu", ...
  bool attention_bias = false, mlp_bias = false, norm_bias = false;
  bool tied = false;             ///< whether the language head is the table of tokens

  nn::rotary_config rotary{0}, local_rotary{0};  ///< of layers that see everything, and of the local ones
  index_t window = 0;                            ///< of local layers: tokens seen, as causal or symmetric reach; 0: no local layers
  std::vector<char> local;                       ///< per layer: whether it sees the window only

  index_t position_buckets = 0;        ///< of relative positions, to each side (DeBERTa)
  index_t max_relative_positions = 0;  ///< distance at which the logarithmic buckets end

  std::vector<std::string> labels;  ///< of a classifier
  pooling pooled = pooling::first;
  bool head_dense = true;  ///< whether a classifier has the dense layer of its architecture; one of BERT's kind that pools by mean has none
  std::string head_activation;
  bool head_bias = true;

  index_t width() const { return heads * head_dim; }        ///< of the queries of all heads
  index_t kv_width() const { return kv_heads * head_dim; }  ///< of the keys of all heads
  bool is_local(index_t layer) const { return !local.empty() && local[static_cast<std::size_t>(layer)] != 0; }
};

namespace detail {

using parapet::detail::concat;

/// A key's value with the range that it may have. A null counts as absent, as it does in Python.
class settings {
public:
  explicit settings(io::json_value const& object) : object_(object) { object.keys(); }

  io::json_value const* find(std::string_view key) const {
    io::json_value const* const value = object_.find(key);
    return value != nullptr && value->type() != io::json_value::kind::null ? value : nullptr;
  }
  io::json_value const& at(std::string_view key) const {
    if (io::json_value const* value = find(key)) return *value;
    object_.fail(concat("the object has no key '", key, "', or it is null"));
  }
  template <class... Parts>
  [[noreturn]] void fail(std::string_view key, Parts const&... what) const {
    io::json_value const* const value = object_.find(key);
    (value != nullptr ? *value : object_).fail(concat("'", key, "': ", what...));
  }

  index_t count(std::string_view key, index_t lowest = 1) const {
    index_t const value = at(key).integer();
    if (value < lowest || value > most) fail(key, value, ", expected ", lowest, " to ", most);
    return value;
  }
  index_t count_or(std::string_view key, index_t otherwise, index_t lowest = 1) const {
    return find(key) != nullptr ? count(key, lowest) : otherwise;
  }
  double positive(std::string_view key) const {
    double const value = at(key).number();
    if (!(value > 0 && value < 1e30)) fail(key, value, ", expected a positive number");
    return value;
  }
  double positive_or(std::string_view key, double otherwise) const { return find(key) != nullptr ? positive(key) : otherwise; }
  bool flag_or(std::string_view key, bool otherwise) const { return find(key) != nullptr ? at(key).boolean() : otherwise; }
  std::string text_or(std::string_view key, std::string_view otherwise) const {
    return find(key) != nullptr ? at(key).string() : std::string(otherwise);
  }
  /// For what is not computed here: the key is absent, or has the one value that changes nothing.
  void refuse_unless(std::string_view key, bool harmless) const {
    if (find(key) != nullptr && !harmless) fail(key, "this library does not compute that");
  }

private:
  static constexpr index_t most = index_t{1} << 28;  // products of two sizes fit
  io::json_value const& object_;
};

inline nn::rotary_scaling parse_rotary_scaling(settings const& s, index_t max_positions) {
  nn::rotary_scaling scaling;
  std::string const rule = s.text_or("rope_type", s.text_or("type", "default"));
  s.refuse_unless("partial_rotary_factor", s.positive_or("partial_rotary_factor", 1) == 1);
  if (rule == "default") return scaling;
  scaling.factor = s.positive("factor");
  if (rule == "linear") {
    scaling.kind = nn::rotary_scaling::rule::linear;
  } else if (rule == "llama3") {
    scaling.kind = nn::rotary_scaling::rule::llama3;
    scaling.low_frequency_factor = s.positive("low_freq_factor");
    scaling.high_frequency_factor = s.positive("high_freq_factor");
    scaling.original_positions = s.count_or("original_max_position_embeddings", max_positions);
    if (scaling.high_frequency_factor <= scaling.low_frequency_factor)
      s.fail("high_freq_factor", scaling.high_frequency_factor, ", expected more than low_freq_factor ", scaling.low_frequency_factor);
  } else {
    s.fail(s.find("rope_type") != nullptr ? "rope_type" : "type", "rule ", io::detail::printable(rule),
           " is not known here, expected 'default', 'linear' or 'llama3'");
  }
  return scaling;
}

/// Rotary positions of one kind of layer; `theta` where the file has none.
inline nn::rotary_config parse_rotary(settings const& s, std::string_view kind, std::string_view theta_key, double theta, transformer_config const& c) {
  if (c.head_dim % 2 != 0)
    s.fail(s.find("head_dim") != nullptr ? "head_dim" : "hidden_size", "a head of ", c.head_dim, " elements cannot be turned in pairs");
  nn::rotary_config rotary{c.head_dim, theta};
  if (io::json_value const* parameters = s.find("rope_parameters")) {
    io::json_value const* const own = settings(*parameters).find(kind);
    settings const p(own != nullptr ? *own : *parameters);
    rotary.theta = p.positive_or("rope_theta", theta);
    rotary.scaling = parse_rotary_scaling(p, c.max_positions);
  } else {
    rotary.theta = s.positive_or(theta_key, theta);
    if (io::json_value const* scaling = s.find("rope_scaling")) rotary.scaling = parse_rotary_scaling(settings(*scaling), c.max_positions);
  }
  return rotary;
}

/// `layer_types` where the file has it, else `is_local(layer)`.
template <class Rule>
void parse_layer_types(settings const& s, transformer_config& c, Rule is_local) {
  c.local.assign(static_cast<std::size_t>(c.layers), 0);
  io::json_value const* const types = s.find("layer_types");
  if (types != nullptr && static_cast<index_t>(types->items().size()) != c.layers)
    s.fail("layer_types", types->items().size(), " layers, but there are ", c.layers);
  for (index_t layer = 0; layer < c.layers; ++layer) {
    auto const at = static_cast<std::size_t>(layer);
    if (types == nullptr) {
      c.local[at] = is_local(layer);
      continue;
    }
    std::string const& type = types->items()[at].string();
    if (type != "full_attention" && type != "sliding_attention")
      types->items()[at].fail(concat("layer type ", io::detail::printable(type), " is not known here"));
    c.local[at] = type == "sliding_attention";
  }
}

/// Heads that share the hidden size evenly unless the file says how large one is.
inline void parse_heads(settings const& s, std::string_view hidden_key, std::string_view heads_key, index_t head_dim, transformer_config& c) {
  c.heads = s.count(heads_key);
  c.kv_heads = s.count_or("num_key_value_heads", c.heads);
  if (c.heads % c.kv_heads != 0) s.fail("num_key_value_heads", c.kv_heads, " do not divide the ", c.heads, " heads of '", heads_key, "'");
  if (head_dim == 0 && c.hidden % c.heads != 0) s.fail(hidden_key, c.hidden, " is no multiple of the ", c.heads, " heads of '", heads_key, "'");
  c.head_dim = head_dim != 0 ? head_dim : c.hidden / c.heads;
}

/// What a classifier reads: `classifier_pooling` as ModernBERT has it.
inline pooling parse_pooling(settings const& s) {
  std::string const pooled = s.text_or("classifier_pooling", "cls");
  if (pooled != "cls" && pooled != "mean") s.fail("classifier_pooling", io::detail::printable(pooled), ", expected 'cls' or 'mean'");
  return pooled == "mean" ? pooling::mean : pooling::first;
}

inline void parse_labels(settings const& s, transformer_config& c) {
  index_t count = s.count_or("num_labels", 2);
  if (io::json_value const* names = s.find("id2label")) {
    count = static_cast<index_t>(names->keys().size());
    for (index_t i = 0; i < count; ++i) c.labels.push_back(names->at(std::to_string(i)).string());
  } else {
    if (count > 1'000'000) s.fail("num_labels", count, ", expected 1000000 at most");
    for (index_t i = 0; i < count; ++i) c.labels.push_back("LABEL_" + std::to_string(i));
  }
  if (count < 1) s.fail("id2label", "no labels");
}

/// Mistral, Llama 3, Qwen 3.
inline void parse_decoder(settings const& s, transformer_config& c) {
  bool const qwen = c.model_type == "qwen3", mistral = c.model_type == "mistral";
  parse_heads(s, "hidden_size", "num_attention_heads", s.count_or("head_dim", qwen ? 128 : 0), c);
  c.epsilon = s.positive_or("rms_norm_eps", 1e-6);
  c.activation = s.text_or("hidden_act", "silu");
  c.tied = s.flag_or("tie_word_embeddings", false);
  c.attention_bias = !mistral && s.flag_or("attention_bias", false);
  c.mlp_bias = c.model_type == "llama" && s.flag_or("mlp_bias", false);
  c.rotary = c.local_rotary = parse_rotary(s, "full_attention", "rope_theta", 10000, c);
  bool const windows = qwen ? s.flag_or("use_sliding_window", false) : mistral;
  if (windows) c.window = s.count_or("sliding_window", 0);
  index_t const first = qwen ? s.count_or("max_window_layers", 28, 0) : 0;
  parse_layer_types(s, c, [&](index_t layer) { return c.window != 0 && layer >= first; });
  if (c.window == 0 && std::find(c.local.begin(), c.local.end(), 1) != c.local.end()) s.fail("layer_types", "sliding layers, but no 'sliding_window'");
  c.pooled = pooling::last;
}

/// BERT, RoBERTa, DeBERTa v3.
inline void parse_encoder(settings const& s, transformer_config& c) {
  bool const roberta = c.model_type == "roberta" || c.model_type == "xlm-roberta", deberta = c.model_type == "deberta-v2";
  parse_heads(s, "hidden_size", "num_attention_heads", 0, c);
  c.kv_heads = c.heads;
  c.epsilon = s.positive_or("layer_norm_eps", deberta ? 1e-7 : 1e-12);
  c.activation = s.text_or("hidden_act", "gelu");
  c.attention_bias = c.mlp_bias = c.norm_bias = true;
  c.token_types = s.count_or("type_vocab_size", deberta ? 0 : 2, 0);
  c.head_activation = deberta ? s.text_or("pooler_hidden_act", "gelu") : "tanh";
  c.pooled = parse_pooling(s);
  c.head_dense = c.pooled == pooling::first;
  s.refuse_unless("is_decoder", !s.flag_or("is_decoder", false));
  s.refuse_unless("position_embedding_type", s.text_or("position_embedding_type", "absolute") == "absolute");
  s.refuse_unless("embedding_size", s.count_or("embedding_size", c.hidden) == c.hidden);
  if (roberta) {  // position 0 is the row after that of the padding token
    c.position_offset = s.count_or("pad_token_id", 1, 0) + 1;
    if (c.position_offset >= c.max_positions) s.fail("max_position_embeddings", c.max_positions, " rows, and position 0 is row ", c.position_offset);
    c.max_positions -= c.position_offset;
  }
  if (!deberta) return;
  s.refuse_unless("conv_kernel_size", s.count_or("conv_kernel_size", 0, 0) == 0);
  s.refuse_unless("pooler_hidden_size", s.count_or("pooler_hidden_size", c.hidden) == c.hidden);
  auto const require = [&](char const* key, bool as_v3) {
    if (!as_v3) s.fail(key, "expected relative positions as DeBERTa v3 has them");
  };
  require("relative_attention", s.flag_or("relative_attention", false));
  require("position_biased_input", !s.flag_or("position_biased_input", true));
  require("share_att_key", s.flag_or("share_att_key", false));
  require("norm_rel_ebd", s.text_or("norm_rel_ebd", "none") == "layer_norm");
  bool c2p = false, p2c = false;
  io::json_value const& kinds = s.at("pos_att_type");
  if (kinds.type() == io::json_value::kind::string) {
    c2p = kinds.string().find("c2p") != std::string::npos;
    p2c = kinds.string().find("p2c") != std::string::npos;
  } else {
    for (io::json_value const& kind : kinds.items()) (kind.string() == "c2p" ? c2p : p2c) = true;
  }
  require("pos_att_type", c2p && p2c);
  c.position_buckets = s.count("position_buckets", 2);
  io::json_value const* const furthest = s.find("max_relative_positions");
  c.max_relative_positions = furthest != nullptr && furthest->integer() >= 1 ? s.count("max_relative_positions") : c.max_positions;
  if (c.max_relative_positions - 1 <= c.position_buckets / 2)
    s.fail("position_buckets", c.position_buckets, ": no logarithmic buckets up to ", c.max_relative_positions, " relative positions");
}

inline void parse_distilbert(settings const& s, transformer_config& c) {
  parse_heads(s, "dim", "n_heads", 0, c);
  c.epsilon = 1e-12;
  c.activation = s.text_or("activation", "gelu");
  c.attention_bias = c.mlp_bias = c.norm_bias = true;
  c.head_activation = "relu";
}

inline void parse_modernbert(settings const& s, transformer_config& c) {
  parse_heads(s, "hidden_size", "num_attention_heads", 0, c);
  c.kv_heads = c.heads;
  c.epsilon = s.positive_or("norm_eps", 1e-5);
  c.activation = s.text_or("hidden_activation", "gelu");
  c.attention_bias = s.flag_or("attention_bias", false);
  c.mlp_bias = s.flag_or("mlp_bias", false);
  c.norm_bias = s.flag_or("norm_bias", false);
  c.rotary = parse_rotary(s, "full_attention", "global_rope_theta", 160000, c);
  c.local_rotary = parse_rotary(s, "sliding_attention", "local_rope_theta", 10000, c);
  c.window = s.count_or("local_attention", 128);
  index_t const every = s.count_or("global_attn_every_n_layers", 3);
  parse_layer_types(s, c, [&](index_t layer) { return layer % every != 0; });
  c.head_activation = s.text_or("classifier_activation", "gelu");
  c.head_bias = s.flag_or("classifier_bias", false);
  c.pooled = parse_pooling(s);
}

}  // namespace detail

/// Reads the text of a config.json; `source` names it in messages. Throws io_error.
inline transformer_config parse_transformer_config(std::string_view text, std::string source) {
  io::json_value const root = io::parse_json(text, source, {.max_depth = 16, .max_values = 2'100'000});
  detail::settings const s(root);
  transformer_config c;
  c.source = std::move(source);
  c.model_type = s.at("model_type").string();
  bool const distilbert = c.model_type == "distilbert";
  c.vocabulary = s.count("vocab_size");
  c.hidden = s.count(distilbert ? "dim" : "hidden_size");
  c.intermediate = s.count(distilbert ? "hidden_dim" : "intermediate_size");
  char const* const layers = distilbert ? "n_layers" : "num_hidden_layers";
  c.layers = s.count(layers);
  if (c.layers > 10'000) s.fail(layers, c.layers, ", expected 10000 at most");
  c.max_positions = s.count_or("max_position_embeddings", 512);

  if (c.model_type == "mistral" || c.model_type == "llama" || c.model_type == "qwen3") detail::parse_decoder(s, c);
  else if (c.model_type == "bert" || c.model_type == "roberta" || c.model_type == "xlm-roberta" || c.model_type == "deberta-v2") detail::parse_encoder(s, c);
  else if (distilbert) detail::parse_distilbert(s, c);
  else if (c.model_type == "modernbert") detail::parse_modernbert(s, c);
  else
    s.fail("model_type", io::detail::printable(c.model_type),
           " is not known here, expected mistral, llama, qwen3, bert, distilbert, roberta, xlm-roberta, deberta-v2 or modernbert");
  detail::parse_labels(s, c);
  return c;
}

/// Reads a config.json, or that of a folder. Throws io_error.
inline transformer_config read_transformer_config(std::string path) {
  if (!path.ends_with(".json")) path += "/config.json";
  std::string const text = io::read_file(path, 1 << 24);
  return parse_transformer_config(text, std::move(path));
}

}  // namespace parapet::inline PARAPET_ABI::guard
