// Seeds of FISOR side by side in one learner, against one learner after the other.
//
//   bench_fisor_seeds [seeds] [threads]        run it on an idle machine
//
// The quickstart's networks on random data of the point robot's shape. Prints seed-updates a second of both; the numbers that
// are learnt are the same.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

rl::transitions<float> make_data(backend::cpu& be) {
  rl::transitions<float> data(100000, 11, 2);
  philox_stream const random(1, 1);
  fill_normal(be, flatten(data.state()), random, 0);
  fill_normal(be, flatten(data.next_state()), random, 10'000'000);
  fill_uniform(be, flatten(data.action()), random, 20'000'000);
  fill_normal(be, data.reward(), random, 30'000'000);
  fill_normal(be, data.h(), random, 40'000'000);
  for (auto const& x : {data.cost(), data.done(), data.timeout()}) fill(be, x, 0.0f);
  return data;
}

/// Median over some repetitions of `updates` updates each, in seed-updates a second.
double rate(rl::fisor<backend::cpu>& learner, index_t updates) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    double const begin = seconds();
    learner.train(updates);
    times.push_back(seconds() - begin);
  }
  std::sort(times.begin(), times.end());
  return static_cast<double>(updates * learner.seeds()) / times[2];
}

}  // namespace

int main(int argc, char** argv) {
  index_t const seeds = argc > 1 ? std::atol(argv[1]) : 16;
  int const threads = argc > 2 ? std::atoi(argv[2]) : backend::hardware_threads();
  backend::cpu be(threads);
  auto const data = make_data(be);
  rl::fisor<backend::cpu> one(be, rl::fisor_config::quickstart(), data), all(be, rl::fisor_config::quickstart(), data, seeds);
  double const alone = rate(one, 2000), together = rate(all, 200);
  std::printf("%d threads: one after the other %.0f seed-updates/s, %ld seeds side by side %.0f seed-updates/s: %.2f times\n", threads, alone,
              static_cast<long>(seeds), together, together / alone);
}
