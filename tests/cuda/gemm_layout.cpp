// The row-major product as a column-major library takes it, against a plain product; no device.
#include <parapet/backend/cuda/gemm_layout.hpp>

#include "support/serial_backend.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace parapet;
using namespace parapet::backend::cuda_detail;
using support::normal;

namespace {

/// Element (row, column) of op(x) for a column-major reader.
double at(double const* x, stored_matrix const& m, index_t row, index_t column) {
  index_t const r = m.transpose ? column : row, c = m.transpose ? row : column;
  REQUIRE(r < m.rows);
  REQUIRE(c < m.columns);
  REQUIRE(m.stride >= m.rows);  // what cuBLAS demands
  return x[r + c * m.stride];
}

/// What the library does with a layout.
void column_major_product(gemm_layout const& l, double const* left, double const* right, double* result) {
  REQUIRE(!l.result.transpose);
  REQUIRE(l.result.rows == l.rows);
  REQUIRE(l.result.columns == l.columns);
  REQUIRE(l.result.stride >= l.result.rows);
  for (index_t i = 0; i < l.rows; ++i)
    for (index_t j = 0; j < l.columns; ++j) {
      double total = 0;
      for (index_t k = 0; k < l.depth; ++k) total += at(left, l.left, i, k) * at(right, l.right, k, j);
      result[i + j * l.result.stride] = total;
    }
}

using matrix = matrix_view<double>;
using const_matrix = matrix_view<double const>;

gemm_layout layout_of(const_matrix const& a, const_matrix const& b, const_matrix const& c) {
  return make_gemm_layout(c.shape(), a.extent(1), a.strides(), b.strides(), c.strides());
}

/// The ways in which a (rows, columns) operand may lie in a block of numbers.
std::vector<const_matrix> placements(double const* x, index_t rows, index_t columns) {
  return {{x, extents{rows, columns}},
          {x + 3, extents{rows, columns}, extents{columns + 2, index_t{1}}},
          {x + 1, extents{rows, columns}, extents{index_t{1}, rows}},
          {x, extents{rows, columns}, extents{index_t{1}, rows + 3}}};
}

}  // namespace

TEST_CASE("a product of any shape and order is the plain product") {
  auto const numbers = normal<double>(extents{1000}, 1), others = normal<double>(extents{1000}, 2);
  for (index_t const m : {1, 2, 5})
    for (index_t const n : {1, 3, 4})
      for (index_t const k : {1, 2, 7})
        for (auto const& a : placements(numbers.flat().data(), m, k))
          for (auto const& b : placements(others.flat().data(), k, n))
            for (index_t const gap : {0, 2}) {
              support::tensor<double, 2> result(extents{m, n + gap}), plain(extents{m, n + gap});
              for (auto* x : {&result, &plain})
                for (index_t i = 0; i < x->size(); ++i) x->flat()[i] = 7;
              matrix const c = result.view().columns(0, n), expected = plain.view().columns(0, n);
              gemm_layout const layout = layout_of(a, b, c);
              REQUIRE(layout.valid);
              column_major_product(layout, b.data(), a.data(), c.data());
              mine::serial be;
              gemm(be, a, b, expected);
              CHECK(support::same(result, plain));  // in the same order; and nothing written between the rows
            }
}

TEST_CASE("rows and columns of one element may have any stride") {
  // One row of a wider matrix, one column of a taller one, and both in transposed views.
  CHECK(stored_transpose(extents{1, 5}, extents{0, 1}) == stored_matrix{5, 1, 5, false, true});
  CHECK(stored_transpose(extents{5, 1}, extents{9, 4}) == stored_matrix{1, 5, 9, false, true});
  CHECK(stored_transpose(extents{1, 5}, extents{1, 9}) == stored_matrix{1, 5, 9, true, true});
  CHECK(stored_transpose(extents{5, 1}, extents{1, 0}) == stored_matrix{1, 5, 1, false, true});
  CHECK(stored_transpose(extents{1, 1}, extents{0, 0}) == stored_matrix{1, 1, 1, false, true});
}

TEST_CASE("rows that repeat or overlap, and results with gaps, are refused") {
  CHECK(!stored_transpose(extents{4, 5}, extents{0, 1}).valid);
  CHECK(!stored_transpose(extents{4, 5}, extents{3, 1}).valid);
  CHECK(!stored_transpose(extents{4, 5}, extents{1, 0}).valid);
  CHECK(!stored_transpose(extents{4, 5}, extents{10, 2}).valid);
  extents<2> const square{{4, 4}}, rows{{4, 1}}, columns{{1, 4}};
  CHECK(make_gemm_layout(square, 4, rows, rows, rows).valid);
  CHECK(!make_gemm_layout(square, 4, rows, rows, columns).valid);                       // a transposed result
  CHECK(!make_gemm_layout(extents{1, 4}, 4, rows, rows, extents{8, 2}).valid);          // a row with gaps
  CHECK(make_gemm_layout(extents{4, 1}, 4, rows, extents{1, 1}, extents{8, 1}).valid);  // a column with gaps
  CHECK(!make_gemm_layout(square, 4, extents{0, 1}, rows, rows).valid);
}

TEST_CASE("operands that a library refuses are multiplied element by element") {
  auto const a = normal<float>(extents{3, 2, 4}, 1), b = normal<float>(extents{3, 4, 5}, 2);
  auto const bias = normal<float>(extents{3, 5}, 3);
  for (int what = 0; what < 3; ++what) {
    auto c = normal<float>(extents{3, 2, 5}, 4), expected = normal<float>(extents{3, 2, 5}, 4);
    matrix_view<float const> const added = what == 2 ? bias.read() : matrix_view<float const>{};
    tensor_view<float const, 3> const repeated_row(a.flat().data(), a.shape(), extents{8, 0, 1});
    mine::serial be;
    for_each_index(be, c.shape(), product_element<float, host_space>{repeated_row, b.read(), c.view(), added, what == 1});
    gemm(be, repeated_row, b.read(), expected.view(), what == 1, added);
    CHECK(support::same(c, expected));
  }
}

TEST_CASE("alignment: what every matrix of a stack has") {
  CHECK(alignment_of(0) == 16);
  CHECK(alignment_of(256) == 16);
  CHECK(alignment_of(24) == 8);
  CHECK(alignment_of(4) == 4);
  CHECK(alignment_of(2) == 2);
  stored_matrix const x{6, 4, 8, false, true}, odd{6, 4, 7, false, true}, one_column{6, 1, 7, false, true};
  CHECK(stack_alignment(1024, x, 32, 1, 4) == 16);
  CHECK(stack_alignment(1032, x, 32, 1, 4) == 8);
  CHECK(stack_alignment(1024, odd, 28, 1, 4) == 4);
  CHECK(stack_alignment(1024, one_column, 28, 1, 4) == 8);  // as in a dense stack of columns of 6
  CHECK(stack_alignment(1024, x, 34, 1, 4) == 16);  // no second matrix
  CHECK(stack_alignment(1024, x, 34, 2, 4) == 8);
  CHECK(stack_alignment(1024, x, 0, 2, 4) == 16);  // shared by all
}
