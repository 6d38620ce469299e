#include "cuda/fisor_on_cpu.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

support::trained_on_cpu support::train_on_cpu(parapet::rl::fisor_config const& config, parapet::rl::transitions<float> const& data, index_t updates) {
  parapet::backend::cpu be(1);
  parapet::rl::fisor<parapet::backend::cpu> learner(be, config, data);
  double const loss = learner.train(updates).actor;
  return {learner.snapshot(), loss};
}
