#include <parapet/nn/rms_norm.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using support::clone;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("rms_norm: its formula, in place too, for rows of a wider matrix seen as heads", B, TEST_BACKENDS) {
  B be;
  constexpr index_t tokens = 3, heads = 2;
  for (index_t const n : {1, 8, 19, 33})
    for (nn::rms_scale const how : {nn::rms_scale::plain, nn::rms_scale::unit_offset}) {
      CAPTURE(n);
      index_t const pitch = heads * n + 5;
      auto const x = normal<double>(extents{tokens, pitch}, 1);
      auto const scale = normal<double>(extents{n}, 2);
      auto expected = clone(x);
      for (index_t i = 0; i < tokens; ++i)
        for (index_t head = 0; head < heads; ++head) {
          double squares = 0;
          for (index_t j = 0; j < n; ++j) squares += std::pow(x.read()(i, head * n + j), 2) / static_cast<double>(n);
          for (index_t j = 0; j < n; ++j)
            expected.view()(i, head * n + j) *= (scale.read()[j] + (how == nn::rms_scale::unit_offset)) / std::sqrt(squares + 1e-3);
        }
      auto y = upload(be, x);
      auto const device_scale = upload(be, scale);
      tensor_view<double, 3, typename B::space> const by_head(y.view().data(), extents{tokens, heads, n}, extents{pitch, n, index_t{1}});
      nn::rms_norm_forward(be, by_head, device_scale.read(), 1e-3, by_head, {}, how);
      CHECK(support::relative_difference(download(be, y), expected) < 1e-14);
    }
}

TEST_CASE_TEMPLATE("rms_norm: gradients of scale and inputs, in place, added to and left out", B, TEST_BACKENDS) {
  B be;
  constexpr index_t rows = 4;
  for (index_t const n : {2, 8, 19})
    for (nn::rms_scale const how : {nn::rms_scale::plain, nn::rms_scale::unit_offset}) {
      CAPTURE(n);
      auto x = upload(be, normal<double>(extents{rows, n}, 1));
      auto scale = upload(be, normal<double>(extents{n}, 2));
      auto const weight = normal<double>(extents{rows, n}, 3);
      auto dy = upload(be, weight);
      on<B, double, 2> y(weight.shape()), dx(weight.shape());
      on<B, double, 1> inverse(extents{rows}), dscale(extents{n});
      fill(be, dscale.view(), 0.0);
      auto const loss = [&] {
        nn::rms_norm_forward(be, x.read(), scale.read(), 1e-2, y.view(), inverse.view(), how);
        return support::dot(weight.flat(), download(be, y).flat());
      };
      loss();
      nn::rms_norm_backward(be, x.read(), scale.read(), inverse.read(), dy.read(), dx.view(), dscale.view(), how);
      CHECK(support::gradient_error(be, x.flat(), dx.flat(), loss) < 1e-6);
      CHECK(support::gradient_error(be, scale.flat(), dscale.flat(), loss) < 1e-9);
      loss();
      auto const once = download(be, dscale);
      nn::rms_norm_backward(be, x.read(), scale.read(), inverse.read(), dy.read(), dx.view(), dscale.view(), how);
      auto const twice = download(be, dscale);
      for (index_t j = 0; j < n; ++j) CHECK(std::abs(twice.read()[j] - 2 * once.read()[j]) <= 1e-13 * std::abs(once.read()[j]) + 1e-14);
      nn::rms_norm_backward(be, x.read(), scale.read(), inverse.read(), dy.read(), dy.view(), {}, how);
      CHECK(support::same(download(be, dy), download(be, dx)));
    }
}

TEST_CASE_TEMPLATE("rms_norm says what does not fit", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> x(extents{2, 6}), wide(extents{2, 7});
  on<B, float, 1> scale(extents{6}), rows(extents{3});
  CHECK(support::message_of<shape_error>([&] { nn::rms_norm_forward(be, wide.read(), scale.read(), 1e-5, wide.view()); }) ==
        "rms_norm: scale has shape (6), expected (7)");
  CHECK_THROWS_AS(nn::rms_norm_forward(be, x.read(), scale.read(), 1e-5, wide.view()), shape_error);
  CHECK_THROWS_AS(nn::rms_norm_forward(be, x.read(), scale.read(), 1e-5, x.view(), rows.view()), shape_error);
  CHECK_THROWS_AS(nn::rms_norm_backward(be, x.read(), scale.read(), rows.read(), x.read(), x.view(), scale.view()), shape_error);
}
