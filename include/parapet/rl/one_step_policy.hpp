// A policy that acts in one evaluation: a = clip(net(z, s)), z normal. A diffusion policy distilled (rl/distillation.hpp).
//
// Candidates are as different as their z, so it can be judged and chosen from (rl/one_step_agent.hpp) as the sampler that it learnt
// from, at a fraction of the time. After SafeFQL (2026) and FQL (Park, Li, Levine, "Flow Q-learning", 2025), without their term for the critic.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/nn/parameters.hpp>
#include <parapet/rl/fisor_model.hpp>

#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Numbers of a state and of an action; neurons of each hidden layer, and how many layers.
struct one_step_config {
  index_t state_dim = 1, action_dim = 1;
  index_t width = 256, hidden = 3;
};

/// Topology and parameters, in host memory; saved and loaded by io/checkpoint.hpp.
class one_step_policy {
public:
  explicit one_step_policy(one_step_config const& config)
      : config_(config), network_(list_, "policy", layout(config)), parameters_(list_.size()) {
    list_.initialize(parameters_.view(), 0, 0);
  }

  one_step_config const& config() const { return config_; }
  diffusion::time_network const& network() const { return network_; }
  vector_view<float> parameters() { return parameters_.view(); }
  vector_view<float const> parameters() const { return parameters_.view(); }

  std::vector<tensor_ref> tensors() { return all<tensor_ref>(list_, parameters_); }
  std::vector<const_tensor_ref> tensors() const { return all<const_tensor_ref>(list_, parameters_); }
  std::map<std::string, std::string> metadata() const {
    return {{"algorithm", "one_step_policy"}, {"state_dim", std::to_string(config_.state_dim)}, {"action_dim", std::to_string(config_.action_dim)},
            {"width", std::to_string(config_.width)}, {"hidden", std::to_string(config_.hidden)}};
  }

  /// The policy of a file. Throws io_error for one of another shape or kind.
  static one_step_policy load(tensor_archive const& file) {
    auto const out = file.view<float, 2>("policy.output.weight"), in = file.view<float, 2>("policy.dense0.weight");
    index_t hidden = 1;
    while (hidden < 64 && file.contains("policy.dense" + std::to_string(hidden) + ".weight")) ++hidden;
    one_step_config const config{in.extent(0) - out.extent(1) - 2, out.extent(1), out.extent(0), hidden};
    if (config.state_dim < 1 || config.action_dim < 1 || config.width < 1)
      throw io_error(parapet::detail::concat(file.source(), ": arrays 'policy.dense0.weight' ", in.shape(), " and 'policy.output.weight' ", out.shape(),
                                             " are not of one policy"));
    nn::parameter_list list;
    diffusion::time_network const shapes(list, "policy", layout(config));
    for (nn::parameter const& p : list) detail::float_array(file, p.name, p.shape);  // before memory of an unchecked size is asked for
    one_step_policy policy(config);
    for (nn::parameter const& p : list)
      std::memcpy(policy.parameters_.data() + p.offset, detail::float_array(file, p.name, p.shape).data, static_cast<std::size_t>(p.size) * sizeof(float));
    return policy;
  }

private:
  static diffusion::time_network_config layout(one_step_config const& c) {
    return {.dimension = c.action_dim, .condition_dim = c.state_dim, .out = c.action_dim, .time_features = 2, .width = c.width, .hidden = c.hidden};
  }

  template <class Ref, class Buffer>
  static std::vector<Ref> all(nn::parameter_list const& list, Buffer& parameters) {
    using byte = std::remove_pointer_t<decltype(Ref::data)>;
    std::vector<Ref> out;
    for (nn::parameter const& p : list) out.push_back({p.name, scalar_type::f32, p.shape, reinterpret_cast<byte*>(parameters.data() + p.offset)});
    return out;
  }

  one_step_config config_;
  nn::parameter_list list_;
  diffusion::time_network network_;
  buffer<float> parameters_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
