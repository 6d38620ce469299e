// Training FISOR on a backend that the rest of a program need not know: each stands in a unit of its own.
//
// Everything crosses in host memory: data in, snapshots out. So one program can train on a GPU, judge on the CPU, and be built
// where there is neither nvcc nor Thrust.
#pragma once

#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/transitions.hpp>

#include <memory>

namespace parapet::inline PARAPET_ABI::rl {
struct fisor_losses;
template <class T>
class fisor_snapshot;
}  // namespace parapet::inline PARAPET_ABI::rl

namespace support {

using parapet::index_t;

/// Seeds that train side by side.
class training {
public:
  virtual ~training() = default;
  virtual index_t step() const = 0;
  /// Losses of the last of `updates` updates, of the first seed.
  virtual parapet::rl::fisor_losses train(index_t updates) = 0;
  virtual parapet::rl::fisor_snapshot<float> snapshot(index_t seed) const = 0;
  virtual void restore(parapet::rl::fisor_snapshot<float> const& snapshot, index_t seed) = 0;
};

using training_maker = std::unique_ptr<training>(parapet::rl::fisor_config const&, parapet::rl::transitions<float> const&, index_t seeds);
training_maker make_thrust_training, make_cuda_training;  // examples/point_robot_fisor/*

}  // namespace support
