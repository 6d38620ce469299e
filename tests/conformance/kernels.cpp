// Row kernels that a backend may fuse: softmax_rows, layer_norm. Each against the generic version on the same backend,
// and against its formula in double.
#include "conformance/backends.hpp"

#include <cmath>
#include <limits>

using namespace conformance;
using support::clone;
using support::generate;
using support::normal;
using support::relative_difference;

namespace {

template <class T>
struct layer_norm_result {
  tensor<T, 2> y, normalized, dx;
  tensor<T, 1> inverse_deviation, dscale, dshift;
};

/// Forward and backward of a (rows, n) batch whose rows are `stride` apart.
template <class T, class B>
auto run_layer_norm(B& be, index_t rows, index_t n, index_t stride) {
  using backend::layer_norm_backward;  // B may be of any namespace
  using backend::layer_norm_forward;
  using space = typename B::space;
  auto const x = upload(be, normal<T>(extents{rows, stride}, 1)), dy = upload(be, normal<T>(extents{rows, stride}, 2));
  auto const scale = upload(be, normal<T>(extents{n}, 3)), shift = upload(be, normal<T>(extents{n}, 4));
  on<B, T, 2> y(extents{rows, n}), z(extents{rows, n}), dx(extents{rows, n});
  on<B, T, 1> inverse(extents{rows});
  auto dscale = upload(be, normal<T>(extents{n}, 5)), dshift = upload(be, normal<T>(extents{n}, 6));  // added to
  layer_norm_forward(be, x.read().columns(0, n), scale.read(), shift.read(), T(1e-3), y.view(), z.view(), inverse.view());
  layer_norm_backward(be, scale.read(), matrix_view<T const, space>(z.view()), inverse.read(), dy.read().columns(0, n),
                      dx.view(), dscale.view(), dshift.view());
  return layer_norm_result<T>{download(be, y),       download(be, z),      download(be, dx),
                              download(be, inverse), download(be, dscale), download(be, dshift)};
}

}  // namespace

TEST_CASE_TEMPLATE("layer_norm: the backend's own kernel gives what the generic one gives", B, TEST_BACKENDS) {
  B be;
  unfused<B> generic;
  auto const check = [&]<class T>(T) {
    for (index_t const n : lengths) {
      if (n == 0) continue;
      CAPTURE(n);
      auto const a = run_layer_norm<T>(be, 6, n, n + 3), b = run_layer_norm<T>(generic, 6, n, n + 3);
      double const bound = 4 * tolerance<T>;
      CHECK(relative_difference(a.y, b.y) < bound);
      CHECK(relative_difference(a.normalized, b.normalized) < bound);
      CHECK(relative_difference(a.inverse_deviation, b.inverse_deviation) < bound);
      CHECK(relative_difference(a.dscale, b.dscale) < bound);
      CHECK(relative_difference(a.dshift, b.dshift) < bound);
      if (n > 1) CHECK(relative_difference(a.dx, b.dx) < bound);  // 0 for one column
    }
  };
  check(float{});
  check(double{});
}

TEST_CASE_TEMPLATE("layer_norm: rows have mean 0 and variance 1 before scale and shift", B, TEST_BACKENDS) {
  B be;
  constexpr index_t n = 37;
  auto const result = run_layer_norm<double>(be, 4, n, n);
  auto const x = normal<double>(extents{index_t{4}, n}, 1);
  auto const scale = normal<double>(extents{n}, 3), shift = normal<double>(extents{n}, 4);
  for (index_t i = 0; i < 4; ++i) {
    double mean = 0, variance = 0;
    for (index_t j = 0; j < n; ++j) mean += x.read()(i, j) / n;
    for (index_t j = 0; j < n; ++j) variance += (x.read()(i, j) - mean) * (x.read()(i, j) - mean) / n;
    CHECK(std::abs(result.inverse_deviation.read()[i] - 1 / std::sqrt(variance + 1e-3)) < 1e-13);
    for (index_t j = 0; j < n; ++j)
      CHECK(std::abs(result.y.read()(i, j) - ((x.read()(i, j) - mean) / std::sqrt(variance + 1e-3) * scale.read()[j] + shift.read()[j])) < 1e-13);
  }
}

TEST_CASE_TEMPLATE("layer_norm: without a shift it is that of zeros, and arguments that do not fit are named", B, TEST_BACKENDS) {
  auto const check = [](auto be) {
    using backend::layer_norm_backward;
    using backend::layer_norm_forward;
    using space = typename decltype(be)::space;
    using vector = vector_view<double, space>;
    constexpr index_t rows = 3, n = 19;
    auto const x = upload(be, normal<double>(extents{rows, n}, 1)), dy = upload(be, normal<double>(extents{rows, n}, 2));
    auto const scale = upload(be, normal<double>(extents{n}, 3)), zeros = upload(be, support::constant(extents{n}, 0.0));
    on<decltype(be), double, 2> y(x.shape()), z(x.shape()), dx(x.shape()), y0(x.shape()), dx0(x.shape());
    on<decltype(be), double, 1> inverse(extents{rows});
    auto dscale = upload(be, normal<double>(extents{n}, 4)), dscale0 = upload(be, normal<double>(extents{n}, 4)),
         dshift = upload(be, normal<double>(extents{n}, 5));
    auto const kept = [&] { return matrix_view<double const, space>(z.view()); };
    layer_norm_forward(be, x.read(), scale.read(), zeros.read(), 1e-3, y0.view(), z.view(), inverse.view());
    layer_norm_forward(be, x.read(), scale.read(), vector_view<double const, space>{}, 1e-3, y.view(), z.view(), inverse.view());
    CHECK(support::same(download(be, y), download(be, y0)));
    layer_norm_backward(be, scale.read(), kept(), inverse.read(), dy.read(), dx0.view(), dscale0.view(), dshift.view());
    layer_norm_backward(be, scale.read(), kept(), inverse.read(), dy.read(), dx.view(), dscale.view(), vector{});
    CHECK(support::same(download(be, dx), download(be, dx0)));
    CHECK(support::same(download(be, dscale), download(be, dscale0)));
    auto const stack = [](auto const& view) { return repeated(view, 1); };
    layer_norm_forward(be, stack(x.read()), stack(scale.read()), matrix_view<double const, space>{}, 1e-3,
                       stack(y.view()), stack(z.view()), stack(inverse.view()));
    CHECK(support::same(download(be, y), download(be, y0)));

    auto const forward = [&](auto const& w, auto const& b, auto const& out) {
      return support::message_of<shape_error>([&] { layer_norm_forward(be, x.read(), w, b, 1e-3, out, z.view(), inverse.view()); });
    };
    CHECK(forward(scale.read().rows(1, n), zeros.read(), y.view()).starts_with("layer_norm: scale has shape ("));
    CHECK(forward(scale.read(), zeros.read().rows(1, n), y.view()).starts_with("layer_norm: shift has shape ("));
    CHECK(forward(scale.read(), zeros.read(), y.view().columns(1, n)).starts_with("layer_norm: output has shape ("));
    CHECK_THROWS_AS(layer_norm_backward(be, scale.read(), kept(), inverse.read(), dy.read(), dx.view().rows(1, 3), dscale.view(), dshift.view()), shape_error);
    CHECK_THROWS_AS(layer_norm_backward(be, scale.read(), kept(), inverse.read(), dy.read(), dx.view(), dscale.view().rows(1, n), dshift.view()), shape_error);
  };
  check(B{});
  check(unfused<B>{});
}

TEST_CASE_TEMPLATE("softmax_rows: positive, sums to 1, in place, and safe at both ends", B, TEST_BACKENDS) {
  auto const check = [](auto be) {
    using backend::softmax_rows;
    using space = typename decltype(be)::space;
    for (index_t const n : lengths) {
      if (n == 0) continue;
      auto const x = normal<double>(extents{index_t{3}, n}, 1);
      auto device = upload(be, x);
      softmax_rows(be, matrix_view<double const, space>(device.view()), device.view());
      auto expected = clone(x);
      for (index_t i = 0; i < 3; ++i) {
        double total = 0;
        for (index_t j = 0; j < n; ++j) total += std::exp(x.read()(i, j));
        for (index_t j = 0; j < n; ++j) expected.view()(i, j) = std::exp(x.read()(i, j)) / total;
      }
      CHECK(relative_difference(download(be, device), expected) < 1e-14);
    }
    double const infinity = std::numeric_limits<double>::infinity();
    auto const ends = upload(be, generate<double>(extents{2, 2}, [&](index_t i) { return i == 0 ? 1e300 : i == 1 ? -infinity : -1e5; }));
    on<decltype(be), double, 2> y(extents{2, 2});
    softmax_rows(be, ends.read(), y.view());
    auto const got = download(be, y);
    CHECK(got.read()(0, 0) == 1);
    CHECK(got.read()(0, 1) == 0);
    CHECK(got.read()(1, 0) == 0.5);
    on<decltype(be), double, 2> none(extents{2, 0});
    softmax_rows(be, none.read(), none.view());
    CHECK_THROWS_AS(softmax_rows(be, ends.read(), none.view()), shape_error);
  };
  check(B{});
  check(unfused<B>{});
}
