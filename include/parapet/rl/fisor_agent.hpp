// What a controller asks of FISOR: candidates of one decision, each drawn and judged by itself, loaded from a checkpoint.
//
//     rl::controller robot(rl::fisor_agent(be, io::read_safetensors("seed0.safetensors")));
//
// A candidate is a decision of a fisor_policy that has one candidate, so a round of them is a batch, which threads share. The choice
// among them follows the checkpoint's options, as in fisor_policy.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/rl/fisor_model.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::rl {

/// Of a fisor_agent or a one_step_agent.
struct agent_options {
  index_t candidates = 0;  ///< of a decision; 0: as the checkpoint says
  index_t rows = 16;       ///< of a round
  std::uint64_t seed = 0;  ///< of the noise
};

/// FISOR's candidates, each drawn and judged by itself, and its rule of choice. `be` must outlive it, and be nobody else's meanwhile.
template <class Backend>
class fisor_agent {
  static_assert(std::is_same_v<typename Backend::space, host_space>,
                "fisor_agent: a controller's observations and actions are in host memory, so its backend must be too");

public:
  /// Throws io_error for what is no checkpoint of FISOR, argument_error for options outside their range.
  fisor_agent(Backend& be, tensor_archive const& checkpoint, agent_options const& options = {}) : self_(std::make_unique<parts>(be, checkpoint, options)) {}

  fisor_model const& model() const { return self_->model; }
  index_t state_dim() const { return self_->model.state_dim(); }
  index_t action_dim() const { return self_->model.action_dim(); }
  index_t candidates() const { return self_->candidates; }
  index_t rows() const { return self_->policy.decisions(); }
  double feasible_level() const { return self_->model.config().feasible_level(); }

  /// As fisor_policy::act, of n <= rows() states.
  void propose(matrix_view<float const> const& states, vector_view<index_t const> const& numbers, matrix_view<float> const& actions,
               vector_view<decision_info<float>> const& info) {
    self_->policy.act(states, numbers, self_->stream, actions, info);
  }
  index_t choose(vector_view<float const> const& q_reward, vector_view<float const> const& q_safety, double) const {
    return choose_candidate(self_->model.config(), q_safety, q_reward);
  }

private:
  struct parts {
    fisor_model model;
    index_t candidates;
    philox_stream stream;
    fisor_policy<Backend> policy;

    parts(Backend& be, tensor_archive const& checkpoint, agent_options const& o)
        : model(checkpoint), candidates(o.candidates > 0 ? o.candidates : model.config().candidates), stream(o.seed, 1),
          policy(be, single(model.config()), model.networks(), model.parameters(), std::min(o.rows, candidates), chunk_of(be, o.rows)) {}

    /// Rows that one thread takes at a time, a multiple of 8: its products are faster on more of them.
    static index_t chunk_of(Backend& be, index_t rows) {
      index_t threads = 1;
      if constexpr (requires { be.threads(); }) threads = be.threads();
      index_t const share = (rows + threads - 1) / threads;
      return std::max<index_t>(8, (share + 7) / 8 * 8);
    }
    /// Options of a policy whose every decision is one candidate.
    static fisor_config single(fisor_config config) {
      config.candidates = 1;
      config.choose = selection::first;
      return config;
    }
  };
  std::unique_ptr<parts> self_;  // the policy refers to its neighbours
};

}  // namespace parapet::inline PARAPET_ABI::rl
