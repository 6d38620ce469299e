// copy, fill, gather
#include "conformance/backends.hpp"

using namespace conformance;
using support::generate;
using support::same;

TEST_CASE_TEMPLATE("copy moves dense, strided, transposed and repeated views", B, TEST_BACKENDS) {
  B be;
  auto const host = generate<float>(extents{3, 4, 5}, [](index_t i) { return i; });
  auto const from = upload(be, host);
  on<B, float, 3> to(host.shape());
  copy(be, from.read(), to.view());
  CHECK(same(download(be, to), host));

  on<B, float, 2> part(extents{2, 3}), turned(extents{5, 4}), rows(extents{2, 5});
  copy(be, from.read()(1).rows(1, 3).columns(2, 5), part.view());
  CHECK(same(download(be, part), generate<float>(extents{2, 3}, [](index_t i) { return 20 + 5 * (1 + i / 3) + 2 + i % 3; })));
  copy(be, transposed(from.read()(2)), turned.view());
  CHECK(same(download(be, turned), generate<float>(extents{5, 4}, [](index_t i) { return 40 + i / 4 + 5 * (i % 4); })));
  copy(be, repeated(from.read()(0)(3), 2), rows.view());
  CHECK(same(download(be, rows), generate<float>(extents{2, 5}, [](index_t i) { return 15 + i % 5; })));

  auto indices = upload(be, generate<index_t>(extents{4}, [](index_t i) { return 9 - i; }));
  on<B, index_t, 1> copied(extents{4});
  copy(be, indices.view(), copied.view());
  CHECK(download(be, copied).read()[3] == 6);
  copy(be, from.read().rows(1, 1), to.view().rows(2, 2));  // nothing
}

TEST_CASE_TEMPLATE("fill writes every element of a view and no other", B, TEST_BACKENDS) {
  B be;
  auto x = upload(be, support::constant(extents{4, 6}, 1.0));
  fill(be, x.view().rows(1, 3).columns(2, 5), 7);
  CHECK(same(download(be, x), generate<double>(extents{4, 6}, [](index_t i) {
    index_t const row = i / 6, column = i % 6;
    return row >= 1 && row < 3 && column >= 2 && column < 5 ? 7 : 1;
  })));
}

TEST_CASE_TEMPLATE("gather picks rows and elements, repeats included", B, TEST_BACKENDS) {
  B be;
  auto const matrix = upload(be, generate<float>(extents{4, 3}, [](index_t i) { return i; }));
  auto const indices = upload(be, generate<index_t>(extents{5}, [](index_t i) { return (3 * i + 3) % 4; }));
  on<B, float, 2> rows(extents{5, 3});
  gather(be, matrix.read(), indices.read(), rows.view());
  auto const row_of = [](index_t i) { return (3 * i + 3) % 4; };
  CHECK(same(download(be, rows), generate<float>(extents{5, 3}, [&](index_t i) { return 3 * row_of(i / 3) + i % 3; })));

  on<B, float, 1> elements(extents{5});
  gather(be, matrix.read()(2).rows(0, 3), indices.read().rows(0, 0), elements.view().rows(0, 0));  // nothing
  gather(be, flatten(matrix.read()), indices.read(), elements.view());
  CHECK(same(download(be, elements), generate<float>(extents{5}, [&](index_t i) { return row_of(i); })));
}

TEST_CASE_TEMPLATE("movement says which shapes do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> a(extents{2, 3}), b(extents{3, 2});
  on<B, index_t, 1> two(extents{2});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { copy(be, a.read(), b.view()); }) == "copy: source has shape (2, 3), expected (3, 2)");
  CHECK(message([&] { gather(be, a.read(), two.read(), b.view()); }) == "gather: output has shape (3, 2), expected (2, 3)");
}
