// A program of somebody who linked parapet::cuda: it needs no device to build, and says so where there is none to run on.
#include <parapet/backend/cuda/cuda.cuh>

#include <cstdio>

int main() {
  using namespace parapet;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 0;
  }
  backend::cuda be;
  buffer<float, backend::device_space> a(6), b(6), c(4);
  fill(be, a.view(), 2.0f);
  fill(be, b.view(), 3.0f);
  buffer<float, backend::device_space> const &x = a, &y = b;
  gemm(be, x.view(extents<2>{{2, 3}}), y.view(extents<2>{{3, 2}}), c.view(extents<2>{{2, 2}}));
  float const total = sum(be, c.view());
  std::printf("sum %g\n", static_cast<double>(total));
  return total == 72 ? 0 : 1;
}
