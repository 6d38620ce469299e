#include <doctest/doctest.h>

#if !defined(WITH_XTENSOR)
TEST_CASE("xtensor: left out, xtensor was not found") { MESSAGE("left out: xtensor was not found"); }
#else

#include <parapet/interop/xtensor.hpp>

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

#include <numeric>
#include <vector>

using namespace parapet;
using doctest::Contains;

TEST_CASE("a view as an xtensor expression: the same elements, any strides, writing through") {
  std::vector<double> memory(60);
  std::iota(memory.begin(), memory.end(), 0.0);
  tensor_view<double, 3> const dense(memory.data(), extents<3>{3, 4, 5});
  auto adaptor = interop::as_xtensor(dense);
  CHECK(adaptor(1, 2, 3) == dense(1, 2, 3));
  adaptor(1, 2, 3) = -1;
  CHECK(dense(1, 2, 3) == -1);
  xt::xtensor<double, 3> const doubled = 2 * adaptor;
  CHECK(doubled(2, 3, 4) == 118);

  matrix_view<double const> const part = dense(1).columns(1, 4);
  auto const strided = interop::as_xtensor(part);
  auto const turned = interop::as_xtensor(transposed(part));
  for (index_t i = 0; i < 4; ++i)
    for (index_t j = 0; j < 3; ++j) {
      CHECK(strided(i, j) == part(i, j));
      CHECK(turned(j, i) == part(i, j));
    }
  xt::xtensor<double, 2> const copy = strided;  // copies element by element, so gaps must not be taken along
  CHECK(copy(3, 2) == part(3, 2));
  CHECK(xt::sum(turned)() == doctest::Approx(xt::sum(copy)()));
  CHECK(interop::as_xtensor(matrix_view<float>(nullptr, extents<2>{0, 3})).size() == 0);
  CHECK(interop::as_xtensor(part.rows(2, 3)).shape()[0] == 1);
  CHECK_THROWS_AS(interop::as_xtensor(vector_view<double>(memory.data() + 5, extents<1>{6}, extents<1>{-1})),
                  argument_error);
}

TEST_CASE("an xtensor array as a view: rank checked, an axis of extent 1 does not make it strided") {
  xt::xarray<float> array = xt::ones<float>({2, 1, 3});
  array(1, 0, 2) = 7;
  tensor_view<float, 3> const view = interop::view_of<3>(array);
  CHECK(view.shape() == extents<3>{2, 1, 3});
  CHECK(view.is_contiguous());
  CHECK(view(1, 0, 2) == 7);
  CHECK(view.data() == array.data());
  CHECK_THROWS_WITH_AS(interop::view_of<2>(array), "view_of: the array has 3 axes, expected 2", shape_error);
  xt::xarray<float> const& fixed = array;
  static_assert(std::is_same_v<decltype(interop::view_of<3>(fixed)), tensor_view<float const, 3>>);

  xt::xtensor<double, 2, xt::layout_type::column_major> columns{{1, 2, 3}, {4, 5, 6}};
  auto const c = interop::view_of<2>(columns);
  CHECK(c.strides() == extents<2>{1, 2});
  CHECK(c(1, 0) == 4);

  xt::xtensor<double, 2> rows{{1, 2, 3}, {4, 5, 6}};
  auto part = xt::view(rows, xt::all(), xt::range(1, 3));
  auto const p = interop::view_of<2>(part);
  CHECK(p.shape() == extents<2>{2, 2});
  CHECK(&p(1, 1) == &rows(1, 2));
  auto adaptor = interop::as_xtensor(p);
  CHECK(interop::view_of<2>(adaptor).strides() == p.strides());
}

#endif
