// Copies between host and device, order of operations, sums bit by bit, threads.
#include <parapet/backend/cuda/kernels.cuh>

#include "support/cuda_bodies.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <thread>
#include <vector>

using namespace parapet;
using backend::cuda;
using backend::device_space;
using backend::pinned_space;
using support::generate;
using support::normal;
using support::same;
using support::tensor;

TEST_CASE("blocks, columns and stacks go to the device and back") {
  cuda be;
  auto const host = generate<float>(extents{3, 5, 7}, [](index_t i) { return i; });
  tensor<float, 3, device_space> device(host.shape());
  auto back = support::constant(extents{3, 5, 7}, -1.0f), expected = support::constant(extents{3, 5, 7}, -1.0f);
  copy(be, host.read(), device.view());
  auto const move = [&](auto pick) {
    copy(be, pick(device.read()), pick(back.view()));
    mine::serial plain;
    copy(plain, pick(host.read()), pick(expected.view()));
    CHECK(same(back, expected));
  };
  move([](auto const& x) { return x(1); });
  move([](auto const& x) { return x(0).rows(1, 4).columns(2, 6); });
  move([](auto const& x) { return x(2).columns(3, 4); });
  move([](auto const& x) { return transposed(x(2))(1); });
  move([](auto const& x) { return x.slice(1, 1, 3); });
  move([](auto const& x) { return x(0).rows(2, 2); });
  move([](auto const& x) { return x; });
}

TEST_CASE("small structures and integers too") {
  struct pair {
    std::uint64_t a;
    float b;
  };
  cuda be;
  pair const here{7, 0.5f};
  pair there{};
  buffer<pair, device_space> device(1);
  copy(be, vector_view<pair const>(&here, extents{1}), device.view());
  copy(be, device.view(), vector_view<pair>(&there, extents{1}));
  CHECK(there.a == 7);
  CHECK(there.b == 0.5f);
}

TEST_CASE("pinned memory: queued copies, read after synchronize") {
  cuda be;
  constexpr index_t n = 1 << 20;
  buffer<float, pinned_space> from(n), to(n);
  buffer<float, device_space> device(n);
  for (index_t i = 0; i < n; ++i) from.view()[i] = static_cast<float>(i % 1000);
  copy(be, vector_view<float const, pinned_space>(from.view()), device.view());
  copy(be, vector_view<float const, device_space>(device.view()), to.view());
  synchronize(be);
  index_t wrong = 0;
  for (index_t i = 0; i < n; ++i) wrong += to.view()[i] != from.view()[i];
  CHECK(wrong == 0);
}

TEST_CASE("ordinary memory and pinned memory copy to each other") {
  cuda be;
  auto const host = normal<float>(extents{4, 6}, 1);
  buffer<float, pinned_space> pinned(24);
  auto back = support::constant(extents{4, 6}, 0.0f);
  copy(be, host.read(), pinned.view(extents{4, 6}));
  copy(be, pinned.view(extents{4, 6}), back.view());
  CHECK(same(back, host));
}

TEST_CASE("small copies to the device: more of them than the page-locked ring holds, each from memory that is reused at once") {
  cuda be;
  constexpr index_t n = 5000, rounds = 100;
  buffer<float> host(n);
  buffer<float, device_space> device(rounds * n);
  for (index_t round = 0; round < rounds; ++round) {
    for (index_t i = 0; i < n; ++i) host.view()[i] = static_cast<float>(round);
    copy(be, host.view(), device.view().rows(round * n, (round + 1) * n));
  }
  for (index_t round = 0; round < rounds; ++round)
    CHECK(sum(be, device.view().rows(round * n, (round + 1) * n)) == static_cast<float>(round * n));
}

TEST_CASE("host memory may be reused at once after a copy") {
  cuda be;
  constexpr index_t n = 1 << 22;
  buffer<float> host(n);
  buffer<float, device_space> device(n);
  for (int round = 0; round < 5; ++round) {
    for (index_t i = 0; i < n; ++i) host.view()[i] = static_cast<float>(round);
    copy(be, vector_view<float const>(host.view()), device.view());
    for (index_t i = 0; i < n; ++i) host.view()[i] = -1;
    CHECK(sum(be, vector_view<float const, device_space>(device.view()).rows(0, 1000)) == 1000.0f * static_cast<float>(round));
  }
}

TEST_CASE("sums have the bits that the same order gives on the host") {
  cuda be;
  support::cuda_bodies bodies;
  for (index_t const n : {1, 33, 2048, 2049, 1'000'003}) {
    auto const x = normal<float>(extents{n}, 3);
    tensor<float, 1, device_space> device(x.shape());
    copy(be, x.read(), device.view());
    CHECK(sum(be, device.read()) == sum(bodies, x.read()));
    CHECK(argmin(be, device.read()) == argmin(bodies, x.read()));
    CHECK(argmax(be, device.read()) == argmax(bodies, x.read()));
  }
}

TEST_CASE("more than 2^31 elements") {
  std::size_t free = 0, total = 0;
  backend::check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  constexpr index_t n = (index_t{1} << 31) + 12345;
  if (free < static_cast<std::size_t>(n) + (std::size_t{1} << 30)) {
    MESSAGE("skipped: not enough device memory");
    return;
  }
  cuda be;
  buffer<unsigned char, device_space> x(n);
  fill(be, x.view(), 0);
  fill(be, x.view().rows(n - 1000, n), 3);
  std::vector<unsigned char> tail(2000);
  copy(be, vector_view<unsigned char const, device_space>(x.view()).rows(n - 2000, n), vector_view<unsigned char>(tail.data(), extents{2000}));
  for (std::size_t i = 0; i < 2000; ++i) CHECK(tail[i] == (i < 1000 ? 0 : 3));
}

TEST_CASE("threads with a backend each do not disturb each other") {
  constexpr int count = 4;
  std::vector<float> results(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&results, t] {
      cuda be;
      buffer<float, device_space> x(10'000);
      for (int round = 0; round < 50; ++round) fill(be, x.view(), static_cast<float>(t));
      results[static_cast<std::size_t>(t)] = sum(be, x.view());
    });
  for (std::thread& t : threads) t.join();
  for (int t = 0; t < count; ++t) CHECK(results[static_cast<std::size_t>(t)] == 10'000.0f * static_cast<float>(t));
}
