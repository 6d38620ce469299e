// Thrust's algorithms under a policy of each backend, at sizes that its systems divide among threads; the conformance suite has
// the small ones. compact is tested here alone, as no algorithm of the library asks backends for it yet.
#include <parapet/backend/thrust/algorithms.hpp>

#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <vector>

using namespace parapet;
using support::download;
using support::generate;
using support::on;
using support::upload;
namespace through = backend::through_thrust;

namespace {

#if defined(__CUDACC__)
auto policy_of(backend::cuda&) { return ::thrust::cuda::par; }
#else
template <class System>
auto policy_of(backend::thrust_host<System>&) { return System::policy(); }
#endif

constexpr index_t many = 100000;

}  // namespace

TEST_CASE_TEMPLATE("thrust: sums, scans and extrema of many elements", B, TEST_BACKENDS) {
  B be;
  auto const policy = policy_of(be);
  auto x = upload(be, generate<double>(extents{many}, [](index_t i) { return (7919 * i) % 1009; }));  // exact in any order
  double total = 0;
  for (index_t i = 0; i < many; ++i) total += static_cast<double>((7919 * i) % 1009);
  CHECK(through::sum(policy, x.read()) == total);
  CHECK(through::reduce(policy, x.read(), math::maximum{}, 0.0) == 1008);
  CHECK(through::argmin(policy, x.read()) == 0);
  index_t first = 0;
  while ((7919 * first) % 1009 != 1008) ++first;
  CHECK(through::argmax(policy, x.read()) == first);
  through::inclusive_scan(policy, x.read(), x.view());
  auto const sums = download(be, x);
  CHECK(sums.read()[many - 1] == total);
  for (index_t i = 1; i < many; i += 997) CHECK(sums.read()[i] - sums.read()[i - 1] == static_cast<double>((7919 * i) % 1009));
}

TEST_CASE_TEMPLATE("thrust: a stable sort of many elements, NaN last, along a stride", B, TEST_BACKENDS) {
  B be;
  auto const key = [](index_t i) { return i % 1000 == 3 ? std::nanf("") : static_cast<float>((7919 * i) % 37) - 18; };
  auto keys = upload(be, generate<float>(extents{many, 2}, [&](index_t i) { return i % 2 == 0 ? key(i / 2) : -1; }));
  auto order = upload(be, generate<index_t>(extents{many}, [](index_t i) { return i; }));
  vector_view<float, typename B::space> const first(keys.flat().data(), extents{many}, extents{index_t{2}});
  through::sort_by_key(policy_of(be), first, order.view());
  auto const sorted = download(be, keys);
  auto const places = download(be, order);
  bool in_order = true, moved_along = true, others_kept = true;
  for (index_t i = 0; i < many; ++i) {
    float const here = sorted.read()(i, 0), there = key(places.read()[i]);
    moved_along = moved_along && (here == there || (here != here && there != there));
    others_kept = others_kept && sorted.read()(i, 1) == -1;
    if (i == 0) continue;
    float const before = sorted.read()(i - 1, 0);
    bool const equal = before == here || (before != before && here != here);
    in_order = in_order && (equal ? places.read()[i - 1] < places.read()[i] : before < here || here != here);
  }
  CHECK(in_order);
  CHECK(moved_along);
  CHECK(others_kept);
}

TEST_CASE_TEMPLATE("thrust: compact keeps the chosen rows in order and says how many they are", B, TEST_BACKENDS) {
  B be;
  auto const policy = policy_of(be);
  auto const check = [&](index_t rows, index_t columns, auto const& keep) {
    CAPTURE(rows);
    auto const host = generate<float>(extents{rows, columns + 1}, [](index_t i) { return i; });
    auto const mask = upload(be, generate<float>(extents{rows}, [&](index_t i) { return keep(i) ? 0.5f : 0.0f; }));
    auto const from = upload(be, host);
    auto to = upload(be, support::constant(extents{rows, columns + 2}, -1.0f));
    index_t const count = through::compact(policy, from.read().columns(1, columns + 1), mask.read(), to.view().columns(0, columns));
    auto const got = download(be, to);
    index_t expected = 0, wrong = 0;
    for (index_t i = 0; i < rows; ++i) {
      if (!keep(i)) continue;
      for (index_t j = 0; j < columns; ++j) wrong += got.read()(expected, j) != host.read()(i, j + 1);
      ++expected;
    }
    CHECK(count == expected);
    CHECK(wrong == 0);
    for (index_t i = 0; i < rows; ++i) wrong += got.read()(i, columns) != -1 || (i >= count && got.read()(i, 0) != -1);
    CHECK(wrong == 0);  // nothing else is written
  };
  for (index_t const rows : {0, 1, 5, 20000}) {
    check(rows, 3, [](index_t i) { return i % 3 != 1; });
    check(rows, 3, [](index_t) { return true; });
    check(rows, 3, [](index_t) { return false; });
    check(rows, 1, [](index_t i) { return i % 7 == 6; });
  }
}

TEST_CASE_TEMPLATE("thrust: compact says what does not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> a(extents{3, 2}), b(extents{2, 2});
  on<B, int, 1> mask(extents{3}), few(extents{2});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { through::compact(policy_of(be), a.read(), few.read(), a.view()); }) == "compact: mask has shape (2), expected (3)");
  CHECK(message([&] { through::compact(policy_of(be), a.read(), mask.read(), b.view()); }) == "compact: output has shape (2, 2), expected (3, 2)");
}
