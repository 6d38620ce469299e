// doctest's main for programs that need a CUDA device: exits with 77, which ctest shows as skipped, where none answers.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cuda_runtime.h>

#include <cstdio>

int main(int argc, char** argv) {
  int devices = 0;
  cudaError_t const status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device (%s)\n", status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
