// Prints the current CUDA device; exits with 77 and the reason where there is none.
#include <cuda_runtime.h>

#include <cstdio>

int main() {
  cudaDeviceProp device;
  cudaError_t const status = cudaGetDeviceProperties(&device, 0);
  if (status != cudaSuccess) {
    std::printf("%s", cudaGetErrorString(status));
    return 77;
  }
  std::printf("%s, compute capability %d.%d, %d multiprocessors, %.0f GiB", device.name, device.major, device.minor,
              device.multiProcessorCount, static_cast<double>(device.totalGlobalMem) / (1 << 30));
}
