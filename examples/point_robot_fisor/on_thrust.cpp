// `point_robot_fisor --backend thrust`: the algorithms of the CUDA backend on the CPU, through Thrust's sequential system.
#include "../support/training_on.hpp"

#include <parapet/backend/thrust/thrust_host.hpp>

std::unique_ptr<support::training> support::make_thrust_training(parapet::rl::fisor_config const& config,
                                                                 parapet::rl::transitions<float> const& data, index_t seeds) {
  using backend = parapet::backend::thrust_host<parapet::backend::thrust_cpp>;
  static backend be;
  return std::make_unique<training_on<backend>>(be, config, data, seeds);
}
