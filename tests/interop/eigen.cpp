#include <parapet/interop/eigen.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using namespace parapet;

namespace {
std::vector<float> counted(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}
}  // namespace

TEST_CASE("a view as an Eigen map: the same elements, any strides, writing through") {
  std::vector<float> memory = counted(24);
  matrix_view<float> const dense(memory.data(), extents<2>{4, 6});
  auto map = interop::as_eigen(dense);
  CHECK(map.data() == memory.data());
  CHECK(map(1, 2) == dense(1, 2));
  map(1, 2) = -1;
  CHECK(dense(1, 2) == -1);

  auto const block = interop::as_eigen(dense.columns(1, 4).rows(1, 3));
  auto const turned = interop::as_eigen(transposed(dense));
  CHECK(block.rows() == 2);
  CHECK(block.cols() == 3);
  for (index_t i = 0; i < 2; ++i)
    for (index_t j = 0; j < 3; ++j) CHECK(block(i, j) == dense(i + 1, j + 1));
  for (index_t i = 0; i < 6; ++i)
    for (index_t j = 0; j < 4; ++j) CHECK(turned(i, j) == dense(j, i));
  CHECK((block * block.transpose()).trace() == doctest::Approx(block.squaredNorm()));

  matrix_view<float const> const repeated_row =
      repeated(vector_view<float const>(memory.data(), extents<1>{6}), 3);  // stride 0
  CHECK(interop::as_eigen(repeated_row).colwise().sum()(5) == 15);

  auto const column = interop::as_eigen(vector_view<float const>(memory.data() + 3, extents<1>{4}, extents<1>{6}));
  CHECK(column.size() == 4);
  CHECK(column(2) == memory[15]);
  static_assert(std::is_same_v<decltype(column.data()), float const*>);
  CHECK(interop::as_eigen(matrix_view<double>(nullptr, extents<2>{0, 3})).size() == 0);
}

TEST_CASE("an Eigen object as a view: storage order, blocks, maps, const") {
  Eigen::MatrixXf columns = Eigen::MatrixXf::Random(3, 4);
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = Eigen::MatrixXd::Random(3, 4);
  matrix_view<float> const a = interop::matrix_of(columns);
  matrix_view<double> const b = interop::matrix_of(rows);
  CHECK(a.shape() == extents<2>{3, 4});
  CHECK(a.strides() == extents<2>{1, 3});
  CHECK(b.is_contiguous());
  auto block = columns.block(1, 1, 2, 3);
  auto row = columns.row(2);
  auto const c = interop::matrix_of(block);
  auto const r = interop::vector_of(row);
  for (index_t i = 0; i < 3; ++i)
    for (index_t j = 0; j < 4; ++j) {
      CHECK(a(i, j) == columns(i, j));
      CHECK(b(i, j) == rows(i, j));
      if (i >= 1 && j >= 1) CHECK(&c(i - 1, j - 1) == &columns(i, j));
      CHECK(&r[j] == &columns(2, j));
    }
  a(0, 1) = 5;
  CHECK(columns(0, 1) == 5);

  Eigen::MatrixXf const& fixed = columns;
  static_assert(std::is_same_v<decltype(interop::matrix_of(fixed)), matrix_view<float const>>);
  Eigen::VectorXd vector = Eigen::VectorXd::LinSpaced(5, 0, 4);
  CHECK(interop::vector_of(vector)[3] == 3);
  Eigen::Array<float, 2, 3, Eigen::RowMajor> array;
  array << 1, 2, 3, 4, 5, 6;
  CHECK(interop::matrix_of(array)(1, 0) == 4);
  auto map = interop::as_eigen(a);
  CHECK(interop::matrix_of(map).strides() == a.strides());
}

TEST_CASE("negative strides are refused in both directions") {
  std::vector<float> memory = counted(6);
  CHECK_THROWS_AS(interop::as_eigen(vector_view<float>(memory.data() + 5, extents<1>{6}, extents<1>{-1})), argument_error);
  CHECK_THROWS_AS(interop::as_eigen(matrix_view<float>(memory.data() + 5, extents<2>{2, 3}, extents<2>{-3, -1})),
                  argument_error);
}
