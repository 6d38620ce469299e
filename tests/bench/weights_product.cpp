// Products with stored weights beside what the machine can do at all, measured in the same run.
//
//   bench_weights_product [threads] [seconds a row]        run it on an idle machine
//
// Peaks: loops of one instruction on registers (vfmadd, vdpbf16ps, vpdpbusd), and a read of 512 MB. Then y = x W' for layers of a
// 7B decoder and of a small encoder; where there are several copies of the weights, each call reads another, as a model's layers
// do. Peers: Eigen in float on one thread; OpenBLAS in float and bfloat16 where libopenblas.so.0 is found (environment
// OPENBLAS_LIBRARY says where else).
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/philox.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")))
#endif

using namespace parapet;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Shortest of the calls that fit into `budget` seconds, at least three.
template <class F>
double best_time(double budget, F const& f) {
  double best = 1e30;
  double const end = seconds() + budget;
  for (int calls = 0; calls < 3 || seconds() < end; ++calls) {
    double const begin = seconds();
    f(calls);
    best = std::min(best, seconds() - begin);
  }
  return best;
}

// Peaks ------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
constexpr int chains = 24;
constexpr index_t rounds = 1'000'000;

// Whole loops as text: a compiler that kept one sum in memory would measure its latency.
#define EIGHT(step, a, b, c, d, e, f, g, h)                                                                                      \
  step " %%zmm30, %%zmm31, %%zmm" #a "\n" step " %%zmm30, %%zmm31, %%zmm" #b "\n" step " %%zmm30, %%zmm31, %%zmm" #c "\n"     \
  step " %%zmm30, %%zmm31, %%zmm" #d "\n" step " %%zmm30, %%zmm31, %%zmm" #e "\n" step " %%zmm30, %%zmm31, %%zmm" #f "\n"     \
  step " %%zmm30, %%zmm31, %%zmm" #g "\n" step " %%zmm30, %%zmm31, %%zmm" #h "\n"
#define REGISTER_LOOP(name, step)                                                                                                \
  TARGET_AVX512 void name() {                                                                                                    \
    index_t left = rounds;                                                                                                       \
    __asm__ volatile("vzeroall\n vpxord %%zmm16, %%zmm16, %%zmm16\n vmovdqa64 %%zmm16, %%zmm30\n vmovdqa64 %%zmm16, %%zmm31\n" \
                     "vmovdqa64 %%zmm16, %%zmm17\n vmovdqa64 %%zmm16, %%zmm18\n vmovdqa64 %%zmm16, %%zmm19\n"                    \
                     "vmovdqa64 %%zmm16, %%zmm20\n vmovdqa64 %%zmm16, %%zmm21\n vmovdqa64 %%zmm16, %%zmm22\n"                    \
                     "vmovdqa64 %%zmm16, %%zmm23\n 1:\n"                                                                          \
                     EIGHT(step, 0, 1, 2, 3, 4, 5, 6, 7) EIGHT(step, 8, 9, 10, 11, 12, 13, 14, 15)                               \
                     EIGHT(step, 16, 17, 18, 19, 20, 21, 22, 23) "dec %0\n jnz 1b\n vzeroupper"                                  \
                     : "+r"(left)                                                                                                \
                     :                                                                                                           \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",   \
                       "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",        \
                       "xmm23", "xmm30", "xmm31");                                                                               \
  }
REGISTER_LOOP(fma_loop, "vfmadd231ps")
REGISTER_LOOP(bf16_loop, "vdpbf16ps")
REGISTER_LOOP(int8_loop, "vpdpbusd")

TARGET_AVX512 std::int64_t read_all(std::int64_t const* from, index_t count) {
  __m512i sum[4] = {};
  for (index_t i = 0; i + 32 <= count; i += 32)
    for (int j = 0; j < 4; ++j) sum[j] = _mm512_xor_si512(sum[j], _mm512_loadu_si512(from + i + 8 * j));
  std::int64_t lane[8], total = 0;
  for (auto const& s : sum) {
    _mm512_storeu_si512(lane, s);
    for (std::int64_t x : lane) total ^= x;
  }
  return total;
}
#endif

struct peaks {
  double operations[3] = {};  ///< float, bfloat16, int8: per second
  double bytes = 0;           ///< of memory a second
};

peaks measure_peaks(backend::cpu& be) {
  peaks p;
#if defined(__x86_64__)
  backend::detail::cpu_features const& has = backend::detail::this_cpu();
  int const threads = be.threads();
  auto const all = [&](void (*loop)()) {
    return best_time(0.5, [&](int) { for_each_shard(be, threads, [&](auto&, index_t) { loop(); }); });
  };
  double const instructions = static_cast<double>(chains * rounds * threads);
  if (has.avx512) p.operations[0] = 32 * instructions / all(fma_loop);
  if (has.avx512_bf16) p.operations[1] = 64 * instructions / all(bf16_loop);
  if (has.avx512_vnni) p.operations[2] = 128 * instructions / all(int8_loop);
  constexpr index_t words = index_t{512} << 17;
  buffer<std::int64_t> memory(words);
  std::fill_n(memory.data(), words, 1);
  std::vector<std::int64_t> out(static_cast<std::size_t>(threads));
  if (has.avx512)
    p.bytes = 8.0 * words / best_time(1, [&](int) {
      for_each_shard(be, threads, [&](auto&, index_t i) {
        out[static_cast<std::size_t>(i)] = read_all(memory.data() + words * i / threads, words / threads);
      });
    });
  if (std::any_of(out.begin(), out.end(), [](auto x) { return x != 0; })) std::puts("odd");
#endif
  return p;
}

// Products ---------------------------------------------------------------------------------------------------------

/// Several matrices (out, in) of T in one buffer, more together than a cache holds.
template <class T>
struct layers {
  index_t out, in, count;
  buffer<T> memory;
  layers(index_t o, index_t i)
      : out(o), in(i), count(std::clamp(index_t{160'000'000} / (o * i * index_t{sizeof(T)}), index_t{1}, index_t{64})), memory(count * o * i) {
    philox_stream const stream(1, 0);
    constexpr index_t drawn = 65536;
    for (index_t k = 0; k < std::min(drawn, memory.size()); ++k) {
      float const x = stream.uniform(k) - 0.5f;
      if constexpr (std::is_same_v<T, float>) memory.data()[k] = x;
      else if constexpr (std::is_same_v<T, bfloat16>) memory.data()[k] = to_bfloat16(x);
      else memory.data()[k] = static_cast<T>(x * 254);
    }
    for (index_t k = drawn; k < memory.size(); k += drawn) std::copy_n(memory.data(), std::min(drawn, memory.size() - k), memory.data() + k);
  }
  matrix_view<T const> operator[](int call) const { return {memory.data() + call % count * out * in, extents{out, in}}; }
};

using sgemm_function = void (*)(int, int, int, int, int, int, float, float const*, int, float const*, int, float, float*, int);
using sbgemm_function = void (*)(int, int, int, int, int, int, float, bfloat16 const*, int, bfloat16 const*, int, float, float*, int);
struct openblas {
  sgemm_function sgemm = nullptr;
  sbgemm_function sbgemm = nullptr;
  explicit openblas(int threads) {
    char const* const path = std::getenv("OPENBLAS_LIBRARY");
    void* const library = dlopen(path != nullptr ? path : "libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    sgemm = reinterpret_cast<sgemm_function>(dlsym(library, "cblas_sgemm"));
    sbgemm = reinterpret_cast<sbgemm_function>(dlsym(library, "cblas_sbgemm"));
    if (auto const set = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"))) set(threads);
    if (auto const name = reinterpret_cast<char* (*)()>(dlsym(library, "openblas_get_config"))) std::printf("peer: %s\n", name());
  }
};

void print(char const* kind, double time, double operations, double peak, double bytes, double peak_bytes) {
  std::printf("  %-14s %9.3f ms %8.1f GFLOP/s", kind, time * 1e3, operations / time / 1e9);
  if (peak > 0) std::printf("  %3.0f %% of the peak", 100 * operations / time / peak);
  if (peak_bytes > 0) std::printf("  %5.1f GB/s of weights, %3.0f %%", bytes / time / 1e9, 100 * bytes / time / peak_bytes);
  std::puts("");
}

void run(backend::cpu& be, peaks const& peak, openblas const& blas, double budget, index_t rows, index_t out, index_t in) {
  std::printf("rows %lld, out %lld, in %lld\n", static_cast<long long>(rows), static_cast<long long>(out), static_cast<long long>(in));
  double const operations = 2.0 * static_cast<double>(rows * out * in), elements = static_cast<double>(out * in);
  buffer<float> x_memory(rows * in), y_memory(rows * out), scale(out);
  philox_stream const stream(2, 0);
  for (index_t k = 0; k < x_memory.size(); ++k) x_memory.data()[k] = stream.uniform(k % 65536) - 0.5f;
  std::fill_n(scale.data(), out, 0.01f);
  matrix_view<float const> const x = std::as_const(x_memory).view(extents{rows, in});
  auto const y = y_memory.view(extents{rows, out});
  int const m = static_cast<int>(rows), n = static_cast<int>(out), k = static_cast<int>(in);
  constexpr int row_major = 101, no_transpose = 111, transpose = 112;
  {
    layers<float> const w(out, in);
    print("float", best_time(budget, [&](int c) { project(be, x, w[c], y); }), operations, peak.operations[0], 4 * elements, peak.bytes);
    if (be.threads() == 1 && rows > 1)
      print("  Eigen", best_time(budget, [&](int c) { gemm(be, x, transposed(w[c]), y); }), operations, peak.operations[0], 4 * elements, peak.bytes);
    if (blas.sgemm != nullptr)
      print("  OpenBLAS", best_time(budget, [&](int c) {
              blas.sgemm(row_major, no_transpose, transpose, m, n, k, 1, x.data(), k, w[c].data(), k, 0, y.data(), n);
            }), operations, peak.operations[0], 4 * elements, peak.bytes);
  }
  {
    layers<bfloat16> const w(out, in);
    print("bfloat16", best_time(budget, [&](int c) { project(be, x, w[c], y); }), operations, peak.operations[1], 2 * elements, peak.bytes);
    if (blas.sbgemm != nullptr) {
      buffer<bfloat16> rounded(rows * in);
      for (index_t i = 0; i < rounded.size(); ++i) rounded.data()[i] = to_bfloat16(x_memory.data()[i]);
      print("  OpenBLAS", best_time(budget, [&](int c) {
              blas.sbgemm(row_major, no_transpose, transpose, m, n, k, 1, rounded.data(), k, w[c].data(), k, 0, y.data(), n);
            }), operations, peak.operations[1], 2 * elements, peak.bytes);
    }
  }
  {
    layers<std::int8_t> const w(out, in);
    print("int8", best_time(budget, [&](int c) { project(be, x, backend::int8_matrix<>{w[c], scale.view()}, y); }), operations, peak.operations[2], elements,
          peak.bytes);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int const threads = argc > 1 ? std::atoi(argv[1]) : backend::hardware_threads();
  double const budget = argc > 2 ? std::atof(argv[2]) : 1;
  backend::cpu be(threads);
  peaks const peak = measure_peaks(be);
  openblas const blas(threads);
  std::printf("%d threads: peaks %.1f (float), %.1f (bfloat16), %.1f (int8) GFLOP/s; memory %.1f GB/s\n", threads, peak.operations[0] / 1e9,
              peak.operations[1] / 1e9, peak.operations[2] / 1e9, peak.bytes / 1e9);
  struct shape {
    index_t rows, out, in;
  };
  std::vector<shape> shapes;
  if (argc > 5) {
    shapes = {{std::atoll(argv[3]), std::atoll(argv[4]), std::atoll(argv[5])}};
  } else {
    for (index_t const rows : {64, 211, 512, 2048})
      for (auto const& [out, in] : {std::pair<index_t, index_t>{4096, 4096}, {14336, 4096}, {4096, 14336}, {1024, 4096}}) shapes.push_back({rows, out, in});
    for (auto const& [out, in] : {std::pair<index_t, index_t>{256, 256}, {1024, 256}, {256, 1024}}) shapes.push_back({128, out, in});
    for (index_t const rows : {1, 4}) shapes.push_back({rows, 4096, 4096});
    shapes.push_back({1, 14336, 4096});
  }
  for (shape const& s : shapes) run(be, peak, blas, budget, s.rows, s.out, s.in);
}
