// One action at the paper's size: state 60, action 2, 16 candidates, 5 diffusion steps. How late is the latest?
//
//   bench_fisor_action [actions]        run it on an idle machine
//
// Prints percentiles of the latency of single decisions on one thread, as a control loop sees it.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include "fisor_data.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;

int main(int argc, char** argv) {
  int const actions = argc > 1 ? std::atoi(argv[1]) : 5000;
  backend::cpu be(1);
  rl::fisor_config const config = rl::fisor_config::paper();
  auto const data = bench::random_transitions(1, 60);
  rl::fisor<backend::cpu> const learner(be, config, data);
  rl::fisor_policy<backend::cpu> policy(be, config, learner.networks(), learner.parameters());

  buffer<float> state(60), action(2);
  std::vector<double> times;
  for (index_t number = 0; number < actions; ++number) {
    fill_normal(be, state.view(), philox_stream(1, 1), 60 * number);
    double const begin = bench::seconds();
    policy.act(state.view(extents{index_t{1}, index_t{60}}), vector_view<index_t const>(&number, extents{index_t{1}}), philox_stream(1, 2),
               action.view(extents{index_t{1}, index_t{2}}));
    times.push_back(1e3 * (bench::seconds() - begin));
  }
  auto const percentile = [&](double p) { return bench::percentile(times, p); };
  std::printf("%d actions of 16 candidates and 5 steps on one thread: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, worst %.2f ms\n", actions,
              percentile(0.5), percentile(0.99), percentile(0.999), percentile(1));
}
