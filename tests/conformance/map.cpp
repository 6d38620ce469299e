// map, for_each_index
#include "conformance/backends.hpp"

using namespace conformance;
using support::generate;
using support::normal;
using support::same;

namespace {

/// Every element of z is read, and one of its sum and the scaled others is written.
struct combine {
  template <class X>
  PARAPET_FN void operator()(X& z, X const& x, X const& y) const { z = z + X(2.0f) * x - y; }
};
struct swap {
  template <class X>
  PARAPET_FN void operator()(X& x, X& y) const {
    X const kept = x;
    x = y;
    y = kept;
  }
};

template <class T>
T combined(T z, T x, T y) { return z + T(2) * x - y; }

template <class Space>
struct write_index {
  tensor_view<float, 3, Space> to;
  PARAPET_FN void operator()(index_t i, index_t j, index_t k) const { to(i, j, k) += static_cast<float>(100 * i + 10 * j + k); }
  PARAPET_FN void operator()(index_t i, index_t j) const { (*this)(i, j, 0); }
  PARAPET_FN void operator()(index_t i) const { (*this)(i, 0, 0); }
};

/// Small integers: exact under any order and any fused multiply-add.
template <class T, int Rank>
tensor<T, Rank> integers(extents<Rank> const& shape, index_t step) {
  return generate<T>(shape, [&](index_t i) { return (step * i) % 101 - 50; });
}

}  // namespace

TEST_CASE_TEMPLATE("map applies a functor to every element of dense and strided views, and to no other", B, TEST_BACKENDS) {
  B be;
  auto const check = [&]<class T>(T) {
    for (index_t const rows : {index_t{1}, index_t{3}})
      for (index_t const columns : lengths) {
        CAPTURE(columns);
        // A block with two rows and columns around it, and the same without.
        for (index_t const margin : {index_t{0}, index_t{2}}) {
          extents<2> const shape{{rows + 2 * margin, columns + 2 * margin}};
          auto const inside = [&](auto const& view) {
            return view.rows(margin, margin + rows).columns(margin, margin + columns);
          };
          auto z = integers<T>(shape, 7);
          auto const x = integers<T>(shape, 11), y = integers<T>(shape, 13);
          auto device = upload(be, z);
          auto const dx = upload(be, x), dy = upload(be, y);
          map(be, combine{}, inside(device.view()), inside(dx.read()), inside(dy.read()));
          for (index_t i = 0; i < rows; ++i)
            for (index_t j = 0; j < columns; ++j)
              inside(z.view())(i, j) = combined(inside(z.view())(i, j), inside(x.read())(i, j), inside(y.read())(i, j));
          CHECK(same(download(be, device), z));
        }
      }
  };
  check(float{});
  check(double{});
}

TEST_CASE_TEMPLATE("map repeats a row, a column and a number by strides of 0", B, TEST_BACKENDS) {
  B be;
  for (index_t const columns : {1, 5, 16, 19}) {
    extents<2> const shape{{4, columns}};
    auto const x = integers<float>(shape, 7), y = integers<float>(shape, 11);
    auto const dx = upload(be, x), dy = upload(be, y);
    auto const check = [&](extents<2> const& xs, extents<2> const& ys) {
      auto z = upload(be, support::constant(shape, 0.0f));
      using view = matrix_view<float const, typename B::space>;
      map(be, combine{}, z.view(), view(dx.flat().data(), shape, xs), view(dy.flat().data(), shape, ys));
      auto const at = [&](auto const& v, extents<2> const& s, index_t i) { return v.flat()[i / columns * s[0] + i % columns * s[1]]; };
      CHECK(same(download(be, z), generate<float>(shape, [&](index_t i) { return combined(0.0f, at(x, xs, i), at(y, ys, i)); })));
    };
    check(extents{index_t{0}, index_t{1}}, extents{index_t{1}, index_t{0}});  // a row, a column
    check(extents{index_t{0}, index_t{0}}, extents{columns, index_t{1}});     // a number, dense
    check(extents{columns, index_t{0}}, extents{index_t{0}, index_t{1}});     // the first column, a row
  }
}

TEST_CASE_TEMPLATE("map takes vectors, columns of a matrix and stacks", B, TEST_BACKENDS) {
  B be;
  auto const x = integers<double>(extents{3, 4, 5}, 7);
  auto const y = integers<double>(extents{4, 5}, 11);
  auto z = integers<double>(extents{3, 4, 5}, 13);
  auto const dx = upload(be, x);
  auto const dy = upload(be, y);
  auto dz = upload(be, z);
  map(be, combine{}, dz.view(), dx.read(), repeated(dy.read(), 3));
  map(be, combine{}, dz.view()(0)(1), dx.read()(1)(1), dx.read()(2)(2));
  map(be, combine{}, dz.view()(2).columns(1, 2), dx.read()(0).columns(0, 1), dx.read()(1).columns(4, 5));
  for (index_t i = 0; i < z.size(); ++i) z.flat()[i] = combined(z.flat()[i], x.flat()[i], y.flat()[i % 20]);
  for (index_t j = 0; j < 5; ++j) z.view()(0, 1, j) = combined(z.read()(0, 1, j), x.read()(1, 1, j), x.read()(2, 2, j));
  for (index_t i = 0; i < 4; ++i) z.view()(2, i, 1) = combined(z.read()(2, i, 1), x.read()(0, i, 0), x.read()(1, i, 4));
  CHECK(same(download(be, dz), z));
}

TEST_CASE_TEMPLATE("map may write several views, and one that it also reads", B, TEST_BACKENDS) {
  B be;
  auto const x = integers<float>(extents{37}, 7), y = integers<float>(extents{37}, 11);
  auto dx = upload(be, x), dy = upload(be, y);
  map(be, swap{}, dx.view(), dy.view());
  CHECK(same(download(be, dx), y));
  CHECK(same(download(be, dy), x));
  map(be, combine{}, dx.view(), dx.read(), dy.read());
  CHECK(same(download(be, dx), generate<float>(extents{37}, [&](index_t i) { return combined(y.flat()[i], y.flat()[i], x.flat()[i]); })));
}

TEST_CASE_TEMPLATE("map says which shapes and strides do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> a(extents{2, 3}), b(extents{3, 2});
  on<B, float, 3> stack(extents{2, 2, 3}), other(extents{3, 2, 3});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { map(be, swap{}, a.view(), b.view()); }) == "map: an argument has shape (3, 2), expected (2, 3)");
  CHECK_THROWS_AS(map(be, swap{}, stack.view(), other.view()), shape_error);
  CHECK(support::contains(message([&] { map(be, swap{}, a.view(), transposed(b.view())); }), "has strides (1, 2)"));
  matrix_view<float, typename B::space> const one(a.flat().data(), extents{2, 3}, extents{3, 0});
  CHECK_THROWS_AS(map(be, swap{}, a.view(), one), shape_error);  // written through a stride of 0
}

TEST_CASE_TEMPLATE("for_each_index visits every index once", B, TEST_BACKENDS) {
  B be;
  using writer = write_index<typename B::space>;
  extents<3> const shape{{3, 4, 5}};
  auto const expected = [](int rank) {
    return generate<float>(extents{3, 4, 5}, [=](index_t n) {
      index_t const i = n / 20, j = n / 5 % 4, k = n % 5;
      return (rank < 3 && k != 0) || (rank < 2 && j != 0) ? 0 : 100 * i + 10 * j + k;
    });
  };
  auto const check = [&](auto const& visited, int rank) {
    auto to = upload(be, support::constant(shape, 0.0f));
    for_each_index(be, visited, writer{to.view()});
    CHECK(same(download(be, to), expected(rank)));
  };
  check(extents{3, 4, 5}, 3);
  check(extents{3, 4}, 2);
  check(extents{3}, 1);
  auto to = upload(be, support::constant(shape, 0.0f));
  for_each_index(be, extents{3, 0}, writer{to.view()});
  CHECK(same(download(be, to), support::constant(shape, 0.0f)));
}
