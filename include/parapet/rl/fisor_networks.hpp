// The five networks of FISOR and where their parameters lie.
//
//     actor           z_theta(a_t, s, t)     residual_denoiser        averaged copy acts
//     reward_critic   Q_r(s, a)              two members              target copy
//     safety_critic   Q_h(s, a)              two members              target copy
//     reward_value    V_r(s)
//     safety_value    V_h(s)
//
// Critics and values are relu networks with two hidden layers. Topology only: parameters are flat buffers of the learner.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/residual_denoiser.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/rl/fisor_config.hpp>

namespace parapet::inline PARAPET_ABI::rl {

struct fisor_networks {
  using critic = nn::mlp<math::relu>;

  nn::parameter_list actor_list, reward_critic_list, safety_critic_list, reward_value_list, safety_value_list;
  diffusion::residual_denoiser actor;
  critic reward_critic, safety_critic, reward_value, safety_value;

  fisor_networks(fisor_config const& c, index_t state_dim, index_t action_dim)
      : actor(actor_list, "actor",
              {action_dim, state_dim, c.diffusion_steps, c.time_features, c.condition_width, c.actor_width, c.actor_blocks,
               c.dropout}),
        reward_critic(make(reward_critic_list, "reward_critic", state_dim + action_dim, c.critic_width, 2)),
        safety_critic(make(safety_critic_list, "safety_critic", state_dim + action_dim, c.critic_width, 2)),
        reward_value(make(reward_value_list, "reward_value", state_dim, c.critic_width, 1)),
        safety_value(make(safety_value_list, "safety_value", state_dim, c.critic_width, 1)) {}

private:
  static critic make(nn::parameter_list& list, char const* name, index_t in, index_t width, index_t members) {
    return critic(list, name, {in, width, width, 1}, nn::initializer::xavier_uniform(), members);
  }
};

/// Parameters to act with: of the averaged actor, the target critics and V_h. Views of a learner's memory, or a file's.
template <class T, class Space = host_space>
struct fisor_parameters {
  vector_view<T const, Space> actor, reward_critic, safety_critic, safety_value;
};

}  // namespace parapet::inline PARAPET_ABI::rl
