// for_each_shard, synchronize, capture
#include "conformance/backends.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

using namespace conformance;
using support::normal;
using support::same;

TEST_CASE_TEMPLATE("every shard runs once, with a backend to work on", B, TEST_BACKENDS) {
  B be;
  for (index_t const count : {0, 1, 2, 3, 8, 100}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
    auto out = upload(be, support::constant(extents{count, index_t{5}}, 0.0f));
    for_each_shard(be, count, [&](auto& worker, index_t shard) {
      ++runs[static_cast<std::size_t>(shard)];
      fill(worker, out.view()(shard), static_cast<float>(shard));
      synchronize(worker);
    });
    for (std::atomic<int> const& n : runs) CHECK(n == 1);
    CHECK(same(download(be, out), support::generate<float>(extents{count, index_t{5}}, [](index_t i) { return i / 5; })));
  }
}

TEST_CASE_TEMPLATE("an exception in a shard reaches the caller, and the backend goes on working", B, TEST_BACKENDS) {
  B be;
  for (int round = 0; round < 20; ++round) {
    auto const failing = [&] {
      for_each_shard(be, 8, [&](auto&, index_t shard) {
        if (shard == round % 8) throw std::runtime_error("shard " + std::to_string(shard));
      });
    };
    CHECK(support::message_of<std::runtime_error>(failing) == "shard " + std::to_string(round % 8));
    std::atomic<int> runs{0};
    for_each_shard(be, 8, [&](auto&, index_t) { ++runs; });
    CHECK(runs == 8);
  }
  auto const all_fail = [&] { for_each_shard(be, 8, [](auto&, index_t) { throw std::runtime_error("all"); }); };
  CHECK(support::message_of<std::runtime_error>(all_fail) == "all");
}

TEST_CASE_TEMPLATE("a captured step can be launched again and again", B, TEST_BACKENDS) {
  B be;
  auto const one = upload(be, support::constant(extents{1, 1}, 1.0));
  auto total = upload(be, support::constant(extents{1, 1}, 0.0));
  auto step = capture(be, [&] { gemm(be, one.read(), one.read(), total.view(), true); });
  double const before = download(be, total).read()(0, 0);
  for (int i = 0; i < 3; ++i) step.launch();
  CHECK(download(be, total).read()(0, 0) == before + 3);
}

TEST_CASE_TEMPLATE("what follows two concurrent parts sees the results of both", B, TEST_BACKENDS) {
  using backend::concurrently;  // B may be of any namespace
  B be;
  auto x = upload(be, support::constant(extents{1000}, 0.0f)), y = upload(be, support::constant(extents{1000}, 0.0f));
  for (int round = 1; round <= 3; ++round) {
    concurrently(be, [&](B& first) { fill(first, x.view(), static_cast<float>(round)); },
                 [&](B& second) { fill(second, y.view(), static_cast<float>(10 * round)); });
    CHECK(sum(be, x.read()) == static_cast<float>(1000 * round));
    CHECK(sum(be, y.read()) == static_cast<float>(10'000 * round));
  }
}
