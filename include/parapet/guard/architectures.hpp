// Transformer architectures as bundles of policies: what is in a block, in which order, and how a published file names its parts.
//
//     struct my_encoder : guard::bert { using activation = math::gelu_tanh; };     // a family member with another activation
//     auto const model = guard::load_transformer<my_encoder>(be, folder);
//
// What is a number (sizes, windows, whether there are biases) is in transformer_config; what changes the code is here:
//
//     norm                  rms_norm_policy or layer_norm_policy (guard/transformer_norm.hpp)
//     norms                 before each branch (x + f(norm x)) or after it (norm(x + f(x)))
//     positions             rotary, learned (a table added to the tokens) or relative (disentangled, DeBERTa)
//     causal                whether a token sees only those before it
//     activation, gated     the feed-forward part: down(f(up x)) or down(f(gate x) up x)
//     head_activation       of the classifier, behind its dense layer
//     head_norms            whether queries and keys are normalised head by head
//     names, model_types    what files say: names of tensors without `.weight`, "model_type" of config.json
//
// Sources: Jiang et al., "Mistral 7B" (2023); Grattafiori et al., "The Llama 3 herd of models" (2024); "Qwen3 technical report" (2025);
// Devlin et al., "BERT" (2019); Sanh et al., "DistilBERT" (2019); Liu et al., "RoBERTa" (2019); He et al., "DeBERTaV3" (2023);
// Warner et al., "ModernBERT" (2024).
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/transformer_norm.hpp>
#include <parapet/math/activation.hpp>

#include <array>
#include <concepts>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

enum class norm_order { before, after };
enum class position_kind { rotary, learned, relative };

/// Names of tensors without `.weight` and `.bias`; empty: the architecture has none. In files `prefix` may stand before any of them.
struct tensor_names {
  std::string_view prefix;
  std::string_view tokens, positions = "", types = "", relative = "", relative_norm = "", embedding_norm = "", final_norm = "";
  std::string_view vocabulary = "";  ///< the language head, where it is not the table of tokens
  std::string_view layer;            ///< before the following, with # for the number
  std::string_view query = "", key = "", value = "", fused_query_key_value = "";
  std::string_view query_norm = "", key_norm = "", attention_out, attention_norm;
  std::string_view gate = "", up = "", fused_gate_up = "", down, mlp_norm;
  std::string_view head_dense = "", head_norm = "", classifier;
};

/// What an architecture says of files, of its blocks, and of their activations (the head of this file).
template <class A>
concept names_tensors = requires {
  { A::model_types[0] } -> std::convertible_to<std::string_view>;
  { A::names } -> std::convertible_to<tensor_names>;
};
template <class A>
concept has_block = requires {
  { A::norm::has_shift } -> std::convertible_to<bool>;
  { A::norms } -> std::convertible_to<norm_order>;
  { A::positions } -> std::convertible_to<position_kind>;
  requires std::same_as<bool const, decltype(A::causal)> && std::same_as<bool const, decltype(A::gated)>;
  requires std::same_as<bool const, decltype(A::head_norms)> && std::same_as<bool const, decltype(A::first_attention_norm)>;
};
template <class A>
concept has_activations = requires {
  typename A::activation;
  typename A::head_activation;
  { A::activation_name } -> std::convertible_to<std::string_view>;
  { A::head_activation_name } -> std::convertible_to<std::string_view>;
  { A::classifier_bias } -> std::convertible_to<bool>;
};
template <class A>
concept architecture = names_tensors<A> && has_block<A> && has_activations<A>;

/// Says in words what an architecture lacks. Call it where an architecture enters.
template <class A>
consteval bool check_architecture() {
  static_assert(names_tensors<A>, "an architecture must have the constants model_types and names, as guard::bert and guard::modernbert have; "
                                  "derive yours from the one that is nearest - see docs/transformer.md");
  static_assert(has_block<A>, "an architecture must have the type 'norm' and the constants norms, positions, causal, gated, head_norms and "
                              "first_attention_norm; derive yours from the one that is nearest - see docs/transformer.md");
  static_assert(has_activations<A>, "an architecture must have the types activation and head_activation, their names as files say them, and classifier_bias; "
                                    "derive yours from the one that is nearest - see docs/transformer.md");
  return architecture<A>;
}

struct mistral {
  static constexpr std::array<std::string_view, 1> model_types{"mistral"};
  using norm = rms_norm_policy;
  static constexpr norm_order norms = norm_order::before;
  static constexpr position_kind positions = position_kind::rotary;
  static constexpr bool causal = true, gated = true, head_norms = false;
  static constexpr bool first_attention_norm = true;  ///< whether layer 0 has one
  using activation = math::silu;
  static constexpr std::string_view activation_name = "silu";
  using head_activation = math::identity;
  static constexpr std::string_view head_activation_name = "";
  static constexpr bool classifier_bias = false;
  static constexpr tensor_names names{.prefix = "model.",
                                      .tokens = "embed_tokens",
                                      .final_norm = "norm",
                                      .vocabulary = "lm_head",
                                      .layer = "layers.#.",
                                      .query = "self_attn.q_proj",
                                      .key = "self_attn.k_proj",
                                      .value = "self_attn.v_proj",
                                      .attention_out = "self_attn.o_proj",
                                      .attention_norm = "input_layernorm",
                                      .gate = "mlp.gate_proj",
                                      .up = "mlp.up_proj",
                                      .down = "mlp.down_proj",
                                      .mlp_norm = "post_attention_layernorm",
                                      .classifier = "score"};
};

struct llama3 : mistral {
  static constexpr std::array<std::string_view, 1> model_types{"llama"};
};

struct qwen3 : mistral {
  static constexpr std::array<std::string_view, 1> model_types{"qwen3"};
  static constexpr bool head_norms = true;
  static constexpr tensor_names names = [] {
    tensor_names names = mistral::names;
    names.query_norm = "self_attn.q_norm";
    names.key_norm = "self_attn.k_norm";
    return names;
  }();
};

struct bert {
  static constexpr std::array<std::string_view, 1> model_types{"bert"};
  using norm = layer_norm_policy;
  static constexpr norm_order norms = norm_order::after;
  static constexpr position_kind positions = position_kind::learned;
  static constexpr bool causal = false, gated = false, head_norms = false;
  static constexpr bool first_attention_norm = true;
  using activation = math::gelu;
  static constexpr std::string_view activation_name = "gelu";
  using head_activation = math::hyperbolic_tangent;
  static constexpr std::string_view head_activation_name = "tanh";
  static constexpr bool classifier_bias = true;
  static constexpr tensor_names names{.prefix = "bert.",
                                      .tokens = "embeddings.word_embeddings",
                                      .positions = "embeddings.position_embeddings",
                                      .types = "embeddings.token_type_embeddings",
                                      .embedding_norm = "embeddings.LayerNorm",
                                      .layer = "encoder.layer.#.",
                                      .query = "attention.self.query",
                                      .key = "attention.self.key",
                                      .value = "attention.self.value",
                                      .attention_out = "attention.output.dense",
                                      .attention_norm = "attention.output.LayerNorm",
                                      .up = "intermediate.dense",
                                      .down = "output.dense",
                                      .mlp_norm = "output.LayerNorm",
                                      .head_dense = "pooler.dense",
                                      .classifier = "classifier"};
};

struct roberta : bert {
  static constexpr std::array<std::string_view, 2> model_types{"roberta", "xlm-roberta"};
  static constexpr tensor_names names = [] {
    tensor_names names = bert::names;
    names.prefix = "roberta.";
    names.head_dense = "classifier.dense";
    names.classifier = "classifier.out_proj";
    return names;
  }();
};

struct distilbert : bert {
  static constexpr std::array<std::string_view, 1> model_types{"distilbert"};
  using head_activation = math::relu;
  static constexpr std::string_view head_activation_name = "relu";
  static constexpr tensor_names names{.prefix = "distilbert.",
                                      .tokens = "embeddings.word_embeddings",
                                      .positions = "embeddings.position_embeddings",
                                      .embedding_norm = "embeddings.LayerNorm",
                                      .layer = "transformer.layer.#.",
                                      .query = "attention.q_lin",
                                      .key = "attention.k_lin",
                                      .value = "attention.v_lin",
                                      .attention_out = "attention.out_lin",
                                      .attention_norm = "sa_layer_norm",
                                      .up = "ffn.lin1",
                                      .down = "ffn.lin2",
                                      .mlp_norm = "output_layer_norm",
                                      .head_dense = "pre_classifier",
                                      .classifier = "classifier"};
};

struct deberta_v3 : bert {
  static constexpr std::array<std::string_view, 1> model_types{"deberta-v2"};  // v3 kept the name
  static constexpr position_kind positions = position_kind::relative;
  using head_activation = math::gelu;
  static constexpr std::string_view head_activation_name = "gelu";
  static constexpr tensor_names names = [] {
    tensor_names names = bert::names;
    names.prefix = "deberta.";
    names.positions = "";
    names.relative = "encoder.rel_embeddings";
    names.relative_norm = "encoder.LayerNorm";
    names.query = "attention.self.query_proj";
    names.key = "attention.self.key_proj";
    names.value = "attention.self.value_proj";
    return names;
  }();
};

struct modernbert {
  static constexpr std::array<std::string_view, 1> model_types{"modernbert"};
  using norm = layer_norm_policy;
  static constexpr norm_order norms = norm_order::before;
  static constexpr position_kind positions = position_kind::rotary;
  static constexpr bool causal = false, gated = true, head_norms = false;
  static constexpr bool first_attention_norm = false;
  using activation = math::gelu;
  static constexpr std::string_view activation_name = "gelu";
  using head_activation = math::gelu;
  static constexpr std::string_view head_activation_name = "gelu";
  static constexpr bool classifier_bias = true;
  static constexpr tensor_names names{.prefix = "model.",
                                      .tokens = "embeddings.tok_embeddings",
                                      .embedding_norm = "embeddings.norm",
                                      .final_norm = "final_norm",
                                      .layer = "layers.#.",
                                      .fused_query_key_value = "attn.Wqkv",
                                      .attention_out = "attn.Wo",
                                      .attention_norm = "attn_norm",
                                      .fused_gate_up = "mlp.Wi",
                                      .down = "mlp.Wo",
                                      .mlp_norm = "mlp_norm",
                                      .head_dense = "head.dense",
                                      .head_norm = "head.norm",
                                      .classifier = "classifier"};
};

}  // namespace parapet::inline PARAPET_ABI::guard
