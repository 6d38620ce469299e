#include <parapet/math/pack.hpp>

#include "support/ulp.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace parapet;

namespace {

template <class T>
std::vector<T> counted(T first = 1) {
  std::vector<T> x(pack<T>::lanes);
  std::iota(x.begin(), x.end(), first);
  return x;
}
template <class T>
std::vector<T> lanes_of(pack<T> const& x) {
  std::vector<T> lane(pack<T>::lanes);
  x.store(lane.data());
  return lane;
}

}  // namespace

TEST_CASE_TEMPLATE("arithmetic acts lane by lane", T, float, double) {
  auto const a = counted<T>(1), b = counted<T>(20);
  auto const x = pack<T>::load(a.data()), y = pack<T>::load(b.data());
  auto const check = [&](pack<T> const& got, auto expected) {
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(lanes_of(got)[i] == expected(a[i], b[i]));
  };
  check(x + y, [](T u, T v) { return u + v; });
  check(x - y, [](T u, T v) { return u - v; });
  check(x * y, [](T u, T v) { return u * v; });
  check(x / y, [](T u, T v) { return u / v; });
  check(-x, [](T u, T) { return -u; });
  check(0.5f * x + 1, [](T u, T) { return T(0.5) * u + 1; });
  pack<T> z = x;
  z += y;
  z *= 2;
  check(z, [](T u, T v) { return (u + v) * 2; });
}

TEST_CASE_TEMPLATE("comparisons make masks, and where chooses", T, float, double) {
  auto const a = counted<T>();
  auto const x = pack<T>::load(a.data());
  auto const check = [&](pack_mask<T> const& mask, auto condition) {
    auto const chosen = lanes_of(where(mask, x, T(-1)));
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(chosen[i] == (condition(a[i]) ? a[i] : T(-1)));
  };
  check(x < T(4), [](T v) { return v < 4; });
  check(x <= T(4), [](T v) { return v <= 4; });
  check(x > T(4), [](T v) { return v > 4; });
  check(x >= T(4), [](T v) { return v >= 4; });
  check(x == T(4), [](T v) { return v == 4; });
  check((x > T(2)) & (x < T(5)), [](T v) { return v > 2 && v < 5; });
  check((x < T(2)) | (x > T(5)), [](T v) { return v < 2 || v > 5; });
  check(!(x < T(4)), [](T v) { return v >= 4; });
  CHECK(lanes_of(where(x < T(2), T(7), x))[0] == 7);
  T const nan = std::numeric_limits<T>::quiet_NaN();
  CHECK(lanes_of(where(x < T(2), x, pack<T>(nan)))[0] == 1);
  CHECK(!any(pack<T>(nan) == pack<T>(nan)));
}

TEST_CASE_TEMPLATE("any finds a single lane", T, float, double) {
  for (std::size_t i = 0; i < pack<T>::lanes; ++i) {
    std::vector<T> x(pack<T>::lanes, T(0));
    CHECK(!any(pack<T>::load(x.data()) > T(0)));
    x[i] = 1;
    CHECK(any(pack<T>::load(x.data()) > T(0)));
  }
}

TEST_CASE_TEMPLATE("a short load is filled with zeros and a short store leaves the rest alone", T, float, double) {
  auto const a = counted<T>();
  for (index_t count = 1; count <= pack<T>::lanes; ++count) {
    std::vector<T> const part(a.begin(), a.begin() + count);  // the address sanitizer sees a read beyond it
    auto const x = pack<T>::load(part.data(), count);
    std::vector<T> out(pack<T>::lanes, T(-1));
    x.store(out.data(), count);
    for (index_t i = 0; i < pack<T>::lanes; ++i) {
      auto const k = static_cast<std::size_t>(i);
      CHECK(lanes_of(x)[k] == (i < count ? a[k] : T(0)));
      CHECK(out[k] == (i < count ? a[k] : T(-1)));
    }
  }
}

TEST_CASE_TEMPLATE("the sum of lanes is a tree by halves", T, float, double) {
  auto a = counted<T>();
  CHECK(sum_lanes(pack<T>::load(a.data())) == std::accumulate(a.begin(), a.end(), T(0)));
  // Only in this order do the large numbers meet before the small ones are lost in them.
  std::fill(a.begin(), a.end(), T(1));
  a[0] = T(1e20);
  a[pack<T>::lanes / 2] = T(-1e20);
  CHECK(sum_lanes(pack<T>::load(a.data())) == T(pack<T>::lanes - 2));
}
