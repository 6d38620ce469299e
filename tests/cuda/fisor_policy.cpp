// FISOR's policy through the bodies of the CUDA kernels; no device.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include "support/pretended_device.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::one_shard;
using support::pretended_device;

namespace {

/// Networks with random parameters, in memory of a backend.
template <class B>
struct random_networks {
  using space = typename B::space;
  template <int Rank>
  static support::tensor<float, Rank, space> random(B& be, extents<Rank> const& shape, std::uint64_t seed) {
    auto host = support::normal<float>(shape, seed);
    for (index_t i = 0; i < host.size(); ++i) host.flat()[i] *= 0.3f;
    support::tensor<float, Rank, space> there(shape);
    copy(be, host.flat(), there.flat());
    return there;
  }
  random_networks(B& be, rl::fisor_config const& config)
      : networks(config, 3, 2), actor(random(be, extents{networks.actor_list.size()}, 1)),
        critics(random(be, extents{index_t{rl::fisor_networks::critics}, networks.critic_list.size()}, 2)),
        safety_value(random(be, extents{networks.value_list.size()}, 3)) {}
  rl::fisor_parameters<float, space> parameters() const { return {actor.read(), critics.read(), safety_value.read()}; }

  rl::fisor_networks networks;
  support::tensor<float, 1, space> actor;
  support::tensor<float, 2, space> critics;
  support::tensor<float, 1, space> safety_value;
};

}  // namespace

TEST_CASE("actions and what is told of them are those of the CPU: plain, recorded, launched") {
  pretended_device be;
  backend::cpu cpu(1);
  rl::fisor_config const config = one_shard();
  random_networks<pretended_device> const there(be, config);
  random_networks<backend::cpu> const here(cpu, config);
  rl::fisor_policy<pretended_device> policy(be, config, there.networks, there.parameters(), 4);
  rl::fisor_policy<backend::cpu> cpu_policy(cpu, config, here.networks, here.parameters(), 4);
  auto const states = support::normal<float>(extents{4, 3}, 5);
  auto const number = support::generate<index_t>(extents{4}, [](index_t i) { return 10 * i; });
  for (std::uint64_t round = 0; round < 3; ++round) {
    support::tensor<float, 2> action(extents{4, 2}), expected(extents{4, 2});
    support::tensor<rl::decision_info<float>, 1> info(extents{4}), expected_info(extents{4});
    policy.act(states.read(), number.read(), philox_stream(1, round), action.view(), info.view());
    cpu_policy.act(states.read(), number.read(), philox_stream(1, round), expected.view(), expected_info.view());
    CHECK(support::relative_difference(action, expected) < 1e-4);
    for (index_t i = 0; i < 4; ++i) {
      CHECK(info.view()[i].safety_critic == doctest::Approx(expected_info.view()[i].safety_critic).epsilon(1e-4));
      CHECK(info.view()[i].feasible == expected_info.view()[i].feasible);
    }
  }
}
