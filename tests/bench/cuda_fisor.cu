// FISOR on a device at the paper's size (state 60, action 2, two actor batches of 1024, a critic batch of 256): updates a second
// with one seed and with sixteen, and how late an action is.
//
//   bench_cuda_fisor
//
// One update is 23.24 GFLOP (bench_fisor_update says how they are counted). Each rate is the median of five runs of train(200),
// whose updates are recorded, after one to warm up; each latency is of act() on host memory, copies included.
#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include "cuda_timer.cuh"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

using namespace parapet;
using backend::cuda;
using backend::device_space;
using backend::product_precision;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

rl::transitions<float, device_space> make_data(cuda& be) {
  constexpr index_t rows = 100'000;
  rl::transitions<float> data(rows, 60, 2);
  philox_stream const random(1, 1);
  auto const draw = [&](auto const& x, index_t first, bool uniform) {
    for (index_t i = 0; i < x.size(); ++i) x.data()[i] = uniform ? random.uniform(first + i) : random.normal(first + i);
  };
  draw(data.state(), 0, false);
  draw(data.next_state(), 10'000'000, false);
  draw(data.action(), 20'000'000, true);
  draw(data.reward(), 30'000'000, false);
  draw(data.h(), 40'000'000, false);
  for (auto const& x : {data.cost(), data.done(), data.timeout()})
    for (index_t i = 0; i < rows; ++i) x[i] = 0;
  return rl::upload(be, data);
}

void train(char const* name, product_precision precision, index_t seeds) {
  cuda be({.precision = precision});
  auto const data = make_data(be);
  rl::fisor_config config = rl::fisor_config::paper();
  config.shards = 1;
  rl::fisor<cuda> learner(be, config, data, seeds);
  constexpr index_t updates = 200;
  learner.train(updates);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    double const begin = now();
    learner.train(updates);
    times.push_back((now() - begin) / updates);
  }
  double const time = bench::median(times);
  std::printf("%s, %2td seed%s  %7.1f us an update  %7.0f updates/s  %7.0f seed-updates/s  %6.1f TFLOP/s\n", name, seeds, seeds == 1 ? " " : "s", 1e6 * time,
              1 / time, static_cast<double>(seeds) / time, 23.24e-3 * static_cast<double>(seeds) / time);
}

void act(char const* name, product_precision precision, index_t decisions) {
  cuda be({.precision = precision});
  auto const data = make_data(be);
  rl::fisor_config config = rl::fisor_config::paper();
  config.shards = 1;
  rl::fisor<cuda> const learner(be, config, data);
  rl::fisor_policy<cuda> policy(be, config, learner.networks(), learner.parameters(), decisions);
  buffer<float> state(60 * decisions), action(2 * decisions);
  buffer<index_t> number(decisions);
  std::vector<double> times;
  for (int i = 0; i < 2100; ++i) {
    for (index_t j = 0; j < 60 * decisions; ++j) state.view()[j] = philox_stream(1, 1).normal(60 * decisions * i + j);
    for (index_t j = 0; j < decisions; ++j) number.view()[j] = i * decisions + j;
    double const begin = now();
    policy.act(state.view(extents{decisions, index_t{60}}), number.view(), philox_stream(1, 2), action.view(extents{decisions, index_t{2}}));
    if (i >= 100) times.push_back(now() - begin);
  }
  std::sort(times.begin(), times.end());
  auto const percentile = [&](double p) { return 1e6 * times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))]; };
  std::printf("%s, %4td decision%s of 16 candidates and 5 steps: p50 %.1f us, p99 %.1f us, worst %.1f us, %.0f decisions/s\n", name, decisions,
              decisions == 1 ? " " : "s", percentile(0.5), percentile(0.99), 1e6 * times.back(), 1e6 * static_cast<double>(decisions) / percentile(0.5));
}

}  // namespace

int main() {
  if (!bench::has_device()) return 77;
  bench::print_device();
  struct {
    char const* name;
    product_precision precision;
  } const precisions[] = {{"float32", product_precision::float32}, {"tf32   ", product_precision::tf32}, {"bf16   ", product_precision::bf16}};
  for (auto const& p : precisions)
    for (index_t const seeds : {1, 16}) train(p.name, p.precision, seeds);
  for (auto const& p : precisions)
    for (index_t const decisions : {1, 256}) act(p.name, p.precision, decisions);
}
