// What one step of a sampler costs by itself: the denoiser answers with an array that it has, at no cost.
//
//   bench_diffusion_step [--csv] [threads]        run it on an idle machine
//
// For each solver, dimension and batch: time of a step (median of runs of 20 steps), and for arrays beyond the caches the bandwidth
// as a share of what copying an array reaches on this machine. diffusion_peers.py runs it beside diffusers and k-diffusion.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace parapet;
using namespace parapet::diffusion;

namespace {

using view = matrix_view<float>;
using const_view = matrix_view<float const>;

constexpr index_t steps = 20;
constexpr index_t largest = 1 << 22;  ///< beyond that many elements, which leave every cache, only some solvers run

/// Median of the times of f, in seconds; at least 3 of them, and for at least 0.1 s.
template <class F>
double median_time(F f) {
  f();
  std::vector<double> times;
  for (double total = 0; (total < 0.1 && times.size() < 20000) || times.size() < 3;) {
    auto const begin = std::chrono::steady_clock::now();
    f();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

/// Arrays that a plan reads and writes in all, each as often as a step names it; the model's answer and noise count as read.
double arrays_moved(sampling_plan const& plan) {
  double count = 0;
  for (sampling_step const& s : plan.steps) {
    std::vector<int> read;
    auto const reads = [&](int slot) {
      if (std::find(read.begin(), read.end(), slot) == read.end()) read.push_back(slot);
    };
    for (term const& t : s.terms) reads(t.slot);
    if (s.evaluates) reads(fresh), reads(s.from);
    count += static_cast<double>(read.size()) + 1 + (s.keep != nowhere) + (s.noise != 0);
  }
  return count;
}

/// Runs `s` on x, each thread on rows of its own.
struct shards {
  backend::cpu& be;
  index_t rows, dimension;
  buffer<float> x, answer;
  arena<> memory;

  shards(backend::cpu& b, index_t r, index_t d) : be(b), rows(r), dimension(d), x(r * d), answer(r * d) {
    fill_normal(be, x.view(), philox_stream(1, 0));
    fill_normal(be, answer.view(), philox_stream(2, 0));
  }

  template <class Sampler>
  double time(Sampler const& s) {
    index_t const count = std::min<index_t>(rows, be.threads());
    std::vector<sampler_workspace<float, host_space>> work(static_cast<std::size_t>(count));
    auto const begin = [&](index_t i) { return i * rows / count; };
    memory = {};
    plan(memory, [&](auto& m) {
      for (index_t i = 0; i < count; ++i) work[static_cast<std::size_t>(i)] = s.template make_workspace<float>(m, begin(i + 1) - begin(i), dimension);
      return 0;
    });
    view const all = x.view(extents{rows, dimension}), answers = answer.view(extents{rows, dimension});
    auto const run = [&](backend::cpu& worker, index_t i) {
      const_view const mine = answers.rows(begin(i), begin(i + 1));
      s.run_from(worker, [&](auto&, const_view const&, noise_level const&) { return mine; }, philox_noise{philox_stream(3, static_cast<std::uint64_t>(i))},
                 all.rows(begin(i), begin(i + 1)), work[static_cast<std::size_t>(i)]);
    };
    if (count == 1) return median_time([&] { run(be, 0); });
    return median_time([&] { be.for_each_shard(count, run); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  bool const csv = argc > 1 && std::strcmp(argv[1], "--csv") == 0;
  int const threads = argc > 1 + csv ? std::atoi(argv[1 + csv]) : 1;
  backend::cpu be(threads);
  noise_schedule const schedule = noise_schedule::scaled_linear(1000);
  level_list const levels = make_levels(schedule, trailing{}, steps), scaled = make_levels(edm{0.02, 20}, karras_grid{}, steps, last_level::data);
  struct row {
    char const* name;
    sampling_plan plan;
    bool large = false;
  };
  std::vector<row> const rows = {{"euler", make_plan(euler{}, scaled), true}, {"heun", make_plan(heun{}, scaled)},
                                 {"ddim", make_plan(ddim{}, levels)}, {"ddpm", make_plan(ddpm{}, levels)},
                                 {"dpmpp_2m", make_plan(dpm_pp_multistep{}, levels), true}, {"unipc", make_plan(unipc{}, levels)}};
  if (!csv) std::printf("%d thread%s, float, %lld steps; GB/s in brackets: share of copying\n", threads, threads > 1 ? "s" : "", static_cast<long long>(steps));
  for (index_t const dimension : {2, 32, 1024}) {
    for (index_t const batch : {1, 64, 1024, 65536}) {
      shards s(be, batch, dimension);
      double const bytes = 4.0 * static_cast<double>(batch * dimension);
      double const copied = median_time([&] {
        index_t const count = std::min<index_t>(batch, threads);
        auto const part = [&](backend::cpu& worker, index_t i) {
          view const to = s.x.view(extents{batch, dimension});
          const_view const from = s.answer.view(extents{batch, dimension});
          copy(worker, flatten(from.rows(i * batch / count, (i + 1) * batch / count)), flatten(to.rows(i * batch / count, (i + 1) * batch / count)));
        };
        if (count == 1) part(be, 0);
        else be.for_each_shard(count, part);
      });
      double const copy_speed = 2 * bytes / copied;
      for (row const& r : rows) {
        if (batch * dimension > largest && !r.large) continue;
        double const seconds = s.time(sampler(r.plan)), speed = bytes * arrays_moved(r.plan) / seconds;
        if (csv) std::printf("%s,%lld,%lld,%.9g,%.4g,%.4g\n", r.name, static_cast<long long>(dimension), static_cast<long long>(batch), seconds / steps, speed / 1e9, speed / copy_speed);
        else std::printf("%-9s d %4lld batch %5lld: %10.3f us a step, %6.1f GB/s (%.2f)\n", r.name, static_cast<long long>(dimension), static_cast<long long>(batch), 1e6 * seconds / steps, speed / 1e9, speed / copy_speed);
      }
    }
  }
}
