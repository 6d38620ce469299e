// The CUDA backend without inclusive_scan and sort_by_key: all that networks, samplers and learners need, quick to compile.
// <parapet/backend/cuda/cuda.cuh> adds those two, through Thrust.
#pragma once

#include <parapet/backend/cuda/attention.cuh>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/capture.cuh>
#include <parapet/backend/cuda/concurrently.cuh>
#include <parapet/backend/cuda/gemm.cuh>
#include <parapet/backend/cuda/map.cuh>
#include <parapet/backend/cuda/movement.cuh>
#include <parapet/backend/cuda/random.cuh>
#include <parapet/backend/cuda/reduce.cuh>
#include <parapet/backend/cuda/rows.cuh>
#include <parapet/backend/cuda/weights.cuh>
