// Seeds of FISOR side by side in one learner, against one learner after the other.
//
//   bench_fisor_seeds [seeds] [threads]        run it on an idle machine
//
// The quickstart's networks on random data of the point robot's shape. Prints seed-updates a second of both; the numbers that
// are learnt are the same.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

#include "fisor_data.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace parapet;

namespace {

/// Median over some repetitions of `updates` updates each, in seed-updates a second.
double rate(rl::fisor<backend::cpu>& learner, index_t updates) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    double const begin = bench::seconds();
    learner.train(updates);
    times.push_back(bench::seconds() - begin);
  }
  return static_cast<double>(updates * learner.seeds()) / bench::percentile(times, 0.5);
}

}  // namespace

int main(int argc, char** argv) {
  index_t const seeds = argc > 1 ? std::atol(argv[1]) : 16;
  int const threads = argc > 2 ? std::atoi(argv[2]) : backend::hardware_threads();
  backend::cpu be(threads);
  auto const data = bench::random_transitions(100'000, 11);
  rl::fisor<backend::cpu> one(be, rl::fisor_config::quickstart(), data), all(be, rl::fisor_config::quickstart(), data, seeds);
  double const alone = rate(one, 2000), together = rate(all, 200);
  std::printf("%d threads: one after the other %.0f seed-updates/s, %ld seeds side by side %.0f seed-updates/s: %.2f times\n", threads, alone,
              static_cast<long>(seeds), together, together / alone);
}
