// Products on a device: precision, bits that do not depend on the stack, alignment, activations.
#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/math/activation.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace parapet;
using backend::cuda;
using backend::cuda_options;
using backend::device_space;
using backend::product_precision;

namespace {

template <class T>
std::vector<T> download(cuda& be, vector_view<T const, device_space> const& x) {
  std::vector<T> host(static_cast<std::size_t>(x.extent(0)));
  copy(be, x, vector_view<T>(host.data(), x.shape()));
  return host;
}
using stack = tensor_view<float const, 3, device_space>;

/// |c - a b| over |a b| in the Euclidean norm, for c = a b of normal numbers computed with `precision`.
double product_error(product_precision precision, index_t m, index_t n, index_t k) {
  cuda be({.precision = precision});
  buffer<float, device_space> a(m * k), b(k * n), c(m * n);
  fill_normal(be, a.view(), philox_stream(1, 0));
  fill_normal(be, b.view(), philox_stream(1, 1));
  fill(be, c.view(), std::nanf(""));  // every element must be written
  gemm(be, a.view(extents{m, k}), b.view(extents{k, n}), c.view(extents{m, n}));
  auto const ha = download<float>(be, a.view()), hb = download<float>(be, b.view()), hc = download<float>(be, c.view());
  auto const at = [](std::vector<float> const& x, index_t element) { return static_cast<double>(x[static_cast<std::size_t>(element)]); };
  double error = 0, norm = 0;
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j) {
      double exact = 0;
      for (index_t l = 0; l < k; ++l) exact += at(ha, i * k + l) * at(hb, l * n + j);
      double const d = at(hc, i * n + j) - exact;
      error += d * d;
      norm += exact * exact;
    }
  return std::sqrt(error / norm);
}

}  // namespace

TEST_CASE("precision: float by default, less only where asked for") {
  CHECK(cuda().precision() == product_precision::float32);
  CHECK(product_error(product_precision::float32, 128, 96, 256) < 2e-6);
  CHECK(product_error(product_precision::tf32, 128, 96, 256) < 1e-3);
  CHECK(product_error(product_precision::bf16, 128, 96, 256) < 1e-2);
}

TEST_CASE("each product of a stack has the bits that it has alone") {
  cuda be;
  struct shape {
    index_t m, n, k;
  };
  // FISOR's layers at batch 256, and sizes that are no multiples of anything.
  for (auto const [m, n, k] : {shape{256, 256, 190}, shape{256, 1024, 256}, shape{256, 256, 1024}, shape{256, 2, 256}, shape{1024, 256, 256}, shape{33, 17, 9}})
    for (int turn = 0; turn < 3; ++turn)
      for (bool const with_bias : {false, true}) {
        constexpr index_t members = 16;
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        CAPTURE(turn);
        auto const up = [](index_t elements) { return (elements + 15) / 16 * 16; };  // stacks have a pitch of whole 64 bytes
        index_t const pa = up(m * k), pb = up(k * n), pc = up(m * n), pbias = up(n);
        buffer<float, device_space> a(members * pa), b(members * pb), bias(members * pbias), c(members * pc), alone(members * pc);
        fill_normal(be, a.view(), philox_stream(2, 0));
        fill_normal(be, b.view(), philox_stream(2, 1));
        fill_normal(be, bias.view(), philox_stream(2, 2));
        fill(be, c.view(), 0);
        fill(be, alone.view(), 0);
        auto const place = [](float* data, index_t pitch, index_t rows, index_t columns, bool turned) {
          return turned ? stack(data, extents{members, rows, columns}, extents{pitch, index_t{1}, rows})
                        : stack(data, extents{members, rows, columns}, extents{pitch, columns, index_t{1}});
        };
        auto const sa = place(a.data(), pa, m, k, turn == 1), sb = place(b.data(), pb, k, n, turn == 2);
        matrix_view<float const, device_space> const sbias(bias.data(), extents{members, n}, extents{pbias, index_t{1}});
        auto const result = [&](buffer<float, device_space>& to) {
          return tensor_view<float, 3, device_space>(to.data(), extents{members, m, n}, extents{pc, n, index_t{1}});
        };
        gemm(be, sa, sb, result(c), false, with_bias ? sbias : matrix_view<float const, device_space>{});
        for (index_t i = 0; i < members; ++i)
          gemm(be, sa(i), sb(i), result(alone)(i), false, with_bias ? sbias(i) : vector_view<float const, device_space>{});
        CHECK(download<float>(be, c.view()) == download<float>(be, alone.view()));
        gemm(be, sa, sb, result(c), false, with_bias ? sbias : matrix_view<float const, device_space>{});
        CHECK(download<float>(be, c.view()) == download<float>(be, alone.view()));  // and has them again
      }
}

TEST_CASE("operands and a bias at any multiple of 4 bytes") {
  cuda be;
  constexpr index_t m = 32, n = 24, k = 40;
  buffer<float, device_space> a(m * k + 4), b(k * n + 4), bias(n + 4), c(m * n + 4), expected(m * n);
  for (index_t shift = 0; shift < 4; ++shift) {
    auto const from = [&](buffer<float, device_space>& x) { return x.data() + shift; };
    auto const ones = [&](buffer<float, device_space>& x, float value) { fill(be, x.view(), value); };
    ones(a, 1), ones(b, 2), ones(bias, 3), ones(c, 0);
    gemm(be, matrix_view<float, device_space>(from(a), extents{m, k}), matrix_view<float, device_space>(from(b), extents{k, n}),
         matrix_view<float, device_space>(from(c), extents{m, n}), false, vector_view<float const, device_space>(from(bias), extents{n}));
    CHECK(sum(be, vector_view<float, device_space>(from(c), extents{m * n})) == static_cast<float>(m * n) * (2.0f * k + 3.0f));
  }
}

namespace {

constexpr index_t networks = 4, batch = 64, width_in = 32, width_out = 48;

/// f(a b + bias) of the first `count` members of a stack of normal numbers.
template <class F>
std::vector<float> activated(cuda& be, index_t count, float bias_value = 0.5f) {
  buffer<float, device_space> a(networks * batch * width_in), b(networks * width_in * width_out), bias(networks * width_out), c(count * batch * width_out);
  fill_normal(be, a.view(), philox_stream(3, 0));
  fill_normal(be, b.view(), philox_stream(3, 1));
  fill(be, bias.view(), bias_value);
  fill(be, c.view(), -7);  // every element must be written
  activated_product(be, F{}, stack(a.data(), extents{count, batch, width_in}), stack(b.data(), extents{count, width_in, width_out}),
                    tensor_view<float, 3, device_space>(c.data(), extents{count, batch, width_out}),
                    matrix_view<float const, device_space>(bias.data(), extents{count, width_out}));
  return download<float>(be, c.view());
}

/// The largest distance between the activation within the product and after it, and from the bits of each member alone.
template <class F>
void check_fused(double tolerance) {
  cuda fused({.fuse_activations = true}), plain;
  CHECK(fused.fuses_activations());
  CHECK(!plain.fuses_activations());
  auto const together = activated<F>(fused, networks), expected = activated<F>(plain, networks);
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    difference = std::fmax(difference, std::fabs(static_cast<double>(together[i]) - static_cast<double>(expected[i])));
  CHECK(difference <= tolerance);
  auto const first = activated<F>(fused, 1);
  CHECK(std::vector<float>(together.begin(), together.begin() + static_cast<std::ptrdiff_t>(first.size())) == first);
}

}  // namespace

TEST_CASE("an activation within a product is that after it") {
  check_fused<math::relu>(1e-4);       // sums of 32 products of normal numbers
  check_fused<math::gelu_tanh>(1e-2);  // the library may take the hardware's tanh
  check_fused<math::mish>(0);          // has no epilogue
}

TEST_CASE("activations are not fused by default, and NaN comes out as NaN") {
  cuda be;
  for (float const x : activated<math::relu>(be, 1, std::nanf(""))) CHECK(std::isnan(x));
  for (float const x : activated<math::gelu_tanh>(be, 1, std::nanf(""))) CHECK(std::isnan(x));
}
