// `point_robot_fisor --backend cuda`: the same learner on a GPU.
#include "../support/training_on.hpp"

#include <parapet/backend/cuda/kernels.cuh>

#include <stdexcept>

std::unique_ptr<support::training> support::make_cuda_training(parapet::rl::fisor_config const& config,
                                                               parapet::rl::transitions<float> const& data, index_t seeds) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0)
    throw std::runtime_error("--backend cuda: this machine has no GPU that CUDA can use");
  static parapet::backend::cuda be;
  return std::make_unique<training_on<parapet::backend::cuda>>(be, config, data, seeds);
}
