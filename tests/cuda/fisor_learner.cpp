// FISOR's learner through the bodies of the CUDA kernels; no device.
#include <parapet/rl/fisor.hpp>

#include "cuda/fisor_on_cpu.hpp"
#include "support/pretended_device.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace parapet;
using support::one_shard;
using support::pretended_device;

namespace {

/// Largest difference of two learners' parameters over the largest parameter, tensor by tensor.
template <class A, class B>
double difference(A const& a, B const& b) {
  auto const x = a.tensors(), y = b.tensors();
  REQUIRE(x.size() == y.size());
  double worst = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    REQUIRE(x[k].name == y[k].name);
    if (x[k].type != scalar_type::f32) continue;
    auto const* p = reinterpret_cast<float const*>(x[k].data);
    auto const* q = reinterpret_cast<float const*>(y[k].data);
    double apart = 0, scale = 1e-6;
    for (index_t i = 0; i < x[k].size(); ++i) {
      apart = std::max(apart, std::abs(static_cast<double>(p[i]) - static_cast<double>(q[i])));
      scale = std::max(scale, std::abs(static_cast<double>(q[i])));
    }
    worst = std::max(worst, apart / scale);
  }
  return worst;
}

}  // namespace

TEST_CASE("parameters after thirty updates are those of the CPU, and several seeds are each what they are alone") {
  pretended_device be;
  auto const data = support::random_transitions();
  auto const there = rl::upload(be, data);
  rl::fisor_config config = one_shard();
  rl::fisor<pretended_device> together(be, config, there, 3);
  together.train(30);
  for (index_t seed = 0; seed < 3; ++seed) {
    rl::fisor<pretended_device> alone(be, config, there);
    alone.train(30);
    auto const on_cpu = support::train_on_cpu(config, data, 30);
    CHECK(support::state_of(together.snapshot(seed)) == support::state_of(alone.snapshot()));
    CHECK(difference(alone.snapshot(), on_cpu.snapshot) < 1e-3);
    CHECK(std::abs(alone.losses().actor - on_cpu.actor_loss) < 1e-3 * std::abs(on_cpu.actor_loss));
    ++config.seed;
  }
}
