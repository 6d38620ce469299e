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
#include "fisor_data.hpp"

#include <cstdio>
#include <vector>

using namespace parapet;
using backend::cuda;
using backend::product_precision;

namespace {

void train(char const* name, product_precision precision, index_t seeds) {
  cuda be({.precision = precision});
  auto const data = rl::upload(be, bench::random_transitions(100'000, 60));
  rl::fisor<cuda> learner(be, rl::fisor_config::paper(), data, seeds);
  constexpr index_t updates = 200;
  learner.train(updates);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    double const begin = bench::seconds();
    learner.train(updates);
    times.push_back((bench::seconds() - begin) / updates);
  }
  double const time = bench::median(times);
  std::printf("%s, %2td seed%s  %7.1f us an update  %7.0f updates/s  %7.0f seed-updates/s  %6.1f TFLOP/s\n", name, seeds, seeds == 1 ? " " : "s", 1e6 * time,
              1 / time, static_cast<double>(seeds) / time, 23.24e-3 * static_cast<double>(seeds) / time);
}

void act(char const* name, product_precision precision, index_t decisions) {
  cuda be({.precision = precision});
  auto const data = rl::upload(be, bench::random_transitions(100'000, 60));
  rl::fisor_config const config = rl::fisor_config::paper();
  rl::fisor<cuda> const learner(be, config, data);
  rl::fisor_policy<cuda> policy(be, config, learner.networks(), learner.parameters(), decisions);
  buffer<float> state(60 * decisions), action(2 * decisions);
  buffer<index_t> number(decisions);
  std::vector<double> times;
  for (int i = 0; i < 2100; ++i) {
    for (index_t j = 0; j < 60 * decisions; ++j) state.view()[j] = philox_stream(1, 1).normal(60 * decisions * i + j);
    for (index_t j = 0; j < decisions; ++j) number.view()[j] = i * decisions + j;
    double const begin = bench::seconds();
    policy.act(state.view(extents{decisions, index_t{60}}), number.view(), philox_stream(1, 2), action.view(extents{decisions, index_t{2}}));
    if (i >= 100) times.push_back(bench::seconds() - begin);
  }
  auto const percentile = [&](double p) { return 1e6 * bench::percentile(times, p); };
  std::printf("%s, %4td decision%s of 16 candidates and 5 steps: p50 %.1f us, p99 %.1f us, worst %.1f us, %.0f decisions/s\n", name, decisions,
              decisions == 1 ? " " : "s", percentile(0.5), percentile(0.99), percentile(1), 1e6 * static_cast<double>(decisions) / percentile(0.5));
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
