// One job for any backend: FISOR trained for some updates on random transitions, then asked for actions.
#pragma once

#include <parapet/io/convert.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include "parity/learner.hpp"
#include "support/fisor_problem.hpp"

namespace parity {

template <class Backend>
outcome learn_on(Backend& be, int updates) {
  using namespace parapet;
  auto config = support::small_fisor();
  config.shards = 1;
  config.critic_width = config.actor_width = 64;
  auto const data = rl::upload(be, support::random_transitions(500));
  rl::fisor<Backend> learner(be, config, data);
  rl::fisor_losses const l = learner.train(updates);
  outcome result;
  result.losses = {l.actor, l.reward_value, l.reward_critic, l.safety_value, l.safety_critic};
  auto const snapshot = learner.snapshot();
  for (const_tensor_ref const& tensor : snapshot.tensors()) {
    if (tensor.type != scalar_type::f32) continue;
    std::vector<double> numbers(static_cast<std::size_t>(tensor.size()));
    io::convert(tensor, {tensor.name, scalar_type::f64, tensor.shape, reinterpret_cast<unsigned char*>(numbers.data())});
    result.names.push_back(tensor.name);
    result.tensors.push_back(std::move(numbers));
  }
  constexpr index_t decisions = 16;
  auto const states = support::normal<float>(extents{decisions, 3}, 5);
  auto const number = support::generate<index_t>(extents{decisions}, [](index_t i) { return i; });
  support::tensor<float, 2> actions(extents{decisions, 2});
  rl::fisor_policy<Backend> policy(be, config, learner.networks(), learner.parameters(), decisions);
  policy.act(states.read(), number.read(), philox_stream(3, 0), actions.view());
  result.actions.assign(actions.flat().data(), actions.flat().data() + actions.size());
  return result;
}

}  // namespace parity
