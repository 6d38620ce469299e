// One action at the paper's size: state 60, action 2, 16 candidates, 5 diffusion steps. How late is the latest?
//
//   bench_fisor_action [actions]        run it on an idle machine
//
// Prints percentiles of the latency of single decisions on one thread, as a control loop sees it.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;

int main(int argc, char** argv) {
  int const actions = argc > 1 ? std::atoi(argv[1]) : 5000;
  backend::cpu be(1);
  rl::fisor_config const config = rl::fisor_config::paper();
  rl::transitions<float> data(1, 60, 2);
  for (auto const& tensor : data.tensors())
    fill(be, vector_view<float>(const_cast<float*>(reinterpret_cast<float const*>(tensor.data)), extents{tensor.size()}), 0.0f);
  rl::fisor<backend::cpu> const learner(be, config, data);
  rl::fisor_policy<backend::cpu> policy(be, config, learner.networks(), learner.parameters());

  buffer<float> state(60), action(2);
  std::vector<double> times;
  for (index_t number = 0; number < actions; ++number) {
    fill_normal(be, state.view(), philox_stream(1, 1), 60 * number);
    auto const begin = std::chrono::steady_clock::now();
    policy.act(state.view(extents{index_t{1}, index_t{60}}), vector_view<index_t const>(&number, extents{index_t{1}}), philox_stream(1, 2),
               action.view(extents{index_t{1}, index_t{2}}));
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  auto const percentile = [&](double p) { return times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))]; };
  std::printf("%d actions of 16 candidates and 5 steps on one thread: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, worst %.2f ms\n", actions,
              percentile(0.5), percentile(0.99), percentile(0.999), times.back());
}
