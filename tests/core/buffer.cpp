#include <parapet/core/buffer.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <utility>

using namespace parapet;

TEST_CASE("a buffer is aligned to a cache line and moves without a copy") {
  buffer<float> a(100);
  CHECK(a.size() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
  float* const where = a.data();
  buffer<float> b(std::move(a));
  CHECK(b.data() == where);
  CHECK(a.size() == 0);  // NOLINT: moved from on purpose
  buffer<float> c;
  c = std::move(b);
  CHECK(c.data() == where);
  CHECK(c.view().shape() == extents{100});
}

TEST_CASE("a buffer refuses sizes that cannot be") {
  CHECK_THROWS_AS(buffer<float>(-1), argument_error);
  CHECK_THROWS_AS(buffer<double>(std::numeric_limits<index_t>::max() / 4), argument_error);
  CHECK(buffer<float>(0).view().empty());
}

TEST_CASE("a view over a buffer must fit") {
  buffer<float> a(12);
  CHECK(a.view(extents{3, 4}).shape() == extents{3, 4});
  CHECK(a.view(extents{2, 3}).size() == 6);
  CHECK(support::message_of<shape_error>([&] { a.view(extents{4, 4}); }) ==
        "view of shape (4, 4) over a buffer of 12 elements");
  CHECK_THROWS_AS(a.view(extents{-2, -3}), argument_error);
  index_t const wraps = index_t{1} << 32;
  CHECK_THROWS_AS(a.view(extents{wraps, wraps}), argument_error);  // 2^64 elements are not 0
}
