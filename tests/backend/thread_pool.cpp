#include <parapet/backend/cpu/thread_pool.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace parapet;
using backend::thread_pool;

TEST_CASE("every task runs once, on a worker of the pool") {
  for (int threads = 1; threads <= 5; ++threads) {
    thread_pool pool(threads);
    CHECK(pool.size() == threads);
    for (index_t const count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      std::atomic<bool> in_range{true};
      pool.run(count, [&](int worker, index_t task) {
        ++runs[static_cast<std::size_t>(task)];
        if (worker < 0 || worker >= threads) in_range = false;
      });
      CHECK(in_range);
      for (std::atomic<int> const& n : runs) CHECK(n == 1);
    }
  }
}

TEST_CASE("a worker runs one task at a time, and what tasks write is seen after the round") {
  thread_pool pool(3);
  std::vector<long> total(3), results(64);  // plain memory: the thread sanitizer watches
  for (int round = 0; round < 2000; ++round)
    pool.run(64, [&](int worker, index_t task) {
      ++total[static_cast<std::size_t>(worker)];
      results[static_cast<std::size_t>(task)] += task;
    });
  CHECK(total[0] + total[1] + total[2] == 64 * 2000);
  for (std::size_t task = 0; task < results.size(); ++task) CHECK(results[task] == 2000 * static_cast<long>(task));
}

TEST_CASE("workers are there to be used: a task may wait for another") {
  thread_pool pool(3);
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> arrived{0};
    pool.run(3, [&](int, index_t) {
      ++arrived;
      while (arrived < 3) std::this_thread::yield();
    });
    CHECK(arrived == 3);
  }
}

TEST_CASE("workers that fell asleep wake up") {
  thread_pool pool(2);
  std::atomic<int> runs{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than a worker spins
    pool.run(2, [&](int, index_t) { ++runs; });
  }
  CHECK(runs == 10);
}

TEST_CASE("the first exception is thrown to the caller after all other tasks, and the pool goes on") {
  for (int threads = 2; threads <= 3; ++threads) {
    thread_pool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> runs{0};
      auto const failing = [&] {
        pool.run(16, [&](int, index_t task) {
          ++runs;
          if (task % 5 == 2) throw std::runtime_error("task failed");
        });
      };
      CHECK(support::message_of<std::runtime_error>(failing) == "task failed");
      CHECK(runs == 16);
    }
    pool.run(4, [](int, index_t) {});
  }
}

TEST_CASE("pools are independent of each other and may be left unused") {
  thread_pool unused(4);
  thread_pool a(2), b(2);
  std::atomic<int> runs{0};
  a.run(4, [&](int, index_t) { ++runs; });
  b.run(4, [&](int, index_t) { ++runs; });
  CHECK(runs == 8);
}

TEST_CASE("a pool needs a thread") {
  CHECK(support::message_of<argument_error>([] { thread_pool(0); }) == "thread_pool: 0 threads, expected at least 1");
  CHECK_THROWS_AS(thread_pool(-1), argument_error);
  CHECK(backend::hardware_threads() >= 1);
}
