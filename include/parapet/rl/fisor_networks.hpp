// The networks of FISOR and where their parameters lie.
//
//     actor     z_theta(a_t, s, t)            residual_denoiser           an averaged copy acts
//     critic    Q_r(s, a), Q_h(s, a)          two of each, one stack      with a target copy
//     value     V_r(s), V_h(s)                one stack
//
// Critics and values are relu networks with two hidden layers. Topology only: parameters are flat buffers of the learner.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/residual_denoiser.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/nn/trained.hpp>
#include <parapet/rl/fisor_config.hpp>

#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

struct fisor_networks {
  using mlp = nn::mlp<math::relu>;
  /// Rows of the stack of critics, and of the stack of values.
  static constexpr index_t critics = 4, values = 2;

  nn::parameter_list actor_list, critic_list, value_list;  ///< names without the network's: ".dense0.weight"
  diffusion::residual_denoiser actor;
  mlp critic, value;

  fisor_networks(fisor_config const& c, index_t state_dim, index_t action_dim)
      : actor(actor_list, "",
              {action_dim, state_dim, c.diffusion_steps, c.time_features, c.condition_width, c.actor_width, c.actor_blocks,
               c.dropout}),
        critic(critic_list, "", {state_dim + action_dim, c.critic_width, c.critic_width, 1}),
        value(value_list, "", {state_dim, c.critic_width, c.critic_width, 1}) {}

  /// Names of the rows, and where their initial values come from.
  static std::vector<nn::ensemble_member> actor_rows() { return {{"actor", 0}}; }
  static std::vector<nn::ensemble_member> critic_rows() {
    return {{"reward_critic.0", 200, 0}, {"reward_critic.1", 200, 1}, {"safety_critic.0", 300, 0}, {"safety_critic.1", 300, 1}};
  }
  static std::vector<nn::ensemble_member> value_rows() { return {{"reward_value", 400}, {"safety_value", 500}}; }
};

/// Parameters to act with: of the averaged actor (n), the target critics (4, n), and V_h (n). Views of a learner's memory, or a
/// file's.
template <class T, class Space = host_space>
struct fisor_parameters {
  vector_view<T const, Space> actor;
  matrix_view<T const, Space> critics;
  vector_view<T const, Space> safety_value;
};

}  // namespace parapet::inline PARAPET_ABI::rl
