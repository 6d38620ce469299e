#include <parapet/backend/cuda/kernels.cuh>

#include "parity/learner_on.hpp"

parity::outcome parity::learn_on_cuda(int updates) {
  parapet::backend::cuda be;
  return learn_on(be, updates);
}
