// The quickstart's configuration on Thrust: a thousand updates lead to the CPU's parameters, twice with the same bits.
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/point_robot_expert.hpp>
#include <parapet/rl/rollout.hpp>

#include "support/backends.hpp"
#include "support/fisor_problem.hpp"

#if defined(TEST_ON_THRUST)  // tests/parity compares with CUDA

#include <parapet/backend/cpu/cpu.hpp>

#include <algorithm>
#include <cmath>

using namespace parapet;
using support::state_of;

namespace {

/// The expert, and chance every other second.
rl::transitions<float> logged() {
  auto const behaviour = [random = philox_stream(0, 1)](auto const& state, index_t episode, index_t step, auto const& action) {
    if ((episode + step / 20) % 2 == 0) return rl::point_robot_expert{}(state, action);
    for (index_t i = 0; i < 2; ++i) action[i] = 2 * random.uniform(100 * episode + 2 * (step / 10) + i) - 1;
  };
  return rl::log_transitions(rl::point_robot{}, 3000, philox_stream(0, 2), behaviour, [](index_t) {});
}

}  // namespace

TEST_CASE_TEMPLATE("fisor: a thousand updates of the quickstart lead where the CPU's lead, and to the same bits twice", B, backend::thrust_host<backend::thrust_cpp>) {
  auto const data = logged();
  auto const config = rl::fisor_config::quickstart();
  backend::cpu cpu(1);
  B be;
  rl::fisor<backend::cpu> reference(cpu, config, data);
  rl::fisor<B> learner(be, config, data), again(be, config, data);
  reference.train(1000);
  learner.train(1000);
  again.train(1000);
  CHECK(state_of(again) == state_of(learner));
  auto const x = std::as_const(learner).tensors(), y = std::as_const(reference).tensors();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].type != scalar_type::f32 || x[i].name.find("moment") != x[i].name.npos) continue;
    double apart = 0, length = 0;
    for (index_t k = 0; k < x[i].size(); ++k) {
      double const p = reinterpret_cast<float const*>(x[i].data)[k], q = reinterpret_cast<float const*>(y[i].data)[k];
      apart += (p - q) * (p - q);
      length += q * q;
    }
    worst = std::max(worst, std::sqrt(apart / length));
  }
  MESSAGE("largest relative difference of a tensor: " << worst);
  CHECK(worst <= 1e-4);
}

#endif
