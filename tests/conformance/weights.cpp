// Products with stored weights in float, bfloat16 and int8: against the formula in double, the operands rounded as it says.
#include "conformance/backends.hpp"

#include <parapet/backend/weights.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

using namespace conformance;
using support::generate;
using support::normal;
using support::relative_difference;

namespace {

template <class T>
double as_double(T x) { return static_cast<double>(static_cast<float>(x)); }

tensor<bfloat16, 2> rounded(tensor<float, 2> const& x) {
  tensor<bfloat16, 2> y(x.shape());
  for (index_t i = 0; i < x.size(); ++i) y.flat()[i] = to_bfloat16(x.flat()[i]);
  return y;
}

/// y = x W' + bias in double.
template <class X, class W>
tensor<float, 2> plain(tensor<X, 2> const& x, tensor<W, 2> const& w, tensor<float, 1> const* bias) {
  tensor<float, 2> y(extents{x.shape()[0], w.shape()[0]});
  for (index_t i = 0; i < y.shape()[0]; ++i)
    for (index_t j = 0; j < y.shape()[1]; ++j) {
      double total = bias != nullptr ? as_double(bias->flat()[j]) : 0;
      for (index_t k = 0; k < x.shape()[1]; ++k) total += as_double(x.read()(i, k)) * as_double(w.read()(j, k));
      y.view()(i, j) = static_cast<float>(total);
    }
  return y;
}

/// Weights (out, in) as int8, by the definition.
struct quantized {
  tensor<std::int8_t, 2> values;
  tensor<float, 1> scale;

  explicit quantized(tensor<float, 2> const& w) : values(w.shape()), scale(extents{w.shape()[0]}) {
    for (index_t j = 0; j < w.shape()[0]; ++j) {
      float largest = 0;
      for (index_t k = 0; k < w.shape()[1]; ++k) largest = std::max(largest, std::abs(w.read()(j, k)));
      scale.flat()[j] = largest / 127;
      float const inverse = 127 / largest;
      for (index_t k = 0; k < w.shape()[1]; ++k) values.view()(j, k) = static_cast<std::int8_t>(std::nearbyint(w.read()(j, k) * inverse));
    }
  }
  tensor<float, 2> back() const {
    return generate<float>(values.shape(), [&](index_t i) {
      return static_cast<float>(values.flat()[i]) * scale.flat()[i / values.shape()[1]];
    });
  }
};

template <class B>
struct device_int8 {
  on<B, std::int8_t, 2> values;
  on<B, float, 1> scale;
  device_int8(B& be, quantized const& host) : values(upload(be, host.values)), scale(upload(be, host.scale)) {}
  backend::int8_matrix<typename B::space> read() const { return {values.read(), scale.read()}; }
};

template <class B, class W>
tensor<float, 2> run(B& be, on<B, float, 2> const& x, W const& w, index_t out, on<B, float, 1> const* bias) {
  using backend::project;  // B may be of any namespace
  on<B, float, 2> y(extents{x.shape()[0], out});
  if (bias != nullptr) project(be, x.read(), w, y.view(), bias->read());
  else project(be, x.read(), w, y.view());
  return download(be, y);
}

}  // namespace

TEST_CASE_TEMPLATE("project: float, bfloat16 and int8 weights, sizes around the registers'", B, TEST_BACKENDS) {
  B be;
  for (index_t const rows : {0, 1, 5, 13})
    for (index_t const out : {1, 16, 67})
      for (index_t const in : {0, 1, 2, 3, 31, 64, 130})
        for (bool const with_bias : {false, true}) {
          CAPTURE(rows);
          CAPTURE(out);
          CAPTURE(in);
          auto const x = normal<float>(extents{rows, in}, 1), w = normal<float>(extents{out, in}, 2);
          auto const bias = normal<float>(extents{out}, 3);
          auto const* const b = with_bias ? &bias : nullptr;
          auto const dx = upload(be, x), dw = upload(be, w);
          auto const dbias = upload(be, bias);
          auto const* const db = with_bias ? &dbias : nullptr;
          CHECK(relative_difference(run(be, dx, dw.read(), out, db), plain(x, w, b)) < 1e-5);

          auto const narrow = rounded(w);
          CHECK(relative_difference(run(be, dx, upload(be, narrow).read(), out, db), plain(rounded(x), narrow, b)) < 1e-5);

          quantized const small(w), tokens(x);
          device_int8<B> const dsmall(be, small);
          CHECK(relative_difference(run(be, dx, dsmall.read(), out, db), plain(tokens.back(), small.back(), b)) < 1e-5);
        }
}

TEST_CASE_TEMPLATE("project: int8 sums are exact at the ends of the range, for as many inputs as there may be", B, TEST_BACKENDS) {
  B be;
  constexpr index_t in = backend::most_int8_inputs;
  auto const x = generate<float>(extents{index_t{2}, in}, [](index_t i) { return i < in ? 1.0f : -1.0f; });
  quantized w(support::constant(extents{index_t{3}, in}, 1.0f));
  for (index_t k = 0; k < in; ++k) {
    w.values.view()(1, k) = -128;  // what quantize does not write, but a file may hold
    w.values.view()(2, k) = k % 2 == 0 ? std::int8_t{127} : std::int8_t{-128};
  }
  for (index_t j = 0; j < 3; ++j) w.scale.flat()[j] = 1;
  device_int8<B> const dw(be, w);
  auto const y = run(be, upload(be, x), dw.read(), 3, nullptr);
  double const n = static_cast<double>(in), expected[] = {127 * n, -128 * n, -n / 2};
  for (index_t i = 0; i < 2; ++i)
    for (index_t j = 0; j < 3; ++j) CHECK(std::abs(as_double(y.read()(i, j)) - (i == 0 ? 1 : -1) * expected[j]) <= 1e-6 * std::abs(expected[j]));
}

TEST_CASE_TEMPLATE("project: a row with a NaN or an infinity spoils itself alone; a row of zeros gives the bias", B, TEST_BACKENDS) {
  B be;
  constexpr index_t in = 40, out = 20;
  auto x = normal<float>(extents{index_t{4}, in}, 1);
  x.view()(1, 7) = std::numeric_limits<float>::quiet_NaN();
  x.view()(2, 33) = -std::numeric_limits<float>::infinity();
  for (index_t k = 0; k < in; ++k) x.view()(3, k) = 0;
  auto const w = normal<float>(extents{out, in}, 2);
  auto const bias = normal<float>(extents{out}, 3);
  auto const dx = upload(be, x);
  auto const dbias = upload(be, bias);
  device_int8<B> const int8(be, quantized(w));
  auto const check = [&](tensor<float, 2> const& y, bool nan_of_infinity) {
    for (index_t j = 0; j < out; ++j) {
      CHECK(std::isfinite(y.read()(0, j)));
      CHECK(std::isnan(y.read()(1, j)));
      CHECK((nan_of_infinity ? std::isnan(y.read()(2, j)) : !std::isfinite(y.read()(2, j))));
      CHECK(y.read()(3, j) == bias.flat()[j]);
    }
  };
  check(run(be, dx, upload(be, w).read(), out, &dbias), false);
  check(run(be, dx, upload(be, rounded(w)).read(), out, &dbias), false);
  check(run(be, dx, int8.read(), out, &dbias), true);
}

TEST_CASE_TEMPLATE("quantize: by the definition, from float and from bfloat16; zeros and what is not finite", B, TEST_BACKENDS) {
  using backend::quantize;
  B be;
  auto w = normal<float>(extents{index_t{9}, index_t{70}}, 1);
  for (index_t k = 0; k < 70; ++k) w.view()(4, k) = w.view()(5, k) * 1e-42f;
  for (index_t k = 0; k < 70; ++k) w.view()(7, k) = 0;
  on<B, std::int8_t, 2> values(w.shape());
  on<B, float, 1> scale(extents{w.shape()[0]});
  auto const run_and_check = [&](auto const& stored) {
    auto const dw = upload(be, stored);
    quantize(be, dw.read(), values.view(), scale.view());
    auto const v = download(be, values);
    auto const s = download(be, scale);
    index_t wrong = 0;
    for (index_t j = 0; j < 9; ++j) {
      if (j == 4) continue;  // subnormal: some backends flush it
      for (index_t k = 0; k < 70; ++k) {
        double const error = std::abs(as_double(stored.read()(j, k)) - v.read()(j, k) * static_cast<double>(s.flat()[j]));
        wrong += !(error <= 0.5001 * static_cast<double>(s.flat()[j]));
      }
    }
    CHECK(wrong == 0);
    CHECK(s.flat()[7] == 0);
  };
  run_and_check(w);
  run_and_check(rounded(w));
  w.view()(2, 3) = std::numeric_limits<float>::infinity();
  quantize(be, upload(be, w).read(), values.view(), scale.view());
  CHECK(std::isnan(download(be, scale).flat()[2]));
  CHECK(std::isfinite(download(be, scale).flat()[3]));
}

TEST_CASE_TEMPLATE("project says which shapes do not fit", B, TEST_BACKENDS) {
  using backend::project;
  B be;
  on<B, float, 2> x(extents{2, 3}), y(extents{2, 4}), w(extents{4, 3}), wide(extents{4, 9});
  on<B, float, 1> bias(extents{3});
  on<B, std::int8_t, 2> values(extents{4, 3});
  auto const message = [](auto f) { return support::message_of<shape_error>(f); };
  CHECK(message([&] { project(be, x.read(), x.read(), y.view()); }) == "project: weights has shape (2, 3), expected (4, 3)");
  CHECK(message([&] { project(be, x.read(), w.view(), y.view(), bias.read()); }) == "project: bias has shape (3), expected (4)");
  CHECK(message([&] { project(be, w.read(), w.read(), y.view()); }) == "project: output has shape (2, 4), expected (4, 4)");
  matrix_view<float const, typename B::space> const gaps(wide.flat().data(), extents{4, 3}, extents{9, 3});
  CHECK(support::contains(message([&] { project(be, x.read(), gaps, y.view()); }), "rows must be dense"));
  backend::int8_matrix<typename B::space> const short_scale{values.read(), bias.read()};
  CHECK(support::contains(message([&] { project(be, x.read(), short_scale, y.view()); }), "scales of the weights has shape (3), expected (4)"));
  backend::int8_matrix<typename B::space> const long_rows{
      matrix_view<std::int8_t const, typename B::space>(values.flat().data(), extents{index_t{4}, backend::most_int8_inputs + 1},
                                                        extents{index_t{0}, index_t{1}}),
      vector_view<float const, typename B::space>(w.flat().data(), extents{index_t{4}})};
  matrix_view<float const, typename B::space> const long_x(x.flat().data(), extents{index_t{2}, backend::most_int8_inputs + 1},
                                                           extents{index_t{0}, index_t{1}});
  CHECK(support::contains(message([&] { project(be, long_x, long_rows, y.view()); }), "65537 inputs"));
}

TEST_CASE_TEMPLATE("project_backward: both gradients, the first added to, the second added to or not or not asked for", B, TEST_BACKENDS) {
  using backend::project_backward;
  B be;
  auto const check = [&]<class T>(T) {
    using space = typename B::space;
    for (index_t const rows : {1, 3, 33, 130})
      for (auto const& shape : {extents<2>{{1, 1}}, extents<2>{{70, 19}}, extents<2>{{16, 130}}})
        for (int kind = 0; kind < 3; ++kind) {
          index_t const out = shape[0], in = shape[1];
          CAPTURE(rows);
          CAPTURE(out);
          CAPTURE(kind);
          auto const x = normal<T>(extents{rows, in + 2}, 1), w = normal<T>(extents{out, in}, 2), dy = normal<T>(extents{rows, out}, 3);
          auto dw = normal<T>(extents{out, in}, 4), dx = normal<T>(extents{rows, in}, 5);
          auto const ux = upload(be, x), uw = upload(be, w), udy = upload(be, dy);
          auto udw = upload(be, dw), udx = upload(be, dx);
          project_backward(be, ux.read().columns(1, in + 1), uw.read(), udy.read(), udw.view(), kind == 0 ? matrix_view<T, space>{} : udx.view(), kind == 2);
          for (index_t j = 0; j < out; ++j)
            for (index_t k = 0; k < in; ++k) {
              double total = static_cast<double>(dw.view()(j, k));
              for (index_t i = 0; i < rows; ++i) total += static_cast<double>(dy.read()(i, j)) * static_cast<double>(x.read()(i, k + 1));
              dw.view()(j, k) = static_cast<T>(total);
            }
          for (index_t i = 0; i < rows && kind != 0; ++i)
            for (index_t k = 0; k < in; ++k) {
              double total = kind == 2 ? static_cast<double>(dx.view()(i, k)) : 0;
              for (index_t j = 0; j < out; ++j) total += static_cast<double>(dy.read()(i, j)) * static_cast<double>(w.read()(j, k));
              dx.view()(i, k) = static_cast<T>(total);
            }
          CHECK(relative_difference(download(be, udw), dw) < tolerance<T>);
          CHECK(relative_difference(download(be, udx), dx) < tolerance<T>);
        }
  };
  check(float{});
  check(double{});
}
