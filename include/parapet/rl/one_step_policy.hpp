// A policy that acts in one evaluation: a = clip(net(z, s)), z normal. A diffusion policy distilled (rl/distillation.hpp).
//
// Candidates are as different as their z, so it can be judged and chosen from as the sampler that it learnt from, at a fraction of
// the time. After SafeFQL (2026) and FQL (Park, Li, Levine, "Flow Q-learning", 2025), without their term for the critic.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/rl/fisor_model.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

struct one_step_config {
  index_t state_dim = 1, action_dim = 1;
  index_t width = 256, hidden = 3;
};

/// Topology and parameters, in host memory; saved and loaded by io/checkpoint.hpp.
class one_step_policy {
public:
  explicit one_step_policy(one_step_config const& config)
      : config_(config), network_(list_, "policy",
                                  {.dimension = config.action_dim, .condition_dim = config.state_dim, .out = config.action_dim, .time_features = 2,
                                   .width = config.width, .hidden = config.hidden}),
        parameters_(list_.size()) {
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
    index_t const last = [&] {
      index_t n = 0;
      while (n < 64 && file.contains("policy.dense" + std::to_string(n) + ".weight")) ++n;
      return n;
    }();
    auto const out = file.view<float, 2>("policy.output.weight"), in = file.view<float, 2>("policy.dense0.weight");
    one_step_policy policy({in.extent(0) - out.extent(1) - 2, out.extent(1), out.extent(0), last});
    for (tensor_ref const& tensor : policy.tensors()) {
      const_tensor_ref const found = file.at(tensor.name);
      if (found.type != tensor.type || found.shape != tensor.shape)
        throw io_error(parapet::detail::concat(file.source(), ": array '", tensor.name, "' is ", name_of(found.type), " ", shape_text(found.shape),
                                               ", expected f32 ", shape_text(tensor.shape)));
      std::memcpy(tensor.data, found.data, static_cast<std::size_t>(found.bytes()));
    }
    return policy;
  }

private:
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

struct one_step_options {
  index_t candidates = 0;  ///< of a decision; 0: as FISOR's checkpoint says
  index_t rows = 16;       ///< of a round
  std::uint64_t seed = 0;
};

/// What a controller asks of it: candidates, judged by the critics of the FISOR that it was distilled from, and FISOR's rule. `be`
/// must outlive it, and be nobody else's meanwhile.
template <class Backend>
class one_step_agent {
  static_assert(std::is_same_v<typename Backend::space, host_space>, "one_step_agent: a controller's observations and actions are in host memory, so its backend must be too");

public:

  /// Throws argument_error for a policy of other dimensions than the critics.
  one_step_agent(Backend& be, one_step_policy policy, fisor_model judge, one_step_options const& options = {})
      : self_(std::make_unique<parts>(be, std::move(policy), std::move(judge), options)) {}

  fisor_model const& model() const { return self_->model; }
  index_t state_dim() const { return self_->model.state_dim(); }
  index_t action_dim() const { return self_->model.action_dim(); }
  index_t candidates() const { return self_->candidates; }
  index_t rows() const { return self_->rows; }
  double feasible_level() const { return self_->model.config().feasible_level(); }

  void propose(matrix_view<float const> const& states, vector_view<index_t const> const& numbers, matrix_view<float> const& actions,
               vector_view<decision_info<float>> const& info) {
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

    parts(Backend& backend, one_step_policy p, fisor_model m, one_step_options const& o)
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

    /// All states are the same, that of the one decision.
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
