// A program of somebody who linked parapet::thrust_host.
#include <parapet/backend/thrust/thrust_host.hpp>

#include <cstdio>

int main() {
  parapet::backend::thrust_host<parapet::backend::thrust_cpp> be;
  float const x[] = {3, 1, 2};
  parapet::vector_view<float const> const view(x, parapet::extents{3});
  std::printf("sum %g, least at %d\n", sum(be, view), static_cast<int>(argmin(be, view)));
  return sum(be, view) == 6 && argmin(be, view) == 1 ? 0 : 1;
}
