// The one implementation of support/training.hpp, for any backend.
#pragma once

#include "training.hpp"

#include <parapet/rl/fisor.hpp>

namespace support {

template <class Backend>
class training_on final : public training {
public:
  training_on(Backend& be, parapet::rl::fisor_config const& config, parapet::rl::transitions<float> const& data, index_t seeds)
      : data_(parapet::rl::upload(be, data)), learner_(be, config, data_, seeds) {}

  index_t step() const override { return learner_.step(); }
  parapet::rl::fisor_losses train(index_t updates) override { return learner_.train(updates); }
  parapet::rl::fisor_snapshot<float> snapshot(index_t seed) const override { return learner_.snapshot(seed); }
  void restore(parapet::rl::fisor_snapshot<float> const& snapshot, index_t seed) override { learner_.restore(snapshot, seed); }

private:
  parapet::rl::transitions<float, typename Backend::space> data_;
  parapet::rl::fisor<Backend> learner_;
};

}  // namespace support
