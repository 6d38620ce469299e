// One FISOR update at the paper's size: state 60, action 2, two actor batches of 1024 and a critic batch of 256.
//
//   bench_fisor_update [threads]        run it on an idle machine
//
// Prints the median time, the rate in GFLOP/s, and where the time of one thread goes. The work is counted as 23.24 GFLOP: three
// times the multiply-adds of a forward pass for what is trained, once for what is only evaluated, times two.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/rl/fisor.hpp>

#include "fisor_data.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace parapet;
using bench::seconds;

namespace {

template <class Backend>
double median_update(Backend& be, rl::transitions<float> const& data, int repetitions) {
  rl::fisor<Backend> learner(be, rl::fisor_config::paper(), data);
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    double const begin = seconds();
    learner.update();
    times.push_back(seconds() - begin);
  }
  return bench::percentile(times, 0.5);
}

}  // namespace

/// The CPU backend on one thread with a clock around each operation of the waist: every algorithm runs on it unchanged.
namespace parapet::inline PARAPET_ABI::backend {

class timed : public cpu {
public:
  timed() : cpu(1) {}
  std::map<std::string, double> spent;

  template <class F>
  void time(char const* name, F const& f) {
    if (inside_) return f();
    inside_ = true;
    double const begin = seconds();
    f();
    spent[name] += seconds() - begin;
    inside_ = false;
  }

private:
  bool inside_ = false;
};

template <class F>
void for_each_shard(timed& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}
#define PARAPET_TIMED(operation, what)                                                       \
  template <class... Arguments>                                                              \
  void operation(timed& be, Arguments const&... arguments) {                                 \
    be.time(what, [&] { operation(static_cast<cpu&>(be), arguments...); });                  \
  }
PARAPET_TIMED(gemm, "products")
PARAPET_TIMED(map, "elementwise (activations, Adam, losses)")
PARAPET_TIMED(for_each_index, "dropout masks, noisy actions")
PARAPET_TIMED(reduce_columns, "bias gradients")
PARAPET_TIMED(gather, "gather, copy, fill")
PARAPET_TIMED(copy, "gather, copy, fill")
PARAPET_TIMED(fill, "gather, copy, fill")
PARAPET_TIMED(fill_normal, "random rows, steps, noise")
PARAPET_TIMED(fill_below, "random rows, steps, noise")
#undef PARAPET_TIMED

// By their whole signature: a pack of arguments would lose against the reference kernel's template.
template <class T>
void layer_norm_forward(timed& be, matrix_view<T const> const& x, vector_view<T const> const& scale, vector_view<T const> const& shift,
                        std::type_identity_t<T> epsilon, matrix_view<T> const& y, matrix_view<T> const& normalized,
                        vector_view<T> const& inverse_deviation) {
  be.time("layer norm", [&] { layer_norm_forward(static_cast<cpu&>(be), x, scale, shift, epsilon, y, normalized, inverse_deviation); });
}
template <class T>
void layer_norm_backward(timed& be, vector_view<T const> const& scale, matrix_view<T const> const& normalized,
                         vector_view<T const> const& inverse_deviation, matrix_view<T const> const& dy, matrix_view<T> const& dx,
                         vector_view<T> const& dscale, vector_view<T> const& dshift) {
  be.time("layer norm", [&] { layer_norm_backward(static_cast<cpu&>(be), scale, normalized, inverse_deviation, dy, dx, dscale, dshift); });
}

}  // namespace parapet::inline PARAPET_ABI::backend

int main(int argc, char** argv) {
  int const threads = argc > 1 ? std::atoi(argv[1]) : backend::hardware_threads();
  constexpr double work = 23.24;  // GFLOP
  backend::cpu be(threads);
  auto const data = bench::random_transitions(100'000, 60);
  double const parallel = median_update(be, data, 30);
  std::printf("%d thread%s: %.1f ms an update, %.0f GFLOP/s (median of 30)\n", threads, threads == 1 ? "" : "s", 1e3 * parallel, work / parallel);

  backend::timed clock;
  constexpr int repetitions = 10;
  double const begin = seconds();
  double const serial = median_update(clock, data, repetitions);
  double const total = seconds() - begin;
  std::printf("1 thread: %.1f ms an update, %.0f GFLOP/s; where it goes:\n", 1e3 * serial, work / serial);
  std::vector<std::pair<double, std::string>> rows;
  double known = 0;
  for (auto const& [name, time] : clock.spent) rows.emplace_back(time, name), known += time;
  rows.emplace_back(total - known, "the rest, initial parameters included");
  std::sort(rows.rbegin(), rows.rend());
  for (auto const& [time, name] : rows) std::printf("  %5.1f %%  %6.2f ms  %s\n", 100 * time / total, 1e3 * time / repetitions, name.c_str());
}
