// Weights of a published transformer from its files.
//
//     config.json + tensors by name  ->  checked against each other  ->  views, or copies in the type that is wanted
//
// Nothing is allocated before every tensor that the config asks for is there with the shape that it says, in a type that can be
// read; a tensor of a block that the config does not account for (a bias, one more layer) is an error, since a model without it
// would answer all the same. The number of words comes from the table of tokens, since fine-tuning adds some.
//
// float and bfloat16 weights that the file holds as such stay where they are, in its pages. Others are converted, int8 is quantised row
// by row, and the pages that were read are given back at once: a file of 14 GB never takes 14 GB beside its copy.
//
// Old names are found too: `gamma` and `beta` of norms, and names without the prefix of the architecture.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/guard/transformer_parameters.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/mapped_model.hpp>
#include <parapet/math/bfloat16.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

namespace detail {

template <class T>
constexpr bool is_stored_as(scalar_type type) {
  if constexpr (std::is_same_v<T, bfloat16>) return type == scalar_type::bf16;
  else return type == scalar_type_of<T>();
}

/// Elements [begin, begin + count) of an f32, bf16 or f16 tensor as `To`.
template <class To>
void decode(const_tensor_ref const& tensor, index_t begin, index_t count, To* out) {
  auto const convert = [&](auto stored, auto to_float) {
    using element = decltype(stored);
    unsigned char const* from = tensor.data + begin * index_t{sizeof(element)};
    for (index_t i = 0; i < count; ++i, from += sizeof(element)) {
      std::memcpy(&stored, from, sizeof(element));
      float const value = to_float(stored);
      if constexpr (std::is_same_v<To, bfloat16>) out[i] = to_bfloat16(value);
      else out[i] = static_cast<To>(value);
    }
  };
  if (tensor.type == scalar_type::f32) convert(float{}, [](float x) { return x; });
  else if (tensor.type == scalar_type::bf16) convert(std::uint16_t{}, io::decode_bf16);
  else convert(std::uint16_t{}, io::decode_f16);
}

/// Arrays of a model in a backend's memory, and the memory of those that do not lie in its files.
template <class Backend>
class weight_reader {
public:
  using space = typename Backend::space;
  using memory = std::vector<buffer<unsigned char, space>>;

  weight_reader(Backend& be, std::shared_ptr<io::mapped_model const> model, std::string_view prefix)
      : be_(be), model_(std::move(model)), prefix_(prefix) {}

  /// The name that the file has for `name`, or nothing.
  std::string find(std::string const& name) const {
    std::string old = name;
    if (name.ends_with("Norm.weight")) old.replace(old.size() - 6, 6, "gamma");
    if (name.ends_with("Norm.bias")) old.replace(old.size() - 4, 4, "beta");
    for (std::string const& candidate : {prefix_ + name, name, prefix_ + old, old})
      if (model_->contains(candidate)) return candidate;
    return {};
  }
  bool contains(std::string const& name) const { return !find(name).empty(); }

  const_tensor_ref const& at(std::string const& name) const {
    std::string const found = find(name);
    if (found.empty())
      throw io_error(concat(model_->path(), ": no array named '", prefix_, name, "' or '", name, "', which the config asks for"));
    return model_->at(found);
  }
  /// Throws io_error unless the array is there in this shape and a type of floating point.
  void check(std::string const& name, std::vector<index_t> const& shape) {
    const_tensor_ref const& tensor = at(name);
    auto const fail = [&](auto const&... what) { throw io_error(concat(model_->file_of(tensor.name), ": array '", tensor.name, "' ", what...)); };
    if (tensor.shape != shape) fail("has shape ", shape_text(tensor.shape), ", the config asks for ", shape_text(shape));
    if (tensor.type != scalar_type::f32 && tensor.type != scalar_type::bf16 && tensor.type != scalar_type::f16)
      fail("is ", name_of(tensor.type), ", expected f32, bf16 or f16");
    checked_.insert(tensor.name);
  }
  /// Throws io_error for an array whose name starts as one of the blocks and that was not asked for.
  void check_nothing_else(std::string_view block_start) const {
    for (const_tensor_ref const& tensor : model_->tensors()) {
      std::string_view name = tensor.name;
      if (name.starts_with(prefix_)) name.remove_prefix(prefix_.size());
      bool const number = tensor.type == scalar_type::f32 || tensor.type == scalar_type::bf16 || tensor.type == scalar_type::f16;
      if (number && name.starts_with(block_start) && !name.ends_with("inv_freq") && checked_.find(tensor.name) == checked_.end())
        throw io_error(concat(model_->file_of(tensor.name), ": array '", tensor.name, "' is not in a model of this config"));
    }
  }

  /// `rows` rows of a matrix from row `begin`, stored as Weight.
  template <class Weight>
  typename stored_weights<Weight, space>::matrix matrix(std::string const& name, index_t begin, index_t rows, index_t columns) {
    const_tensor_ref const& tensor = at(name);
    if constexpr (std::is_same_v<Weight, std::int8_t>) {
      auto const quantized = [&](auto element) {
        memory read;
        auto const source = as<decltype(element)>(tensor, begin * columns, extents{rows, columns}, read);
        matrix_view<std::int8_t, space> const values = take<std::int8_t>(extents{rows, columns}, memory_);
        vector_view<float, space> const scale = take<float>(extents{rows}, memory_);
        using backend::quantize;
        quantize(be_, source, values, scale);
        synchronize(be_);
        return backend::int8_matrix<space>{values, scale};
      };
      auto const result = tensor.type == scalar_type::bf16 ? quantized(bfloat16{}) : quantized(float{});
      model_->forget(tensor);
      return result;
    } else {
      return array<Weight>(tensor, begin * columns, extents{rows, columns});
    }
  }
  /// Elements of a table or vector.
  template <class T, int Rank>
  tensor_view<T const, Rank, space> floats(std::string const& name, index_t begin, extents<Rank> const& shape) {
    return array<T>(at(name), begin, shape);
  }

  memory take_memory() { return std::move(memory_); }
  /// Whether a view points into the files.
  bool reads_in_place() const { return in_place_; }

private:
  template <class T, int Rank>
  tensor_view<T const, Rank, space> array(const_tensor_ref const& tensor, index_t begin, extents<Rank> const& shape) {
    auto const view = as<T>(tensor, begin, shape, memory_);
    if (std::is_same_v<space, host_space> && is_stored_as<T>(tensor.type)) in_place_ = true;
    else model_->forget(tensor);
    return view;
  }

  template <class T, int Rank>
  tensor_view<T, Rank, space> take(extents<Rank> const& shape, memory& in) {
    in.emplace_back(parapet::detail::checked_bytes(shape.size(), sizeof(T)));
    return {reinterpret_cast<T*>(in.back().data()), shape};
  }

  /// The file's own memory where it holds T, else a copy in `in`.
  template <class T, int Rank>
  tensor_view<T const, Rank, space> as(const_tensor_ref const& tensor, index_t begin, extents<Rank> const& shape, memory& in) {
    buffer<T> converted;
    T const* host = nullptr;
    if (is_stored_as<T>(tensor.type)) {
      host = reinterpret_cast<T const*>(tensor.data) + begin;
      if constexpr (std::is_same_v<space, host_space>) return {host, shape};
    } else {
      if constexpr (std::is_same_v<space, host_space>) {
        auto const view = take<T>(shape, in);
        decode(tensor, begin, shape.size(), view.data());
        return view;
      } else {
        converted = buffer<T>(shape.size());
        decode(tensor, begin, shape.size(), converted.data());
        host = converted.data();
      }
    }
    if constexpr (!std::is_same_v<space, host_space>) {
      auto const view = take<T>(shape, in);
      copy(be_, vector_view<T const>(host, extents{shape.size()}), flatten(view));
      synchronize(be_);
      return view;
    }
  }

  Backend& be_;
  std::shared_ptr<io::mapped_model const> model_;
  std::string prefix_;
  std::set<std::string, std::less<>> checked_;
  memory memory_;
  bool in_place_ = false;
};

template <class Reader>
struct shape_checker {
  Reader& reader;
  template <class View>
  void matrices(std::string const& name, index_t columns, std::vector<parameter_part<View>> const& parts) {
    reader.check(name, {rows(parts), columns});
  }
  template <class View>
  void table(std::string const& name, View&, index_t rows, index_t columns) {
    reader.check(name, {rows, columns});
  }
  template <class View>
  void vectors(std::string const& name, std::vector<parameter_part<View>> const& parts, bool) {
    reader.check(name, {rows(parts)});
  }
  template <class Parts>
  static index_t rows(Parts const& parts) {
    index_t total = 0;
    for (auto const& part : parts) total += part.rows;
    return total;
  }
};

template <class Weight, class Reader>
struct weight_binder {
  using scalar = typename stored_weights<Weight, typename Reader::space>::scalar;
  Reader& reader;
  template <class View>
  void matrices(std::string const& name, index_t columns, std::vector<parameter_part<View>> const& parts) {
    for (index_t begin = 0; auto const& part : parts) {
      *part.view = reader.template matrix<Weight>(name, begin, part.rows, columns);
      begin += part.rows;
    }
  }
  template <class View>
  void table(std::string const& name, View& view, index_t rows, index_t columns) {
    view = reader.template floats<scalar>(name, 0, extents{rows, columns});
  }
  template <class View>
  void vectors(std::string const& name, std::vector<parameter_part<View>> const& parts, bool) {
    for (index_t begin = 0; auto const& part : parts) {
      *part.view = reader.template floats<scalar>(name, begin, extents{part.rows});
      begin += part.rows;
    }
  }
};

}  // namespace detail

/// Parameters that are only read, with what keeps their memory alive.
template <class Weight, class Space>
struct loaded_weights {
  using scalar = typename stored_weights<Weight, Space>::scalar;
  transformer_parameters<typename stored_weights<Weight, Space>::matrix, scalar const, Space> parameters;
  std::shared_ptr<io::mapped_model const> file;       // where views point into it
  std::vector<buffer<unsigned char, Space>> memory;
};

/// Throws argument_error unless the config is one of the architecture's.
template <class Architecture>
void check_architecture(transformer_config const& config) {
  auto const& types = Architecture::model_types;
  if (std::find(types.begin(), types.end(), config.model_type) == types.end())
    throw argument_error(parapet::detail::concat(config.source, ": 'model_type' is ", io::detail::printable(config.model_type), ", this architecture is '",
                                                 types[0], "'"));
  if (config.activation != Architecture::activation_name)
    throw argument_error(parapet::detail::concat(config.source, ": the activation is ", io::detail::printable(config.activation),
                                                 ", this architecture has '", Architecture::activation_name,
                                                 "': derive one with another `activation` and `activation_name`"));
}

/// The weights of `config`, whose `vocabulary` is set to the rows of the table of tokens. Throws io_error, with file and array, and
/// argument_error for a config of another architecture.
template <class Architecture, class Weight, class Backend>
loaded_weights<Weight, typename Backend::space> load_weights(Backend& be, transformer_config& config, std::shared_ptr<io::mapped_model const> model) {
  check_architecture<Architecture>(config);
  using reader_type = detail::weight_reader<Backend>;
  reader_type reader(be, model, Architecture::names.prefix);
  loaded_weights<Weight, typename Backend::space> out;
  auto& p = out.parameters;

  std::string const tokens = parapet::detail::concat(Architecture::names.tokens, ".weight");
  std::string const vocabulary = parapet::detail::concat(Architecture::names.vocabulary, ".weight");
  if (const_tensor_ref const& table = reader.at(tokens); table.shape.size() == 2 && table.shape[0] > 0) config.vocabulary = table.shape[0];
  bool const has_head = !Architecture::names.vocabulary.empty() && !config.tied && reader.contains(vocabulary);
  detail::shape_checker<reader_type> check{reader};
  for_each_parameter<Architecture>(config, p, check);
  if (has_head) reader.check(vocabulary, {config.vocabulary, config.hidden});
  reader.check_nothing_else(Architecture::names.layer.substr(0, Architecture::names.layer.find('#')));

  model->expect_sequential();
  detail::weight_binder<Weight, reader_type> bind{reader};
  for_each_parameter<Architecture>(config, p, bind);
  if (has_head) p.vocabulary = reader.template matrix<Weight>(vocabulary, 0, config.vocabulary, config.hidden);
  else if (!Architecture::names.vocabulary.empty() && config.tied) p.vocabulary = p.tokens;
  if (reader.reads_in_place()) out.file = std::move(model);
  out.memory = reader.take_memory();
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
