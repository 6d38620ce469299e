#include <parapet/core/tensor_view.hpp>

#include "support/tensor.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::generate;

TEST_CASE("a view indexes row-major memory") {
  auto x = generate<int>(extents{2, 3, 4}, [](index_t i) { return i; });
  auto const view = x.view();
  CHECK(view.size() == 24);
  CHECK(view(1, 2, 3) == 23);
  CHECK(view(1)(2)[3] == 23);
  view(0, 1, 2) = -1;
  CHECK(x.flat()[6] == -1);
}

TEST_CASE("slices, rows and columns keep the elements where they are") {
  auto const x = generate<int>(extents{4, 5}, [](index_t i) { return i; });
  auto const part = x.read().rows(1, 3).columns(2, 5);
  CHECK(part.shape() == extents{2, 3});
  CHECK(part.strides() == extents{5, 1});
  CHECK(part(1, 0) == 12);
  CHECK(!part.is_contiguous());
  CHECK(x.read().rows(1, 3).is_contiguous());
  CHECK(x.read().slice(1, 2, 2).empty());
  CHECK(flatten(x.read().rows(1, 3))[4] == 9);
}

TEST_CASE("transposed swaps the last two axes") {
  auto const x = generate<int>(extents{2, 3, 4}, [](index_t i) { return i; });
  auto const t = transposed(x.read());
  CHECK(t.shape() == extents{2, 4, 3});
  CHECK(transposed(x.read()(1))(3, 2) == 23);
  for (index_t i = 0; i < 2; ++i)
    for (index_t j = 0; j < 4; ++j)
      for (index_t k = 0; k < 3; ++k) CHECK(t(i, j, k) == x.read()(i, k, j));
}

TEST_CASE("repeated adds an axis without a copy") {
  auto const x = generate<int>(extents{3}, [](index_t i) { return i; });
  auto const r = repeated(x.read(), 5);
  CHECK(r.shape() == extents{5, 3});
  CHECK(r.strides() == extents{0, 1});
  CHECK(&r(4, 2) == &x.read()[2]);
}

TEST_CASE("a view of mutable elements becomes one of const elements, and not the reverse") {
  static_assert(std::is_convertible_v<matrix_view<float>, matrix_view<float const>>);
  static_assert(!std::is_convertible_v<matrix_view<float const>, matrix_view<float>>);
  static_assert(std::is_trivially_copyable_v<matrix_view<float>>);
  struct other_space {};
  static_assert(!std::is_convertible_v<vector_view<float, other_space>, vector_view<float const>>);
}

TEST_CASE("an empty view is one without memory or without elements") {
  CHECK(matrix_view<float>{}.empty());
  float x = 0;
  CHECK(matrix_view<float>(&x, extents{0, 3}).empty());
  CHECK(!matrix_view<float>(&x, extents{1, 1}).empty());
}
