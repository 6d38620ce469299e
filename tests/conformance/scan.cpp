// inclusive_scan
#include "conformance/backends.hpp"

#if defined(__CUDACC__)
#include <parapet/backend/cuda/order.cuh>
#endif

using namespace conformance;
using support::generate;
using support::same;

TEST_CASE_TEMPLATE("inclusive_scan holds the sums so far, also in place", B, TEST_BACKENDS) {
  B be;
  for (index_t const n : lengths) {
    auto x = upload(be, generate<float>(extents{n}, [](index_t i) { return i - 3; }));
    on<B, float, 1> sums(extents{n});
    inclusive_scan(be, x.read(), sums.view());
    auto const expected = generate<float>(extents{n}, [](index_t i) { return i * (i + 1) / 2 - 3 * (i + 1); });
    CHECK(same(download(be, sums), expected));
    inclusive_scan(be, x.read(), x.view());
    CHECK(same(download(be, x), expected));
  }
  auto counts = upload(be, generate<index_t>(extents{4}, [](index_t i) { return i; }));
  inclusive_scan(be, counts.read(), counts.view());
  CHECK(download(be, counts).read()[3] == 6);
}

TEST_CASE_TEMPLATE("inclusive_scan says which shapes do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 1> two(extents{2}), three(extents{3});
  CHECK(support::message_of<shape_error>([&] { inclusive_scan(be, two.read(), three.view()); }) ==
        "inclusive_scan: output has shape (3), expected (2)");
}
