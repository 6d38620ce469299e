// What the CPU backend promises beyond the conformance suite: threads that change no bits, and no allocation.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/reference.hpp>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace parapet;
using support::normal;

TEST_CASE("the backend has the threads that it was asked for") {
  CHECK(backend::cpu(3).threads() == 3);
  CHECK(backend::cpu().threads() == backend::hardware_threads());
  CHECK_THROWS_AS(backend::cpu(0), argument_error);
}

TEST_CASE("noise has the same bits however a fill is cut, and wherever it starts") {
  backend::cpu be(1);
  philox_stream const stream(5, 6);
  constexpr index_t n = 300, start = (index_t{1} << 34) - 100;  // the second word of the counter changes on the way
  support::tensor<float, 1> whole(extents{n}), cut(extents{n});
  fill_normal(be, whole.view(), stream, start);
  for (index_t const piece : {1, 3, 4, 7, 13, 64, 65, 200}) {
    for (index_t i = 0; i < n; i += piece) fill_normal(be, cut.view().slice(0, i, std::min(n, i + piece)), stream, start + i);
    CHECK(same(whole, cut));
  }
}

TEST_CASE("shards run at once on workers of their own, the same bits for any number of threads") {
  constexpr index_t shards = 8, rows = 12, n = 40;
  auto const a = normal<float>(extents{shards, rows, n}, 1);
  auto const b = normal<float>(extents{n, n}, 2);
  auto const run = [&](int threads) {
    backend::cpu be(threads);
    support::tensor<float, 3> c(extents{shards, rows, n});
    for_each_shard(be, shards, [&](backend::cpu& worker, index_t s) {
      CHECK(worker.threads() == 1);
      gemm(worker, a.read()(s), b.read(), c.view()(s));
      for_each_shard(worker, 1, [&](backend::cpu& same, index_t) { softmax_rows(same, matrix_view<float const>(c.view()(s)), c.view()(s)); });
    });
    return c;
  };
  auto const one = run(1);
  for (int threads : {2, 3, 8}) CHECK(support::same(run(threads), one));
}

TEST_CASE("once an operation has run, running it again allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  backend::cpu be(2);
  auto const a = normal<float>(extents{60, 300}, 1), b = normal<float>(extents{300, 50}, 2);
  auto c = normal<float>(extents{60, 50}, 3), rows = normal<float>(extents{60, 50}, 4), turned = normal<float>(extents{300, 50}, 7);
  auto keys = normal<float>(extents{500}, 5), sums = normal<float>(extents{50}, 6);
  auto order = support::generate<index_t>(extents{500}, [](index_t i) { return i; });
  auto const step = [&] {
    gemm(be, a.read(), b.read(), c.view());
    gemm(be, transposed(a.read()), c.read(), turned.view(), true);
    softmax_rows(be, c.read(), rows.view());
    reduce_columns(be, rows.read(), sums.view());
    fill_normal(be, keys.view(), philox_stream(1, 1));
    sort_by_key(be, keys.view(), order.view());
    std::atomic<int> arrived{0};
    for_each_shard(be, 2, [&](backend::cpu& worker, index_t s) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();  // so that each worker takes one
      gemm(worker, a.read().rows(30 * s, 30 * s + 30), b.read(), c.view().rows(30 * s, 30 * s + 30));
    });
  };
  step();
  auto const before = support::allocation_count();
  for (int i = 0; i < 20; ++i) step();
  CHECK(support::allocation_count() == before);
}
