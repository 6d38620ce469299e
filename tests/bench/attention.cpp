// Attention on one thread of the CPU: GFLOP/s forward and backward, and their share of the peak measured in the same run.
//
//     bench_attention [tokens head_dim]
//
// Counted are the products alone: 4 d a pair of a query and a key it sees forward, 10 d backward. Exponentials, maxima and copies
// are what is missing to the peak. Heads are 256 / d, as in an encoder of width 256.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/attention.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace parapet;

template <class F>
double best_seconds(F const& f, double at_least = 0.3) {
  using clock = std::chrono::steady_clock;
  double best = 1e30;
  for (auto const start = clock::now(); std::chrono::duration<double>(clock::now() - start).count() < at_least;) {
    auto const before = clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(clock::now() - before).count());
  }
  return best;
}

/// Sums of packs that never leave their registers: enough of them to hide the latency of an addition.
constexpr index_t rounds = 100000;
constexpr int peak_sums = 12 * PARAPET_SIMD_BYTES / 64;
[[gnu::noinline]] float multiply_add_rounds(pack<float> const& a, pack<float> const& b) {
  pack<float> sum[peak_sums];
  PARAPET_UNROLL for (int k = 0; k < peak_sums; ++k) sum[k] = static_cast<float>(k);
  for (index_t i = 0; i < rounds; ++i) {
    PARAPET_UNROLL for (int k = 0; k < peak_sums; ++k) sum[k] = backend::detail::multiply_add(sum[k], a, b);
  }
  float total = 0;
  PARAPET_UNROLL for (int k = 0; k < peak_sums; ++k) total += sum_lanes(sum[k]);
  return total;
}
#if defined(__x86_64__)
__attribute__((target("avx512f"))) [[gnu::noinline]] float multiply_add_rounds_avx512(float first, float second) {
  __m512 sum[12];
  __m512 const a = _mm512_set1_ps(first), b = _mm512_set1_ps(second);
  PARAPET_UNROLL for (int k = 0; k < 12; ++k) sum[k] = _mm512_set1_ps(static_cast<float>(k));
  for (index_t i = 0; i < rounds; ++i) {
    PARAPET_UNROLL for (int k = 0; k < 12; ++k) sum[k] = _mm512_fmadd_ps(sum[k], a, b);
  }
  PARAPET_UNROLL for (int k = 1; k < 12; ++k) sum[0] = _mm512_add_ps(sum[0], sum[k]);
  float lane[16];
  _mm512_storeu_ps(lane, sum[0]);
  return lane[0] + lane[15];
}
#endif
double peak_gflops() {
  volatile float sink = 0;
  int elements = peak_sums * pack<float>::lanes;
  double seconds = best_seconds([&] { sink = multiply_add_rounds(0.999f, 1e-3f); });
#if defined(__x86_64__)
  if (backend::detail::this_cpu().avx512) {
    elements = 12 * 16;
    seconds = best_seconds([&] { sink = multiply_add_rounds_avx512(0.999f, 1e-3f); });
  }
#endif
  return 2e-9 * static_cast<double>(rounds * elements) / seconds;
}

std::vector<float> numbers(index_t count, std::uint64_t seed) {
  std::vector<float> x(static_cast<std::size_t>(count));
  philox_stream const stream(seed, 0);
  for (index_t i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(stream.normal(i));
  return x;
}

void measure(backend::cpu& be, double peak, index_t tokens, index_t head_dim, bool causal) {
  index_t const heads = 256 / head_dim, width = heads * head_dim;
  auto q = numbers(tokens * width, 1), k = numbers(tokens * width, 2), v = numbers(tokens * width, 3), g = numbers(tokens * width, 4), out = q, dq = q, dk = q,
       dv = q, log_sum = numbers(tokens * heads, 5);
  auto const view = [&](std::vector<float>& x) { return matrix_view<float>(x.data(), extents{tokens, width}); };
  matrix_view<float> const sums(log_sum.data(), extents{tokens, heads});
  std::vector<nn::sequence> const one{{0, tokens, 0, tokens}};
  nn::attention_heads const shape{heads, heads, head_dim};
  auto const reach = causal ? nn::attention_reach::causal() : nn::attention_reach::full();
  double const pairs = static_cast<double>(tokens) * static_cast<double>(causal ? tokens + 1 : 2 * tokens) / 2 * static_cast<double>(width);
  double const forward = best_seconds([&] { nn::attention_forward(be, shape, reach, one, view(q), view(k), view(v), view(out), sums); });
  double const backward = best_seconds(
      [&] { nn::attention_backward(be, shape, reach, one, view(q), view(k), view(v), view(out), sums, view(g), view(dq), view(dk), view(dv)); });
  double const f = 4e-9 * pairs / forward, b = 10e-9 * pairs / backward;
  std::printf("%6td %8td  %-6s %9.3f %7.1f %4.0f%% %9.3f %7.1f %4.0f%%\n", tokens, head_dim, causal ? "causal" : "full", 1e3 * forward, f, 100 * f / peak,
              1e3 * backward, b, 100 * b / peak);
}

}  // namespace

int main(int argc, char** argv) {
  backend::cpu be(1);
  double const peak = peak_gflops();
  std::printf("peak of one thread %.1f GFLOP/s; packs in registers of %d bytes\n", peak, PARAPET_SIMD_BYTES);
  std::printf("tokens head_dim  mask    forward ms  GFLOP/s of peak  backward ms  GFLOP/s of peak\n");
  if (argc > 2) {
    measure(be, peak, std::atol(argv[1]), std::atol(argv[2]), false);
    return 0;
  }
  for (index_t const head_dim : {32, 64, 128})
    for (index_t const tokens : {32, 128, 512, 2048})
      for (bool const causal : {false, true}) measure(be, peak, tokens, head_dim, causal);
}
