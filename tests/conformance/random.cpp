// fill_uniform, fill_normal, fill_below
#include "conformance/backends.hpp"

#include <cmath>

using namespace conformance;

TEST_CASE_TEMPLATE("random fills are the elements of their stream, wherever they start", B, TEST_BACKENDS) {
  B be;
  philox_stream const stream(5, 9);
  auto const check = [&]<class T>(T) {
    for (index_t const n : lengths)
      for (index_t const first : {index_t{0}, index_t{1}, index_t{6}, (index_t{1} << 40) + 3}) {
        on<B, T, 1> uniform(extents{n}), gauss(extents{n});
        on<B, index_t, 1> below(extents{n});
        fill_uniform(be, uniform.view(), stream, first);
        fill_normal(be, gauss.view(), stream, first);
        fill_below(be, below.view(), index_t{10}, stream, first);
        auto const u = download(be, uniform), z = download(be, gauss);
        auto const k = download(be, below);
        for (index_t i = 0; i < n; ++i) {
          CHECK(u.read()[i] == static_cast<T>(stream.uniform(first + i)));
          CHECK(k.read()[i] == stream.below(first + i, 10));
          // A backend takes logarithm, sine and cosine of its own.
          CHECK(std::abs(z.read()[i] - static_cast<T>(stream.normal(first + i))) < T(2e-6));
        }
      }
  };
  check(float{});
  check(double{});
}

TEST_CASE_TEMPLATE("fill_below refuses ranges that it cannot draw from", B, TEST_BACKENDS) {
  B be;
  on<B, index_t, 1> out(extents{3});
  philox_stream const stream(5, 9);
  fill_below(be, out.view(), index_t{1} << 32, stream);
  CHECK_THROWS_AS(fill_below(be, out.view(), 0, stream), argument_error);
  CHECK_THROWS_AS(fill_below(be, out.view(), -3, stream), argument_error);
  CHECK_THROWS_AS(fill_below(be, out.view(), (index_t{1} << 32) + 1, stream), argument_error);
}
