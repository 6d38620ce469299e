// Products against the plain triple loop in double.
#include "conformance/backends.hpp"

using namespace conformance;
using support::clone;
using support::normal;
using support::relative_difference;

namespace {

/// c = a b, plus what c holds with `accumulate`, plus the bias unless it is empty.
template <class A, class T>
void naive_gemm(A const& a, A const& b, matrix_view<T> const& c, bool accumulate, vector_view<T const> const& bias) {
  for (index_t i = 0; i < c.extent(0); ++i)
    for (index_t j = 0; j < c.extent(1); ++j) {
      double total = accumulate ? static_cast<double>(c(i, j)) : bias.empty() ? 0 : static_cast<double>(bias[j]);
      for (index_t k = 0; k < a.extent(1); ++k) total += static_cast<double>(a(i, k)) * static_cast<double>(b(k, j));
      c(i, j) = static_cast<T>(total);
    }
}

enum class kind { plain, accumulate, bias };

/// One product with each operand stored as it is or transposed.
template <class T, class B>
void check_product(B& be, index_t m, index_t n, index_t k, bool turn_a, bool turn_b, kind what) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(turn_a);
  CAPTURE(turn_b);
  auto const a = normal<T>(turn_a ? extents{k, m} : extents{m, k}, 1), b = normal<T>(turn_b ? extents{n, k} : extents{k, n}, 2);
  auto const bias = normal<T>(extents{n}, 3);
  auto c = normal<T>(extents{m, n}, 4);
  auto const da = upload(be, a), db = upload(be, b);
  auto const dbias = upload(be, bias);
  auto dc = upload(be, c);
  auto const turned = [](auto const& view, bool turn) { return turn ? transposed(view) : view; };
  bool const add = what == kind::accumulate;
  if (what == kind::bias) gemm(be, turned(da.read(), turn_a), turned(db.read(), turn_b), dc.view(), false, dbias.read());
  else gemm(be, turned(da.read(), turn_a), turned(db.read(), turn_b), dc.view(), add);
  naive_gemm(turned(a.read(), turn_a), turned(b.read(), turn_b), c.view(), add,
             what == kind::bias ? bias.read() : vector_view<T const>{});
  CHECK(relative_difference(download(be, dc), c) < tolerance<T>);
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: all orders, all sizes around the registers'", B, TEST_BACKENDS) {
  B be;
  auto const check = [&]<class T>(T) {
    for (index_t const m : {0, 1, 3, 16, 33})
      for (index_t const n : {0, 1, 2, 17, 32})
        for (index_t const k : {0, 1, 5, 24, 31})
          for (int turns = 0; turns < 4; ++turns)
            for (kind const what : {kind::plain, kind::accumulate, kind::bias})
              check_product<T>(be, m, n, k, (turns & 1) != 0, (turns & 2) != 0, what);
  };
  check(float{});
  check(double{});
}

TEST_CASE_TEMPLATE("gemm: sizes beyond a cache block", B, TEST_BACKENDS) {
  B be;
  for (int turns = 0; turns < 4; ++turns)
    check_product<float>(be, 301, 157, 613, (turns & 1) != 0, (turns & 2) != 0, kind::accumulate);
}

TEST_CASE_TEMPLATE("gemm: blocks of larger matrices, and nothing outside of them", B, TEST_BACKENDS) {
  B be;
  auto const a = normal<double>(extents{9, 20}, 1), b = normal<double>(extents{20, 30}, 2);
  auto c = normal<double>(extents{12, 40}, 3);
  auto const da = upload(be, a), db = upload(be, b);
  auto dc = upload(be, c);
  auto const block = [](auto const& x, auto const& y, auto const& z, auto run) {
    run(x.rows(2, 7).columns(3, 14), y.rows(5, 16).columns(1, 24), z.rows(4, 9).columns(6, 29));
  };
  block(da.read(), db.read(), dc.view(), [&](auto x, auto y, auto z) { gemm(be, x, y, z); });
  block(a.read(), b.read(), c.view(), [&](auto x, auto y, auto z) { naive_gemm(x, y, z, false, {}); });
  CHECK(relative_difference(download(be, dc), c) < 1e-14);
}

TEST_CASE_TEMPLATE("gemm: stacks, with operands of their own or shared by a stride of 0", B, TEST_BACKENDS) {
  B be;
  constexpr index_t members = 3, m = 7, n = 5, k = 6;
  auto const a = normal<float>(extents{members, m, k}, 1), b = normal<float>(extents{members, k, n}, 2);
  auto const bias = normal<float>(extents{members, n}, 3);
  auto const da = upload(be, a), db = upload(be, b);
  auto const dbias = upload(be, bias);
  for (bool const share_a : {false, true})
    for (bool const share_b : {false, true})
      for (kind const what : {kind::plain, kind::accumulate, kind::bias}) {
        auto c = normal<float>(extents{members, m, n}, 4);
        auto dc = upload(be, c);
        auto const stack = [&](auto const& x, bool share) { return share ? repeated(x.read()(1), members) : x.read(); };
        bool const add = what == kind::accumulate;
        if (what == kind::bias) gemm(be, stack(da, share_a), stack(db, share_b), dc.view(), false, dbias.read());
        else gemm(be, stack(da, share_a), stack(db, share_b), dc.view(), add);
        for (index_t i = 0; i < members; ++i)
          naive_gemm(stack(a, share_a)(i), stack(b, share_b)(i), c.view()(i), add,
                     what == kind::bias ? bias.read()(i) : vector_view<float const>{});
        CHECK(relative_difference(download(be, dc), c) < tolerance<float>);
      }
}

TEST_CASE_TEMPLATE("gemm: an operand may be a repeated row, and a row or column of any stride", B, TEST_BACKENDS) {
  B be;
  auto const a = normal<double>(extents{6, 8}, 1), b = normal<double>(extents{8, 5}, 2);
  auto const da = upload(be, a), db = upload(be, b);
  auto const check = [&](auto const& pick_a, auto const& pick_b) {
    auto const x = pick_a(a.read()), y = pick_b(b.read());
    tensor<double, 2> c(extents{x.extent(0), y.extent(1)});
    on<B, double, 2> dc(c.shape());
    gemm(be, pick_a(da.read()), pick_b(db.read()), dc.view());
    naive_gemm(x, y, c.view(), false, {});
    CHECK(relative_difference(download(be, dc), c) < 1e-14);
  };
  auto const whole = [](auto const& v) { return v; };
  check([](auto const& v) { return repeated(v(2), 4); }, whole);
  check([](auto const& v) { return v.rows(3, 4); }, [](auto const& v) { return v.columns(2, 3); });
  check([](auto const& v) { return transposed(v.columns(1, 2)); }, [](auto const& v) { return v.rows(0, 6).columns(4, 5); });
}

TEST_CASE_TEMPLATE("gemm says which shapes and strides do not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> a(extents{2, 3}), b(extents{3, 4}), c(extents{2, 4}), wide(extents{6, 8});
  on<B, float, 1> bias(extents{3});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { gemm(be, b.read(), a.read(), c.view()); }) == "gemm: left operand has shape (3, 4), expected (2, 4)");
  CHECK(message([&] { gemm(be, a.read(), c.read(), c.view()); }) == "gemm: right operand has shape (2, 4), expected (3, 4)");
  CHECK(message([&] { gemm(be, a.read(), b.read(), c.view(), false, bias.read()); }) == "gemm: bias has shape (3), expected (4)");
  matrix_view<float const, typename B::space> const gaps(wide.flat().data(), extents{2, 3}, extents{16, 2});
  CHECK(support::contains(message([&] { gemm(be, gaps, b.read(), c.view()); }), "strides (16, 2)"));
  CHECK_THROWS_AS(gemm(be, transposed(b.read()), transposed(a.read()), transposed(c.view())), shape_error);

  on<B, float, 3> two_a(extents{2, 2, 3}), two_b(extents{2, 3, 4}), three_c(extents{3, 2, 4});
  on<B, float, 2> two_bias(extents{2, 4});
  CHECK(support::contains(message([&] { gemm(be, two_a.read(), two_b.read(), three_c.view()); }), "(2, 2, 3), expected (3, 2, 3)"));
  CHECK_THROWS_AS(gemm(be, repeated(a.read(), 3), two_b.read(), three_c.view()), shape_error);
  CHECK_THROWS_AS(gemm(be, repeated(a.read(), 3), repeated(b.read(), 3), three_c.view(), false, two_bias.read()), shape_error);
}
