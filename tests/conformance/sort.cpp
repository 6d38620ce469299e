// sort_by_key; and the concept, which needs all of a backend
#include "conformance/backends.hpp"

#if defined(__CUDACC__)
#include <parapet/backend/cuda/order.cuh>
#endif

#include <cmath>
#include <limits>

using namespace conformance;
using support::generate;
using support::same;

TEST_CASE_TEMPLATE("the backend meets its concept", B, TEST_BACKENDS) {
  static_assert(backend::check_backend<B>());
  static_assert(backend::check_backend<unfused<B>>());
}

TEST_CASE_TEMPLATE("sort_by_key sorts, moves values along and keeps the order of equal keys", B, TEST_BACKENDS) {
  B be;
  for (index_t const n : {0, 1, 2, 17, 1000}) {
    auto const before = generate<float>(extents{n}, [](index_t i) { return (7919 * i) % 37; });
    auto keys = upload(be, before);
    auto values = upload(be, generate<index_t>(extents{n}, [](index_t i) { return i; }));
    sort_by_key(be, keys.view(), values.view());
    auto const sorted = download(be, keys);
    auto const places = download(be, values);
    for (index_t i = 0; i < n; ++i) CHECK(sorted.read()[i] == before.read()[places.read()[i]]);
    for (index_t i = 1; i < n; ++i) {
      bool const in_order = sorted.read()[i - 1] < sorted.read()[i] ||
                            (sorted.read()[i - 1] == sorted.read()[i] && places.read()[i - 1] < places.read()[i]);
      CHECK(in_order);
    }
  }
}

TEST_CASE_TEMPLATE("sort_by_key takes NaN as larger than every number", B, TEST_BACKENDS) {
  B be;
  constexpr index_t n = 100;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto keys = upload(be, generate<double>(extents{n}, [&](index_t i) { return i % 3 == 0 ? nan : static_cast<double>((37 * i) % 50); }));
  auto values = upload(be, generate<index_t>(extents{n}, [](index_t i) { return i; }));
  sort_by_key(be, keys.view(), values.view());
  auto const sorted = download(be, keys);
  auto const places = download(be, values);
  index_t const numbers = n - (n + 2) / 3;
  for (index_t i = 1; i < numbers; ++i) CHECK(sorted.read()[i - 1] <= sorted.read()[i]);
  for (index_t i = numbers; i < n; ++i) {
    CHECK(std::isnan(sorted.read()[i]));
    CHECK(places.read()[i] == 3 * (i - numbers));
  }
}

TEST_CASE_TEMPLATE("sort_by_key says which shapes do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 1> two(extents{2});
  on<B, index_t, 1> places(extents{3});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { sort_by_key(be, two.view(), places.view()); }) == "sort_by_key: values has shape (3), expected (2)");
}
