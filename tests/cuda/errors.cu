// Errors on a device: each is an exception that names the call, and the next call works.
#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/core/arena.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace parapet;
using backend::cuda;
using backend::cuda_error;
using backend::device_space;
using support::contains;
using support::message_of;

namespace {

struct set_to_seven {
  template <class X>
  PARAPET_FN void operator()(X& x) const { x = X(7); }
};
struct add {
  template <class X>
  PARAPET_FN void operator()(X& x, X& y) const { x = x + y; }
};
__global__ void do_nothing() {}

bool works(cuda& be) {
  buffer<float, device_space> x(100);
  map(be, set_to_seven{}, x.view());
  return sum(be, x.view()) == 700 && cudaPeekAtLastError() == cudaSuccess;
}

}  // namespace

TEST_CASE("a launch that cannot be") {
  cuda be;
  auto const bad = [&] { backend::cuda_detail::launch(be, "nothing", 5, {1, 1, 4096, 1}, do_nothing); };
  std::string const message = message_of<cuda_error>(bad);
  CHECK(contains(message, "launch of nothing over 5 elements (1 x 1 blocks of 4096 x 1 threads): "));
  CHECK(contains(message, "cudaErrorInvalid"));
  CHECK(works(be));
}

TEST_CASE("more memory than there is") {
  cuda be;
  auto const large = [] { buffer<float, device_space> x(index_t{1} << 50); };
  CHECK(contains(message_of<cuda_error>(large), "cudaMalloc of 4503599627370496 bytes: out of memory"));
  try {
    large();
  } catch (cuda_error const& e) {
    CHECK(e.code() == cudaErrorMemoryAllocation);
  }
  CHECK(works(be));
  CHECK_THROWS_AS((buffer<float, device_space>(-1)), argument_error);
  arena<device_space> memory;
  auto const plan_too_much = [&] { plan(memory, [](auto& m) { return m.template take<float>(extents{index_t{1} << 50}); }); };
  CHECK_THROWS_AS(plan_too_much(), cuda_error);
  CHECK(works(be));
}

TEST_CASE("a backend whose work memory does not fit") {
  CHECK(contains(message_of<cuda_error>([] { cuda be({.workspace_bytes = index_t{1} << 50}); }), "cudaMalloc of"));
  cuda be;
  CHECK(works(be));
}

TEST_CASE("a status of cuBLASLt") {
  cuda be;
  auto const refused = [] { backend::check_cublas(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmul of ", 3, " products"); };
  CHECK(contains(message_of<cuda_error>(refused), "cublasLtMatmul of 3 products: "));
  CHECK(works(be));
}

TEST_CASE("shapes are checked before anything is queued") {
  cuda be;
  buffer<float, device_space> x(12), y(10);
  CHECK(message_of<shape_error>([&] { map(be, add{}, x.view(extents{3, 4}), y.view(extents{2, 5})); }) ==
        "map: an argument has shape (2, 5), expected (3, 4)");
  CHECK_THROWS_AS(x.view(extents{4, 4}), shape_error);
  CHECK_THROWS_AS(gemm(be, x.view(extents{3, 4}), y.view(extents{5, 2}), y.view(extents{3, 2})), shape_error);
  CHECK(works(be));
}

TEST_CASE("an error that someone else left behind is not blamed on the next call") {
  cuda be;
  static_cast<void>(cudaSetDevice(1'000'000));
  CHECK(cudaPeekAtLastError() != cudaSuccess);
  buffer<float, device_space> x(100);
  map(be, set_to_seven{}, x.view());
  CHECK(sum(be, x.view()) == 700);
  static_cast<void>(cudaGetLastError());
}

TEST_CASE("backends come and go") {
  for (int i = 0; i < 20; ++i) {
    cuda be;
    CHECK(works(be));
  }
  std::size_t before = 0, after = 0, total = 0;
  cuda first;
  CHECK(works(first));
  backend::check_cuda(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
  for (int i = 0; i < 20; ++i) {
    cuda be;
    CHECK(works(be));
  }
  backend::check_cuda(cudaMemGetInfo(&after, &total), "cudaMemGetInfo");
  CHECK(after + (std::size_t{64} << 20) >= before);  // nothing leaks that grows; another process may take some
}
