// Times of work on a device, for the benchmarks: events around graph launches, medians.
#pragma once

#include <parapet/backend/cuda/capture.cuh>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace bench {

using parapet::index_t;

class event {
public:
  event() { parapet::backend::check_cuda(cudaEventCreate(&handle_), "cudaEventCreate"); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { cudaEventDestroy(handle_); }
  void record(cudaStream_t stream) { parapet::backend::check_cuda(cudaEventRecord(handle_, stream), "cudaEventRecord"); }
  /// Seconds from this event to a later one, which it waits for.
  double until(event const& later) const {
    float milliseconds = 0;
    parapet::backend::check_cuda(cudaEventSynchronize(later.handle_), "cudaEventSynchronize");
    parapet::backend::check_cuda(cudaEventElapsedTime(&milliseconds, handle_, later.handle_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

private:
  cudaEvent_t handle_ = nullptr;
};

inline double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

/// Median seconds of one step(i): a graph of `steps` of them, i = 0, 1, ..., launched `launches` times after two to warm up. Steps
/// with other memory for another i keep the caches from holding it all.
template <class Step>
double seconds_per_step(parapet::backend::cuda& be, int steps, int launches, Step const& step) {
  step(0);  // loads the kernels
  auto graph = capture(be, [&] {
    for (int i = 0; i < steps; ++i) step(i);
  });
  std::vector<double> times;
  for (int i = 0; i < launches + 2; ++i) {
    event begin, end;
    begin.record(be.stream());
    graph.launch();
    end.record(be.stream());
    double const time = begin.until(end) / steps;
    if (i >= 2) times.push_back(time);
  }
  return median(times);
}

inline void print_device() {
  int device = 0;
  cudaDeviceProp properties{};
  parapet::backend::check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  parapet::backend::check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  std::printf("%s, %d multiprocessors, L2 %.0f MB\n", properties.name, properties.multiProcessorCount, properties.l2CacheSize / 1048576.0);
}

/// Exits with 77 where no device answers.
inline bool has_device() {
  int devices = 0;
  cudaError_t const status = cudaGetDeviceCount(&devices);
  if (status == cudaSuccess && devices > 0) return true;
  std::printf("skipped: no CUDA device (%s)\n", status == cudaSuccess ? "none found" : cudaGetErrorString(status));
  return false;
}

}  // namespace bench
