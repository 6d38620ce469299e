// A trained FISOR, loaded: options, networks and the parameters that act.
//
//     rl::fisor_model const model(io::read_safetensors("seed0.safetensors"));
//
// Everything is in the checkpoint that io::save_checkpoint wrote: options in its metadata, shapes in its arrays. The averaged
// actor, the target critics and V_h act.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/fisor_networks.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Options from the text that fisor_config::to_text wrote. Throws io_error for one that is missing or is no number, argument_error for
/// one outside its range.
inline fisor_config config_of(tensor_archive const& checkpoint) {
  fisor_config config;
  fisor_config::visit(config, [&](char const* name, auto& value) {
    auto const found = checkpoint.metadata().find(name);
    if (found == checkpoint.metadata().end())
      throw io_error(parapet::detail::concat(checkpoint.source(), ": has no option '", name, "' of FISOR in its metadata"));
    char const* const text = found->second.c_str();
    char* end = nullptr;
    errno = 0;
    using type = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_floating_point_v<type>) value = std::strtod(text, &end);
    else if constexpr (std::is_same_v<type, std::uint64_t>) value = std::strtoull(text, &end, 10);
    else value = static_cast<type>(std::strtoll(text, &end, 10));
    if constexpr (std::is_enum_v<type>)
      if (static_cast<int>(value) < 0 || static_cast<int>(value) > 3) end = nullptr;
    if (end == nullptr || end == text || *end != '\0' || errno != 0)
      throw io_error(parapet::detail::concat(checkpoint.source(), ": option '", name, "' is '", std::string_view(text).substr(0, 40), "', expected a number"));
  });
  config.validate();
  for (auto const& [name, value] : {std::pair{"candidates", config.candidates}, std::pair{"diffusion_steps", config.diffusion_steps}})
    if (value > 100000) throw io_error(parapet::detail::concat(checkpoint.source(), ": option '", name, "' is ", value, ", expected at most 100000"));
  return config;
}

namespace detail {

/// An array of the file. Throws io_error unless it is of floats and of this shape.
inline const_tensor_ref float_array(tensor_archive const& file, std::string const& name, std::vector<index_t> const& shape) {
  const_tensor_ref const tensor = file.at(name);
  if (tensor.type != scalar_type::f32 || tensor.shape != shape)
    throw io_error(parapet::detail::concat(file.source(), ": array '", name, "' is ", name_of(tensor.type), " ", shape_text(tensor.shape),
                                           ", expected f32 ", shape_text(shape)));
  return tensor;
}

}  // namespace detail

/// Networks and parameters in host memory, float as trained.
class fisor_model {
public:
  /// Throws io_error for a file that is no checkpoint of FISOR, with the array or option that is missing or of another shape.
  explicit fisor_model(tensor_archive const& checkpoint)
      : config_(config_of(checkpoint)), networks_(config_, rows_of(checkpoint, "safety_value.dense0.weight"), columns_of(checkpoint, "actor.net.output.bias")),
        actor_(load(checkpoint, networks_.actor_list, {"follower.actor"})),
        critics_(load(checkpoint, networks_.critic_list,
                      {"follower.reward_critic.0", "follower.reward_critic.1", "follower.safety_critic.0", "follower.safety_critic.1"})),
        safety_value_(load(checkpoint, networks_.value_list, {"safety_value"})) {}

  fisor_config const& config() const { return config_; }
  fisor_networks const& networks() const { return networks_; }
  /// Views of this model's memory.
  fisor_parameters<float> parameters() const {
    return {actor_.view(), critics_.view(extents{fisor_networks::critics, networks_.critic_list.size()}), safety_value_.view()};
  }

  index_t state_dim() const { return networks_.actor.config().state_dim; }
  index_t action_dim() const { return networks_.actor.config().action_dim; }

private:
  static index_t rows_of(tensor_archive const& file, char const* name) { return file.view<float, 2>(name).extent(0); }
  static index_t columns_of(tensor_archive const& file, char const* name) { return file.view<float, 1>(name).extent(0); }

  /// A row of parameters for each network.
  static buffer<float> load(tensor_archive const& file, nn::parameter_list const& list, std::initializer_list<char const*> networks) {
    for (std::string const network : networks)
      for (nn::parameter const& p : list) detail::float_array(file, network + p.name, p.shape);  // before memory of an unchecked size is asked for
    buffer<float> rows(static_cast<index_t>(networks.size()) * list.size());
    index_t row = 0;
    for (std::string const network : networks) {
      for (nn::parameter const& p : list) {
        const_tensor_ref const tensor = detail::float_array(file, network + p.name, p.shape);
        std::memcpy(rows.data() + row * list.size() + p.offset, tensor.data, static_cast<std::size_t>(tensor.bytes()));
      }
      ++row;
    }
    return rows;
  }

  fisor_config config_;
  fisor_networks networks_;
  buffer<float> actor_, critics_, safety_value_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
