// How far the kernels of the CUDA backend are from the device's ceilings, which are measured first.
//
//   bench_cuda_kernels
//
// Ceilings: a large copy (bytes read and written), a large product in each precision. Then the products of FISOR's actor at batch
// 1024, alone and sixteen at once, as a share of the product's ceiling; and maps, layer norm, column sums, noise and Adam as a
// share of the copy's, counting each input read once and each output written once. Work rotates through memory beyond the L2. At last attention.
#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/math/activation.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/attention.hpp>

#include "cuda_timer.cuh"

#include <cstdio>
#include <vector>

using namespace parapet;
using backend::cuda;
using backend::device_space;
using backend::product_precision;

namespace {

constexpr int sets = 8;  // of buffers that the steps rotate through

struct adam_like {
  template <class X>
  PARAPET_FN void operator()(X& follower, X& p, X& m, X& v, X const& g, X const& rate) const {
    m = m + X(0.1f) * (g - m);
    v = v + X(0.001f) * (g * g - v);
    p = p - rate * m / (math::sqrt(v) + X(1e-8f));
    follower = follower + X(0.001f) * (p - follower);
  }
};

buffer<float, device_space> numbers(cuda& be, index_t n) {
  buffer<float, device_space> x(n);
  fill_normal(be, x.view(), philox_stream(1, static_cast<std::uint64_t>(n)));
  return x;
}
std::vector<buffer<float, device_space>> number_sets(cuda& be, index_t n) {
  std::vector<buffer<float, device_space>> x;
  for (int i = 0; i < sets; ++i) x.push_back(numbers(be, n));
  return x;
}
vector_view<float const, device_space> constant(buffer<float, device_space> const& x) { return x.view(); }

struct product_shape {
  index_t members, m, n, k;
};

/// GFLOP/s of c = a b (+ bias).
double product_rate(cuda& be, product_shape const& s, bool with_bias) {
  auto a = number_sets(be, s.members * s.m * s.k), b = number_sets(be, s.members * s.k * s.n), c = number_sets(be, s.members * s.m * s.n);
  auto bias = numbers(be, s.members * s.n);
  matrix_view<float const, device_space> const none, added = bias.view(extents{s.members, s.n});
  double const time = bench::seconds_per_step(be, sets, 20, [&](int i) {
    auto const set = static_cast<std::size_t>(i);
    gemm(be, a[set].view(extents{s.members, s.m, s.k}), b[set].view(extents{s.members, s.k, s.n}), c[set].view(extents{s.members, s.m, s.n}), false,
         with_bias ? added : none);
  });
  return 2e-9 * static_cast<double>(s.members * s.m * s.n * s.k) / time;
}

void products(char const* name, product_precision precision) {
  cuda be({.precision = precision});
  double ceiling = 0;
  {
    constexpr index_t n = 8192;
    auto const a = numbers(be, n * n), b = numbers(be, n * n);
    auto c = numbers(be, n * n);
    double const time = bench::seconds_per_step(be, 2, 5, [&](int) { gemm(be, a.view(extents{n, n}), b.view(extents{n, n}), c.view(extents{n, n})); });
    ceiling = 2e-9 * static_cast<double>(n) * n * n / time;
    std::printf("%s: 8192^3 %.1f TFLOP/s\n", name, 1e-3 * ceiling);
  }
  for (product_shape const s : {product_shape{1, 1024, 256, 192}, {1, 1024, 1024, 256}, {1, 1024, 256, 1024}, {1, 256, 256, 64}, {16, 1024, 1024, 256},
                                {16, 1024, 256, 1024}, {16, 256, 256, 64}}) {
    double const rate = product_rate(be, s, true);
    std::printf("  %2td x (%4td x %4td x %4td) + bias  %8.1f GFLOP/s  %4.1f %% of it\n", s.members, s.m, s.k, s.n, rate, 100 * rate / ceiling);
  }
}

void memory_bound() {
  cuda be;
  double ceiling = 0;
  auto const report = [&](char const* name, double bytes, double time) {
    std::printf("  %-44s %8.2f us  %7.1f GB/s  %5.1f %% of the copy\n", name, 1e6 * time, 1e-9 * bytes / time, 100 * 1e-9 * bytes / time / ceiling);
  };
  {
    constexpr index_t n = index_t{1} << 28;
    auto const from = numbers(be, n);
    auto to = numbers(be, n);
    double const time = bench::seconds_per_step(be, 2, 10, [&](int) { copy(be, from.view(), to.view()); });
    ceiling = 1e-9 * 8.0 * static_cast<double>(n) / time;
    std::printf("copy of 1 GiB: %.0f GB/s read and written\n", ceiling);
  }
  for (index_t const rows : {index_t{1024}, index_t{16} * 1024}) {
    constexpr index_t n = 256;
    std::printf(" batch of %td rows, %td columns (eight sets, %.0f MB an array):\n", rows, n, 4e-6 * static_cast<double>(rows * n));
    auto x = number_sets(be, rows * n), y = number_sets(be, rows * n), z = number_sets(be, rows * n);
    auto scale = numbers(be, n), shift = numbers(be, n), dscale = numbers(be, n), dshift = numbers(be, n), inverse = numbers(be, rows);
    double const bytes = 4.0 * static_cast<double>(rows * n);
    auto const time = [&](auto step) { return bench::seconds_per_step(be, sets, 50, [&](int i) { step(static_cast<std::size_t>(i)); }); };
    auto const matrix = [&](buffer<float, device_space>& b) { return b.view(extents{rows, n}); };
    auto const read = [&](buffer<float, device_space>& b) { return matrix_view<float const, device_space>(b.view(extents{rows, n})); };
    report("mish and its derivative", 3 * bytes, time([&](std::size_t i) { nn::activate<math::mish>(be, x[i].view(), y[i].view()); }));
    report("layer norm", 3 * bytes, time([&](std::size_t i) {
             layer_norm_forward(be, read(x[i]), constant(scale), constant(shift), 1e-6f, matrix(y[i]), matrix(z[i]), inverse.view());
           }));
    report("layer norm, backward", 5 * bytes, time([&](std::size_t i) {
             layer_norm_backward(be, constant(scale), read(z[i]), vector_view<float const, device_space>(inverse.view()), read(x[i]), matrix(y[i]), dscale.view(),
                                 dshift.view());
           }));
    report("column sums", bytes, time([&](std::size_t i) { reduce_columns(be, read(x[i]), dshift.view()); }));
    report("row sums", bytes, time([&](std::size_t i) { reduce_rows(be, read(x[i]), inverse.view()); }));
    report("softmax of rows", 2 * bytes, time([&](std::size_t i) { softmax_rows(be, read(x[i]), matrix(y[i])); }));
    report("normal noise", bytes, time([&](std::size_t i) { fill_normal(be, x[i].view(), philox_stream(1, i)); }));
  }
  for (index_t const networks : {index_t{1}, index_t{16}}) {
    index_t const n = networks * 1'653'888;  // FISOR's actor
    auto p = number_sets(be, n), m = number_sets(be, n), f = number_sets(be, n), g = number_sets(be, n);
    std::vector<buffer<float, device_space>> v;
    for (int i = 0; i < sets; ++i) {
      v.emplace_back(n);
      fill(be, v.back().view(), 1);
    }
    auto rate = numbers(be, 1);
    fill(be, rate.view(), 3e-4f);
    vector_view<float const, device_space> const repeated_rate(rate.data(), extents{n}, extents{0});
    char name[64];
    std::snprintf(name, sizeof name, "Adam and average of %td actors", networks);
    report(name, 36.0 * static_cast<double>(n), bench::seconds_per_step(be, sets, 20, [&](int i) {
             auto const k = static_cast<std::size_t>(i);
             map(be, adam_like{}, f[k].view(), p[k].view(), m[k].view(), v[k].view(), constant(g[k]), repeated_rate);
           }));
  }
}

/// Forward attention of 12 heads of 64: products alone, 4 x 64 for each pair of a query and a key.
void attention(index_t sequences, index_t tokens) {
  cuda be;
  constexpr index_t width = 768;
  nn::attention_heads const heads{12, 12, 64};
  index_t const rows = sequences * tokens;
  auto const q = numbers(be, rows * width), k = numbers(be, rows * width), v = numbers(be, rows * width);
  auto out = numbers(be, rows * width);
  std::vector<nn::sequence> batch;
  for (index_t s = 0; s < sequences; ++s) batch.push_back({s * tokens, (s + 1) * tokens, s * tokens, (s + 1) * tokens});
  extents<2> const shape{{rows, width}};
  double const time = bench::seconds_per_step(be, 1, 20, [&](int) {
    nn::attention_forward(be, heads, nn::attention_reach::full(), batch, q.view(shape), k.view(shape), v.view(shape), out.view(shape));
  });
  std::printf("attention of %td x %td tokens, 12 heads of 64: %.2f ms, %.1f GFLOP/s\n", sequences, tokens, 1e3 * time,
              4e-9 * static_cast<double>(rows * tokens * width) / time);
}

}  // namespace

int main() {
  if (!bench::has_device()) return 77;
  bench::print_device();
  memory_bound();
  attention(64, 128);
  attention(1, 4096);
  products("float32", product_precision::float32);
  products("tf32", product_precision::tf32);
  products("bf16", product_precision::bf16);
}
