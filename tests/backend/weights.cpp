// The CPU's kernels for stored weights: those of every instruction set that this machine has, against the reference on the waist;
// and what they promise: the same bits for any number of rows and threads, nothing written beside the result, no allocation.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/weights.hpp>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

using namespace parapet;
using backend::cpu;
using backend::detail::cpu_features;
using support::generate;
using support::normal;
using support::relative_difference;
using support::tensor;

namespace {

/// This machine's instruction sets, and lesser ones that it has too.
std::vector<cpu_features> levels() {
  cpu_features const all = backend::detail::this_cpu();
  std::vector<cpu_features> found{cpu_features{}};
  if (all.avx2) found.push_back({.avx2 = true});
  if (all.avx512) found.push_back(all);
  return found;
}

struct weights {
  tensor<float, 2> wide;
  tensor<bfloat16, 2> narrow;
  tensor<std::int8_t, 2> values;
  tensor<float, 1> scale;

  weights(index_t out, index_t in) : wide(normal<float>(extents{out, in}, 2)), narrow(wide.shape()), values(wide.shape()), scale(extents{out}) {
    for (index_t i = 0; i < wide.size(); ++i) narrow.flat()[i] = to_bfloat16(wide.flat()[i]);
    cpu be(1);
    quantize(be, wide.read(), values.view(), scale.view());
  }
  /// f(weights of each kind), outputs [begin, end).
  template <class F>
  void for_each_kind(index_t begin, index_t end, F const& f) const {
    f(wide.read().rows(begin, end));
    f(narrow.read().rows(begin, end));
    f(backend::int8_matrix<>{values.read().rows(begin, end), scale.flat().slice(0, begin, end)});
  }
};

template <class W>
tensor<float, 2> by(cpu& be, cpu_features const& has, matrix_view<float const> const& x, W const& w, vector_view<float const> const& bias = {}) {
  tensor<float, 2> y(extents{x.extent(0), w.extent(0)});
  backend::detail::run_product(be, has, x, w, y.view(), bias);
  return y;
}

/// A backend without kernels of its own: calls prefer the reference.
struct plain : cpu {
  using cpu::cpu;
};

}  // namespace

TEST_CASE("weights: every instruction set gives what the reference gives, across blocks, panels and registers") {
  cpu be(1);
  plain reference(1);
  for (auto const& shape : {extents<2>{{67, 61}}, extents<2>{{16, 4111}}, extents<2>{{130, 33}}, extents<2>{{1, 5}}, extents<2>{{64, 2048}}}) {
    index_t const out = shape[0], in = shape[1];
    weights const w(out, in);
    auto const bias = normal<float>(extents{out}, 3);
    for (index_t const rows : {1, 3, 4, 5, 6, 7, 13}) {
      auto const x = normal<float>(extents{rows, in}, 1);
      w.for_each_kind(0, out, [&](auto const& kind) {
        tensor<float, 2> expected(extents{rows, out});
        project(reference, x.read(), kind, expected.view(), bias.flat());
        for (cpu_features const& has : levels()) {
          CAPTURE(rows);
          CAPTURE(out);
          CAPTURE(in);
          CHECK(relative_difference(by(be, has, x.read(), kind, bias.flat()), expected) < 2e-5);
        }
      });
    }
  }
}

TEST_CASE("weights: a row has the same bits alone, among few and among many, and on any number of threads") {
  cpu one(1), three(3);
  index_t const out = 70, in = 4400;
  weights const w(out, in);
  for (index_t const rows : {200, 7}) {  // of which the first are two blocks of rows for some kernels
    auto const x = normal<float>(extents{rows, in}, 1);
    for (cpu_features const& has : levels())
      w.for_each_kind(0, out, [&](auto const& kind) {
        auto const all = by(one, has, x.read(), kind);
        CHECK(same(by(three, has, x.read(), kind), all));
        index_t wrong = 0;
        for (auto const& [begin, end] : {std::pair<index_t, index_t>{0, 1}, {2, 4}, {1, 4}, {3, 7}, {0, 5}}) {
          auto const part = by(three, has, x.read().rows(begin, end), kind);
          for (index_t i = begin; i < end; ++i)
            for (index_t j = 0; j < out; ++j) wrong += !(part.read()(i - begin, j) == all.read()(i, j));
        }
        CHECK(wrong == 0);
      });
  }
}

TEST_CASE("weights: views with gaps between rows, and nothing written beside them") {
  cpu be(2);
  index_t const rows = 9, out = 37, in = 50;
  weights const w(out + 20, in);
  auto const x = normal<float>(extents{rows, in + 3}, 1);
  tensor<float, 2> tight(extents{rows, in});
  for (index_t i = 0; i < rows; ++i)
    for (index_t k = 0; k < in; ++k) tight.view()(i, k) = x.read()(i, k + 2);
  for (cpu_features const& has : levels())
    w.for_each_kind(11, 11 + out, [&](auto const& kind) {
      auto const expected = by(be, has, tight.read(), kind);
      auto y = support::constant(extents{rows + 2, out + 9}, -7.0f);
      backend::detail::run_product(be, has, x.read().columns(2, 2 + in), kind, y.view().rows(1, rows + 1).columns(4, 4 + out), {});
      index_t wrong = 0;
      for (index_t i = 0; i < rows + 2; ++i)
        for (index_t j = 0; j < out + 9; ++j) {
          bool const inside = i >= 1 && i <= rows && j >= 4 && j < 4 + out;
          wrong += !(y.read()(i, j) == (inside ? expected.read()(i - 1, j - 4) : -7.0f));
        }
      CHECK(wrong == 0);
    });
}

TEST_CASE("weights: rows that end where readable memory ends are not read beyond") {
  // Vectors in memory of exactly their size: the address sanitizer sees a read behind them.
  cpu be(1);
  for (index_t const in : {1, 3, 17, 65})
    for (index_t const rows : {1, 6}) {
      std::vector<float> const x(static_cast<std::size_t>(rows * in), 1.0f), w(static_cast<std::size_t>(3 * in), 2.0f), scale(3, 1.0f);
      std::vector<bfloat16> const narrow(static_cast<std::size_t>(3 * in), to_bfloat16(2.0f));
      std::vector<std::int8_t> const values(static_cast<std::size_t>(3 * in), std::int8_t{2});
      std::vector<float> y(static_cast<std::size_t>(rows * 3));
      matrix_view<float const> const view(x.data(), extents{rows, in});
      matrix_view<float> const to(y.data(), extents{rows, index_t{3}});
      extents const shape{index_t{3}, in};
      for (cpu_features const& has : levels()) {
        auto const check = [&](auto const& kind) {
          std::fill(y.begin(), y.end(), 0.0f);
          backend::detail::run_product(be, has, view, kind, to, {});
          for (float const result : y) CHECK(result == doctest::Approx(static_cast<double>(2 * in)));
        };
        check(matrix_view<float const>(w.data(), shape));
        check(matrix_view<bfloat16 const>(narrow.data(), shape));
        check(backend::int8_matrix<>{matrix_view<std::int8_t const>(values.data(), shape), vector_view<float const>(scale.data(), extents{index_t{3}})});
      }
    }
}

TEST_CASE("weights: after the first call nothing is allocated, whichever thread works") {
  cpu be(2);
  index_t const rows = 40, out = 500, in = 300;
  weights const w(out, in);
  auto const x = normal<float>(extents{rows, in}, 1);
  tensor<float, 2> y(extents{rows, out});
  auto const run = [&] { w.for_each_kind(0, out, [&](auto const& kind) { project(be, x.read(), kind, y.view()); }); };
  run();
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  auto const before = support::allocation_count();
  for (int i = 0; i < 20; ++i) run();
  CHECK(support::allocation_count() == before);
}

TEST_CASE("weights: quantised by every instruction set as by the reference, in views with gaps too") {
  cpu be(2);
  plain reference(1);
  for (index_t const in : {1, 16, 37, 200}) {
    index_t const out = 70;
    weights const w(out, in);
    tensor<float, 1> expected_scale(extents{out}), scale(extents{out});
    auto const check = [&](auto const& from) {
      tensor<std::int8_t, 2> expected(extents{out, in});
      quantize(reference, from, expected.view(), expected_scale.view());
      for (cpu_features const& has : levels()) {
        auto values = support::constant(extents{out, in + 5}, std::int8_t{99});
        backend::detail::quantize_rows(be, has, from, values.view().columns(0, in), scale.view());
        index_t wrong = 0;
        for (index_t j = 0; j < out; ++j) {
          wrong += !(scale.flat()[j] == expected_scale.flat()[j]);
          for (index_t k = 0; k < in + 5; ++k) wrong += values.read()(j, k) != (k < in ? expected.read()(j, k) : std::int8_t{99});
        }
        CHECK(wrong == 0);
      }
      auto turned = support::constant(extents{in, out}, std::int8_t{0});  // a column where a row would be
      quantize(be, from, transposed(turned.view()), scale.view());
      index_t wrong = 0;
      for (index_t j = 0; j < out; ++j)
        for (index_t k = 0; k < in; ++k) wrong += turned.read()(k, j) != expected.read()(j, k);
      CHECK(wrong == 0);
    };
    check(w.wide.read());
    check(w.narrow.read());
  }
}
