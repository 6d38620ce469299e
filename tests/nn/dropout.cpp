#include <parapet/nn/dropout.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("dropout: kept elements are scaled, the others zero, at the given rate", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> factor(extents{500, 64});
  for (double const rate : {0.0, 0.1, 0.5, 0.9}) {
    nn::fill_dropout(be, factor.view(), rate, philox_stream(3, 4), 0);
    auto const mask = download(be, factor);
    float const kept = static_cast<float>(1 / (1 - rate));
    double dropped = 0;
    for (index_t i = 0; i < mask.size(); ++i) {
      float const f = mask.flat()[i];
      CHECK((f == 0 || f == kept));
      dropped += f == 0;
    }
    double const n = static_cast<double>(mask.size());
    CHECK(std::abs(dropped / n - rate) <= 4 * std::sqrt(rate * (1 - rate) / n));
  }
}

TEST_CASE_TEMPLATE("dropout: a batch cut into shards drops the same elements", B, TEST_BACKENDS) {
  B be;
  philox_stream const stream(3, 4);
  on<B, double, 2> whole(extents{10, 12}), parts(extents{10, 12});
  nn::fill_dropout(be, whole.view(), 0.3, stream, 7);
  for (index_t first : {0, 3, 8}) {
    index_t const end = first == 0 ? 3 : first == 3 ? 8 : 10;
    nn::fill_dropout(be, parts.view().rows(first, end), 0.3, stream, 7 + first);
  }
  CHECK(support::same(download(be, parts), download(be, whole)));
}

TEST_CASE_TEMPLATE("dropout: the gradient is the mask", B, TEST_BACKENDS) {
  B be;
  on<B, double, 2> factor(extents{5, 8}), y(extents{5, 8}), dx(extents{5, 8});
  nn::fill_dropout(be, factor.view(), 0.3, philox_stream(3, 4), 0);
  auto x = upload(be, normal<double>(extents{5, 8}, 1));
  auto const weight = normal<double>(extents{5, 8}, 2);
  auto const dy = upload(be, weight);
  nn::apply_dropout(be, dy.read(), factor.read(), dx.view());
  CHECK(support::gradient_error(be, x.flat(), dx.flat(), [&] {
          nn::apply_dropout(be, x.read(), factor.read(), y.view());
          return support::dot(weight.flat(), download(be, y).flat());
        }) < 1e-9);
}

TEST_CASE_TEMPLATE("dropout says what it cannot do", B, TEST_BACKENDS) {
  B be;
  on<B, float, 2> factor(extents{2, 8}), odd(extents{2, 6});
  auto const message = [&](auto const& view, double rate) {
    return support::message_of<argument_error>([&] { nn::fill_dropout(be, view, rate, philox_stream(1, 1), 0); });
  };
  CHECK(message(factor.view(), 1.0) == "dropout: rate 1 outside [0, 1)");
  CHECK(message(factor.view(), -0.1) == "dropout: rate -0.1 outside [0, 1)");
  CHECK(message(factor.view(), std::nan("")) == "dropout: rate nan outside [0, 1)");
  CHECK(message(odd.view(), 0.5) == "dropout: 6 columns, expected a multiple of 4");
}
