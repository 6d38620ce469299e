// The CUDA backend: everything that backend/backend.hpp asks for. See docs/cuda.md.
#pragma once

#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/backend/cuda/order.cuh>
