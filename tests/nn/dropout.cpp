#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/dropout.hpp>

#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::normal;
using support::tensor;

TEST_CASE("dropout: kept elements are scaled, the others zero, at the given rate") {
  backend::cpu be(1);
  tensor<float, 2> factor(extents{500, 64});
  for (double const rate : {0.0, 0.1, 0.5, 0.9}) {
    nn::fill_dropout(be, factor.view(), rate, philox_stream(3, 4), 0);
    float const kept = static_cast<float>(1 / (1 - rate));
    double dropped = 0;
    for (index_t i = 0; i < factor.size(); ++i) {
      float const f = factor.flat()[i];
      CHECK((f == 0 || f == kept));
      dropped += f == 0;
    }
    double const n = static_cast<double>(factor.size());
    CHECK(std::abs(dropped / n - rate) <= 4 * std::sqrt(rate * (1 - rate) / n));
  }
}

TEST_CASE("dropout: a batch cut into shards drops the same elements") {
  backend::cpu be(1);
  philox_stream const stream(3, 4);
  tensor<double, 2> whole(extents{10, 12}), parts(extents{10, 12});
  nn::fill_dropout(be, whole.view(), 0.3, stream, 7);
  for (index_t first : {0, 3, 8}) {
    index_t const end = first == 0 ? 3 : first == 3 ? 8 : 10;
    nn::fill_dropout(be, parts.view().rows(first, end), 0.3, stream, 7 + first);
  }
  CHECK(support::same(parts, whole));
}

TEST_CASE("dropout: the gradient is the mask") {
  backend::cpu be(1);
  tensor<double, 2> factor(extents{5, 8}), y(extents{5, 8}), dx(extents{5, 8});
  nn::fill_dropout(be, factor.view(), 0.3, philox_stream(3, 4), 0);
  auto x = normal<double>(extents{5, 8}, 1);
  auto const dy = normal<double>(extents{5, 8}, 2);
  nn::apply_dropout(be, dy.read(), factor.read(), dx.view());
  CHECK(support::gradient_error(x.flat(), dx.flat(), [&] {
          nn::apply_dropout(be, x.read(), factor.read(), y.view());
          return support::dot(dy.flat(), y.flat());
        }) < 1e-9);
}

TEST_CASE("dropout says what it cannot do") {
  backend::cpu be(1);
  tensor<float, 2> factor(extents{2, 8}), odd(extents{2, 6});
  auto const message = [&](auto const& view, double rate) {
    return support::message_of<argument_error>([&] { nn::fill_dropout(be, view, rate, philox_stream(1, 1), 0); });
  };
  CHECK(message(factor.view(), 1.0) == "dropout: rate 1 outside [0, 1)");
  CHECK(message(factor.view(), -0.1) == "dropout: rate -0.1 outside [0, 1)");
  CHECK(message(factor.view(), std::nan("")) == "dropout: rate nan outside [0, 1)");
  CHECK(message(odd.view(), 0.5) == "dropout: 6 columns, expected a multiple of 4");
}
