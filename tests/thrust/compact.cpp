// compact, which no algorithm of the library asks backends for yet: so it is tested here and not in the conformance suite.
#include "support/backends.hpp"
#include "support/throws.hpp"
#include "thrust/policy_of.hpp"

using namespace parapet;
using support::download;
using support::generate;
using support::on;
using support::upload;
using thrust_test::policy_of;
namespace through = backend::through_thrust;

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
