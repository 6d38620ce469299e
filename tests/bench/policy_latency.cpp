// How late is the latest action? A decision at the paper's size (state 60, action 2, actor 256 wide with 3 blocks) as a control loop
// sees it, through rl::controller: FISOR's five steps with 16 candidates, and a policy distilled into one step (256 wide, 3 layers, one
// thread), with the critics' judgement of every candidate.
//
//   bench_policy_latency [decisions] [threads] [pause]       run it on an idle machine
//
// `pause` is slept between decisions, in microseconds, as a loop does that waits for its sensors: then the system lets it run with a
// real-time priority (chrt -f 50 bench_policy_latency 5000 2 2000), and what else runs on the machine hardly matters.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/rl/controller.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_agent.hpp>
#include <parapet/rl/one_step_agent.hpp>
#include <parapet/rl/one_step_policy.hpp>

#include "fisor_data.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace parapet;

namespace {

/// A checkpoint of the paper's configuration with its initial parameters.
tensor_archive paper_checkpoint() {
  backend::cpu be(1);
  auto const data = bench::random_transitions(1, 60);
  rl::fisor<backend::cpu> const learner(be, rl::fisor_config::paper(), data);
  tensor_archive file("paper");
  file.metadata() = learner.metadata();
  for (const_tensor_ref const& tensor : learner.tensors())
    std::memcpy(file.add(tensor.name, tensor.type, tensor.shape).data, tensor.data, static_cast<std::size_t>(tensor.bytes()));
  return file;
}

template <class Agent>
void measure(char const* name, Agent agent, int decisions, int pause) {
  rl::controller controller(std::move(agent));
  buffer<float> observation(controller.agent().state_dim());
  backend::cpu be(1);
  std::vector<double> times;
  for (int i = 0; i < decisions; ++i) {
    if (pause > 0) std::this_thread::sleep_for(std::chrono::microseconds(pause));
    fill_normal(be, observation.view(), philox_stream(1, 1), observation.size() * i);
    times.push_back(1e-6 * static_cast<double>(controller.act(observation.view()).elapsed.count()));
  }
  auto const percentile = [&](double p) { return bench::percentile(times, p); };
  std::printf("%-44s p50 %.3f  p99 %.3f  p99.9 %.3f  worst %.3f ms\n", name, percentile(0.5), percentile(0.99), percentile(0.999), percentile(1));
}

}  // namespace

int main(int argc, char** argv) {
  int const decisions = argc > 1 ? std::atoi(argv[1]) : 5000, threads = argc > 2 ? std::atoi(argv[2]) : 2, pause = argc > 3 ? std::atoi(argv[3]) : 0;
  tensor_archive const file = paper_checkpoint();
  backend::cpu be(threads);
  std::printf("%d decisions, %d thread%s\n", decisions, threads, threads == 1 ? "" : "s");
  measure("one step, 16 candidates in one round", rl::one_step_agent(be, rl::one_step_policy({60, 2}), rl::fisor_model(file), {.rows = 16}), decisions, pause);
  measure("five steps, 16 candidates in one round", rl::fisor_agent(be, file, {.rows = 16}), decisions, pause);
  measure("five steps, 16 candidates in rounds of 8", rl::fisor_agent(be, file, {.rows = 8}), decisions, pause);
}
