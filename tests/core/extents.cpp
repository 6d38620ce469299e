#include <parapet/core/extents.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace parapet;
using support::message_of;

TEST_CASE("extents: size, strides, comparison") {
  constexpr extents<3> shape{{2, 3, 4}};
  static_assert(shape.size() == 24);
  static_assert(row_major_strides(shape) == extents<3>{{12, 4, 1}});
  static_assert(!(shape == extents<3>{{2, 4, 3}}));
  static_assert(std::is_same_v<decltype(extents{1, 2}), extents<2>>);
  CHECK(extents{5, 0, 3}.size() == 0);
}

TEST_CASE("check_shape names the argument and both shapes") {
  check_shape("x", extents{2, 3}, extents{2, 3});
  CHECK(message_of<shape_error>([] { check_shape("net: input", extents{2, 3}, extents{2, 4}); }) ==
        "net: input has shape (2, 3), expected (2, 4)");
}

TEST_CASE("sizes that cannot be are refused before anything is allocated") {
  index_t const huge = std::numeric_limits<index_t>::max();
  CHECK(detail::checked_size(extents{3, 4}) == 12);
  CHECK(detail::checked_size(extents{huge / 4, index_t{0}}) == 0);
  CHECK_THROWS_AS(detail::checked_size(extents{-2, -3}), argument_error);
  CHECK_THROWS_AS(detail::checked_size(extents{huge / 4, index_t{4}}), argument_error);
  CHECK_THROWS_AS(detail::checked_bytes(-1, 4), argument_error);
  CHECK_THROWS_AS(detail::checked_bytes(huge / 4, 8), argument_error);
  CHECK(message_of<argument_error>([] { detail::checked_size(extents{2, -3}); }) == "negative extent -3");
}
