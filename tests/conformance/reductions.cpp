// reduce, sum, reduce_rows, reduce_columns, argmin, argmax
#include "conformance/backends.hpp"

#include <parapet/math/functions.hpp>

#include <cmath>
#include <limits>

using namespace conformance;
using support::generate;
using support::normal;
using support::relative_difference;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE_TEMPLATE("sum and reduce fold every element once", B, TEST_BACKENDS) {
  B be;
  auto const check = [&]<class T>(T) {
    for (index_t const n : lengths) {
      auto const x = generate<T>(extents{n}, [](index_t i) { return (7 * i) % 11 - 5; });  // exact in any order
      auto const device = upload(be, x);
      T total = 0, squares = 0, low = 100, high = -100;
      for (index_t i = 0; i < n; ++i) {
        total += x.read()[i];
        squares += x.read()[i] * x.read()[i];
        low = std::min(low, x.read()[i]);
        high = std::max(high, x.read()[i]);
      }
      CHECK(sum(be, device.read()) == total);
      CHECK(sum(be, device.read(), math::square{}) == squares);
      CHECK(reduce(be, device.read(), math::minimum{}, T(100)) == low);
      CHECK(reduce(be, device.read(), math::maximum{}, T(-100)) == high);
    }
  };
  check(float{});
  check(double{});
}

TEST_CASE_TEMPLATE("sum follows a vector's stride", B, TEST_BACKENDS) {
  B be;
  auto const x = upload(be, generate<float>(extents{40, 3}, [](index_t i) { return i; }));
  CHECK(sum(be, transposed(x.read())(1)) == 40 + 3 * 780);
}

TEST_CASE_TEMPLATE("rows and columns are summed, or added to what is there", B, TEST_BACKENDS) {
  B be;
  for (index_t const columns : lengths) {
    auto const x = normal<double>(extents{9, columns}, 1);
    auto const device = upload(be, x);
    tensor<double, 1> rows = support::constant(extents{index_t{9}}, 0.0), sums = normal<double>(extents{columns}, 2);
    on<B, double, 1> row_sums(extents{index_t{9}});
    auto column_sums = upload(be, sums);
    reduce_rows(be, device.read(), row_sums.view());
    reduce_columns(be, device.read(), column_sums.view(), true);
    for (index_t i = 0; i < 9; ++i)
      for (index_t j = 0; j < columns; ++j) {
        rows.view()[i] += x.read()(i, j);
        sums.view()[j] += x.read()(i, j);
      }
    CHECK(relative_difference(download(be, row_sums), rows) < 1e-14);
    CHECK(relative_difference(download(be, column_sums), sums) < 1e-14);
    auto const kept = download(be, column_sums);
    reduce_columns(be, device.read(), column_sums.view());
    auto const started = normal<double>(extents{columns}, 2);
    for (index_t j = 0; j < columns; ++j)
      CHECK(std::abs(download(be, column_sums).read()[j] + started.read()[j] - kept.read()[j]) < 1e-13);
  }
}

TEST_CASE_TEMPLATE("transposed and repeated matrices are summed too", B, TEST_BACKENDS) {
  B be;
  auto const x = upload(be, generate<float>(extents{5, 20}, [](index_t i) { return i; }));
  on<B, float, 1> rows(extents{20}), columns(extents{20});
  reduce_rows(be, transposed(x.read()), rows.view());
  reduce_columns(be, x.read(), columns.view());
  CHECK(support::same(download(be, rows), download(be, columns)));
  reduce_columns(be, repeated(x.read()(0), 3), columns.view());
  CHECK(support::same(download(be, columns), generate<float>(extents{20}, [](index_t i) { return 3 * i; })));
}

TEST_CASE_TEMPLATE("argmin and argmax: the first of equals; NaN loses to every number", B, TEST_BACKENDS) {
  B be;
  auto const at = [&](std::initializer_list<double> values, bool largest) {
    auto const x = upload(be, generate<double>(extents{static_cast<index_t>(values.size())},
                                               [&](index_t i) { return values.begin()[i]; }));
    return largest ? argmax(be, x.read()) : argmin(be, x.read());
  };
  CHECK(at({3, 1, 2, 1}, false) == 1);
  CHECK(at({3, 1, 3, 1}, true) == 0);
  CHECK(at({not_a_number, 2, not_a_number, 1, 5}, false) == 3);
  CHECK(at({not_a_number, 2, not_a_number, 1, 5}, true) == 4);
  CHECK(at({not_a_number, infinity}, false) == 1);
  CHECK(at({not_a_number, -infinity}, true) == 1);
  CHECK(at({not_a_number, not_a_number}, false) == 0);
  CHECK(at({7}, true) == 0);
  for (index_t const n : lengths)
    for (index_t place : {index_t{0}, n / 2, n - 1})
      if (n > 0) {
        auto const x = upload(be, generate<float>(extents{n}, [&](index_t i) { return i == place ? -1 : 1; }));
        CHECK(argmin(be, x.read()) == place);
      }
}

TEST_CASE_TEMPLATE("reductions say which shapes do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> x(extents{2, 3});
  on<B, float, 1> out(extents{4});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { reduce_rows(be, x.read(), out.view()); }) == "reduce_rows: output has shape (4), expected (2)");
  CHECK(message([&] { reduce_columns(be, x.read(), out.view()); }) == "reduce_columns: output has shape (4), expected (3)");
  CHECK(message([&] { argmin(be, out.read().rows(0, 0)); }) == "argmin of an empty vector");
  CHECK(message([&] { argmax(be, out.read().rows(0, 0)); }) == "argmax of an empty vector");
}
