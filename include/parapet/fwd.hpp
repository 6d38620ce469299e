// Forward declarations, for headers that name the library's types in signatures and are included everywhere.
//
//     #include <parapet/fwd.hpp>
//     class controller {
//       void act(parapet::vector_view<float const> const& observation, parapet::vector_view<float> const& action);
//       std::unique_ptr<parapet::backend::cpu> backend_;
//     };
//
// The view aliases and the default arguments of core live here, and nowhere else; other headers add their own defaults.
#pragma once

#include <parapet/config.hpp>

namespace parapet::inline PARAPET_ABI {

// core
struct host_space;
template <int Rank>
struct extents;
template <class T, int Rank, class Space = host_space>
class tensor_view;
template <class T, class Space = host_space>
using vector_view = tensor_view<T, 1, Space>;
template <class T, class Space = host_space>
using matrix_view = tensor_view<T, 2, Space>;
template <class T, class Space = host_space>
class buffer;
template <class Space = host_space>
class arena;
class pooled_memory;
class philox_stream;
class tensor_archive;
class error;
class shape_error;
class argument_error;
class io_error;

// math
struct bfloat16;
template <class T>
struct pack;
namespace math {
struct relu;
struct silu;
struct mish;
struct gelu;
}  // namespace math

namespace backend {
class cpu;
struct attention_heads;
struct attention_reach;
struct sequence;
template <class Space = host_space>
struct int8_matrix;
}

namespace nn {
class parameter_list;
class linear;
class layer_norm;
class fourier_features;
template <class Activation>
class mlp;
template <class Activation>
class residual_mlp;
template <class T, class Space>
class trained;
template <class T, class Space>
class rotary_table;
}  // namespace nn

namespace grid {
struct axis;
template <int D>
class grid;
template <class X, int N>
struct vec;
}  // namespace grid

namespace diffusion {
struct noise_level;
struct sampling_plan;
class noise_schedule;
class time_network;
}

namespace reachability {
template <class System, class T, class Role>
struct value_view;
template <class System, class T, class Role, class Horizon, class Space>
class value_function;
template <class View, class Mode, class Rule>
class safety_filter;
}  // namespace reachability

namespace rl {
struct fisor_config;
struct point_robot;
template <class T, class Space>
class transitions;
template <class Backend, class T>
class fisor;
class fisor_model;
template <class Backend>
class fisor_agent;
class one_step_policy;
template <class Backend>
class one_step_agent;
template <class Agent, class Fallback, class Clock>
class controller;
}  // namespace rl

namespace guard {
struct token;
struct sentencepiece_model;
class sentencepiece_tokenizer;
class json_tokenizer;
class answer_tree;
struct exchange;
struct verdict;
template <class Backend, class Model, class Tokenizer>
class wildguard;
struct policy;
struct decision;
class policy_holder;
class audit_log;
struct transformer_config;
class token_batch;
template <class Key, class Space>
class kv_cache;
template <class Architecture, class Weight, class Space>
class transformer;
}  // namespace guard

namespace io {
class gguf_file;
class gguf_value;
class json_value;
class mapped_file;
class mapped_model;
class mapped_safetensors;
}  // namespace io

}  // namespace parapet::inline PARAPET_ABI
