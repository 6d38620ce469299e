// The program of docs/transformer_kernels.md.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/math/bfloat16.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>

using namespace parapet;

int main() {
  backend::cpu be(2);
  index_t const rows = 7, in = 100, out = 20;
  buffer<float> x_memory(rows * in), w_memory(out * in), exact_memory(rows * out), y_memory(rows * out);
  fill_normal(be, x_memory.view(), philox_stream(1, 0));
  fill_normal(be, w_memory.view(), philox_stream(1, 1));
  auto const x = x_memory.view(extents{rows, in}), w = w_memory.view(extents{out, in});
  auto const exact = exact_memory.view(extents{rows, out}), y = y_memory.view(extents{rows, out});
  gemm(be, x, transposed(w), exact);
  auto const error = [&] {
    double largest = 0;
    for (index_t i = 0; i < rows; ++i)
      for (index_t j = 0; j < out; ++j) largest = std::fmax(largest, std::abs(static_cast<double>(y(i, j)) - static_cast<double>(exact(i, j))));
    return largest;
  };

  project(be, x, w, y);  // float: y = x W'

  double const of_float = error();
  buffer<bfloat16> narrow(out * in);
  for (index_t i = 0; i < narrow.size(); ++i) narrow.data()[i] = to_bfloat16(w_memory.data()[i]);
  project(be, x, narrow.view(extents{out, in}), y);  // x is rounded to bfloat16 too, sums are float

  double const of_bfloat16 = error();
  buffer<std::int8_t> values(out * in);
  buffer<float> scale(out);
  quantize(be, w, values.view(extents{out, in}), scale.view());  // once, when the model is loaded
  project(be, x, backend::int8_matrix<>{values.view(extents{out, in}), scale.view()}, y);  // rows of x to int8, exact sums

  double const of_int8 = error();
  std::printf("largest error: float %.1e, bfloat16 %.1e, int8 %.1e (outputs have a deviation of 10)\n", of_float, of_bfloat16, of_int8);
  return of_float < 1e-4 && of_bfloat16 < 0.2 && of_int8 < 0.6 ? 0 : 1;
}
