// Products with stored weights on the CPU: the kernels that the machine has, chosen when the program runs.
//
//     weights     AVX-512 (BF16, VNNI)     AVX2 and FMA          any
//     float       vfmadd                   vfmadd                plain C++
//     bfloat16    vdpbf16ps                as floats             plain C++
//     int8        vpdpbusd                 vpmaddwd on 16 bits   plain C++
//
// A kernel fixes the order of the sums and their roundings, so results have the same bits on machines that choose alike, not on
// others (vdpbf16ps also takes subnormal numbers for zero).
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/features.hpp>
#include <parapet/backend/cpu/weights_avx2.hpp>
#include <parapet/backend/cpu/weights_avx512.hpp>
#include <parapet/backend/cpu/weights_blocks.hpp>
#include <parapet/backend/cpu/weights_portable.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/tensor_view.hpp>

#include <algorithm>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend::detail {

template <class W>
stored_rows stored(matrix_view<W const> const& w) {
  return {reinterpret_cast<char const*>(w.data()), w.stride(0) * index_t{sizeof(W)}, w.extent(1) * index_t{sizeof(W)}};
}
inline product_target target(matrix_view<float> const& y, vector_view<float const> const& scale, vector_view<float const> const& bias) {
  return {reinterpret_cast<word*>(y.data()), y.stride(0), y.extent(0), y.extent(1), scale.empty() ? nullptr : scale.data(),
          bias.empty() ? nullptr : bias.data()};
}

/// y = x W' + bias by the best kernel that a processor with `has` runs. Shapes have been checked.
template <class Cpu>
void run_product(Cpu& be, cpu_features const& has, matrix_view<float const> const& x, matrix_view<float const> const& w, matrix_view<float> const& y,
                 vector_view<float const> const& bias) {
#if defined(__x86_64__)
  if (has.avx512) return run_product<avx512::kernel<avx512::of_floats>>(be, x, stored(w), target(y, {}, bias));
  if (has.avx2) return run_product<avx2::kernel<avx2::of_floats>>(be, x, stored(w), target(y, {}, bias));
#endif
  run_product<portable::kernel<portable::of_floats>>(be, x, stored(w), target(y, {}, bias));
}
template <class Cpu>
void run_product(Cpu& be, cpu_features const& has, matrix_view<float const> const& x, matrix_view<bfloat16 const> const& w, matrix_view<float> const& y,
                 vector_view<float const> const& bias) {
#if defined(__x86_64__)
  if (has.avx512_bf16) return run_product<avx512::kernel<avx512::of_bfloat16>>(be, x, stored(w), target(y, {}, bias));
  if (has.avx2) return run_product<avx2::kernel<avx2::of_bfloat16>>(be, x, stored(w), target(y, {}, bias));
#endif
  run_product<portable::kernel<portable::of_bfloat16>>(be, x, stored(w), target(y, {}, bias));
}
template <class Cpu>
void run_product(Cpu& be, cpu_features const& has, matrix_view<float const> const& x, int8_matrix<host_space> const& w, matrix_view<float> const& y,
                 vector_view<float const> const& bias) {
#if defined(__x86_64__)
  if (has.avx512_vnni) return run_product<avx512::kernel<avx512::of_int8>>(be, x, stored(w.values), target(y, w.scale, bias));
  if (has.avx2) return run_product<avx2::kernel<avx2::of_int8>>(be, x, stored(w.values), target(y, w.scale, bias));
#endif
  run_product<portable::kernel<portable::of_int8>>(be, x, stored(w.values), target(y, w.scale, bias));
}

/// Weights to int8, rows in parts over the threads. Shapes have been checked, rows are dense.
template <class Cpu, class T>
void quantize_rows(Cpu& be, [[maybe_unused]] cpu_features const& has, matrix_view<T const> const& w, matrix_view<std::int8_t> const& values,
                   vector_view<float> const& scale) {
  constexpr index_t together = 32;
  index_t const rows = w.extent(0), in = w.extent(1);
  be.for_each_shard((rows + together - 1) / together, [&](Cpu&, index_t shard) {
    for (index_t j = shard * together; j < std::min(rows, (shard + 1) * together); ++j) {
      T const* const from = w.data() + j * w.stride(0);
      std::int8_t* const to = values.data() + j * values.stride(0);
#if defined(__x86_64__)
      if (std::int32_t unused = 0; has.avx512) {
        avx512::quantize_row(from, in, to, in, scale[j], unused);
        continue;
      }
#endif
      scale[j] = portable::quantize_row(from, in, to, in);
    }
  });
}

/// c = a b, or c += a b: matrices of floats with dense rows, or a with dense columns. False, and nothing done, on a processor whose
/// instructions Eigen's product uses as well.
template <class Cpu>
bool run_float_product([[maybe_unused]] Cpu& be, [[maybe_unused]] cpu_features const& has, [[maybe_unused]] matrix_view<float const> const& a,
                       [[maybe_unused]] matrix_view<float const> const& b, [[maybe_unused]] matrix_view<float> const& c,
                       [[maybe_unused]] bool accumulate) {
#if defined(__x86_64__)
  if (!has.avx512 || a.extent(1) == 0) return false;
  stored_rows const right{reinterpret_cast<char const*>(b.data()), b.stride(0) * index_t{sizeof(float)}, b.extent(0) * index_t{sizeof(float)}, true};
  product_target to = target(c, {}, {});
  to.accumulate = accumulate;
  if (a.stride(1) == 1) run_product<avx512::kernel<avx512::of_floats>>(be, a, right, to);
  else run_product<avx512::kernel<avx512::of_floats, avx512::turned_floats>>(be, a, right, to);
  return true;
#else
  return false;
#endif
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
