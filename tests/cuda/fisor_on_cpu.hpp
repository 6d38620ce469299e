// FISOR trained on the CPU backend, compiled in a unit of its own.
#pragma once

#include <parapet/rl/fisor_state.hpp>

#include "support/fisor_problem.hpp"

namespace support {

struct trained_on_cpu {
  parapet::rl::fisor_snapshot<float> snapshot;
  double actor_loss;
};
trained_on_cpu train_on_cpu(parapet::rl::fisor_config const& config, parapet::rl::transitions<float> const& data, index_t updates);

}  // namespace support
