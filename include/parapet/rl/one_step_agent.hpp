// A one-step policy in a controller: a = clip(net(z, s)), each candidate judged by FISOR's critics.
//
//     rl::controller robot(rl::one_step_agent(be, rl::one_step_policy::load(student), rl::fisor_model(checkpoint)));
//
// It stands in for rl/fisor_agent.hpp: the same critics, the same rule of choice, one evaluation in place of a diffusion.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/rl/fisor_agent.hpp>
#include <parapet/rl/fisor_model.hpp>
#include <parapet/rl/fisor_policy.hpp>
#include <parapet/rl/one_step_policy.hpp>

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::rl {

/// What a controller asks of a one_step_policy: candidates, judged by the critics of the FISOR that it was distilled from, and FISOR's rule. `be`
/// must outlive it, and be nobody else's meanwhile.
template <class Backend>
class one_step_agent {
  static_assert(std::is_same_v<typename Backend::space, host_space>,
                "one_step_agent: a controller's observations and actions are in host memory, so its backend must be too");

public:
  /// Throws argument_error for a policy of other dimensions than the critics, and for rounds without rows.
  one_step_agent(Backend& be, one_step_policy policy, fisor_model judge, agent_options const& options = {})
      : self_(std::make_unique<parts>(be, std::move(policy), std::move(judge), options)) {}

  fisor_model const& model() const { return self_->model; }
  index_t state_dim() const { return self_->model.state_dim(); }
  index_t action_dim() const { return self_->model.action_dim(); }
  index_t candidates() const { return self_->candidates; }
  index_t rows() const { return self_->rows; }
  double feasible_level() const { return self_->model.config().feasible_level(); }

  /// actions (n, A) and info (n) of one state n times, states (n, S), n <= rows(), with the noise of numbers (n). Throws shape_error.
  void propose(matrix_view<float const> const& states, vector_view<index_t const> const& numbers, matrix_view<float> const& actions,
               vector_view<decision_info<float>> const& info) {
    index_t const n = std::min(states.extent(0), rows());
    check_shape("one_step_agent: states", states.shape(), extents{std::max<index_t>(n, 1), state_dim()});
    check_shape("one_step_agent: numbers", numbers.shape(), extents{n});
    check_shape("one_step_agent: actions", actions.shape(), extents{n, action_dim()});
    check_shape("one_step_agent: info", info.shape(), extents{n});
    self_->propose(states, numbers, actions, info);
  }
  index_t choose(vector_view<float const> const& q_reward, vector_view<float const> const& q_safety, double) const {
    return choose_candidate(self_->model.config(), q_safety, q_reward);
  }

private:
  struct parts {
    Backend& be;
    one_step_policy policy;
    fisor_model model;
    index_t candidates, rows;
    philox_stream stream;
    arena<> memory;
    diffusion::time_network::workspace<float, host_space> work;
    fisor_networks::mlp::workspace<float, host_space> critics, value;
    matrix_view<float> critic_input, state;  // (rows, S + A), (1, S)
    vector_view<float> q, qh;                // (rows)

    parts(Backend& backend, one_step_policy p, fisor_model m, agent_options const& o)
        : be(backend), policy(std::move(p)), model(std::move(m)), candidates(o.candidates > 0 ? o.candidates : model.config().candidates),
          rows(std::min(o.rows, candidates)), stream(o.seed, 1) {
      using parapet::detail::concat;
      if (policy.config().state_dim != model.state_dim() || policy.config().action_dim != model.action_dim())
        throw argument_error(concat("one_step_agent: the policy has ", policy.config().state_dim, " state and ", policy.config().action_dim,
                                    " action numbers, the critics ", model.state_dim(), " and ", model.action_dim()));
      if (rows < 1) throw argument_error(concat("one_step_agent: ", rows, " rows a round, expected at least 1"));
      plan(memory, [&](auto& a) {
        auto const matrix = [&](index_t n, index_t k) { return a.template take<float>(extents{n, k}); };
        work = policy.network().make_workspace<float>(a, rows, nn::mode::inference);
        critics = model.networks().critic.make_workspace<float>(a, rows, nn::mode::inference, fisor_networks::critics);
        value = model.networks().value.make_workspace<float>(a, 1, nn::mode::inference);
        critic_input = matrix(rows, model.state_dim() + model.action_dim());
        state = matrix(1, model.state_dim());
        q = a.template take<float>(extents{rows});
        qh = a.template take<float>(extents{rows});
        return 0;
      });
      fill(be, work.time, 0.0f);
      fill(be, work.input, 0.0f);
      fill(be, critic_input, 0.0f);
    }

    void propose(matrix_view<float const> const& states, vector_view<index_t const> const& numbers, matrix_view<float> const& actions,
                 vector_view<decision_info<float>> const& info) {
      index_t const n = states.extent(0), s = states.extent(1), a = actions.extent(1);
      auto const z = policy.network().sample(work).rows(0, n);
      for (index_t i = 0; i < n; ++i)
        for (index_t j = 0; j < a; ++j) z(i, j) = stream.normal(numbers[i] * a + j);
      copy(be, states, policy.network().condition(work).rows(0, n));
      copy(be, states, critic_input.columns(0, s).rows(0, n));
      copy(be, states.rows(0, 1), state);
      auto const answer = policy.network().forward(be, std::as_const(policy).parameters(), work);
      auto const candidate = critic_input.columns(s, s + a);
      map(be, detail::clip_to_unit{}, candidate, matrix_view<float const>(answer));
      copy(be, candidate.rows(0, n), actions);

      auto const parameters = model.parameters();
      auto const y = model.networks().critic.forward(be, parameters.critics, repeated(matrix_view<float const>(critic_input), 1), critics);
      auto const of = [&](index_t m) { return vector_view<float const>(y(m).data(), extents{y.extent(1)}); };
      map(be, detail::judge_pairs{}, q, qh, of(0), of(1), of(2), of(3));
      float const v = model.networks().value.forward(be, parameters.safety_value, repeated(matrix_view<float const>(state), 1), value).data()[0];
      for (index_t i = 0; i < n; ++i) info[i] = {v, qh[i], q[i], 0};
    }
  };
  std::unique_ptr<parts> self_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
