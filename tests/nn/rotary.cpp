#include <parapet/nn/rotary.hpp>

#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using support::clone;
using support::download;
using support::generate;
using support::normal;
using support::upload;

namespace {

constexpr index_t at_position[] = {0, 7, 2, 2};
auto positions() {
  return generate<index_t>(extents{4}, [](index_t i) { return at_position[i]; });
}

}  // namespace

TEST_CASE_TEMPLATE("rotary: each pair turns by position times frequency, in both layouts, and the rest of a head stays", B, TEST_BACKENDS) {
  B be;
  constexpr index_t heads = 3, head_dim = 38;
  auto const x = normal<double>(extents{4, heads * head_dim + 1}, 1);
  auto const at = upload(be, positions());
  for (index_t const turned : {2, 20, 38})
    for (auto const layout : {nn::rotary_layout::half_split, nn::rotary_layout::interleaved}) {
      CAPTURE(turned);
      nn::rotary_table<double, typename B::space> const table(be, {.dimensions = turned, .theta = 100}, 8);
      auto expected = clone(x);
      for (index_t i = 0; i < 4; ++i)
        for (index_t head = 0; head < heads; ++head)
          for (index_t pair = 0; pair < turned / 2; ++pair) {
            bool const split = layout == nn::rotary_layout::half_split;
            double &a = expected.view()(i, head * head_dim + (split ? pair : 2 * pair)),
                   &b = expected.view()(i, head * head_dim + (split ? pair + turned / 2 : 2 * pair + 1));
            double const angle = static_cast<double>(at_position[i]) * std::pow(100.0, -2.0 * static_cast<double>(pair) / static_cast<double>(turned));
            double const before = a;
            a = before * std::cos(angle) - b * std::sin(angle);
            b = b * std::cos(angle) + before * std::sin(angle);
          }
      auto y = upload(be, x);
      auto const rows = y.view().columns(0, heads * head_dim);
      nn::rotary_forward(be, layout, table.angles(), at.read(), rows, heads);
      CHECK(support::relative_difference(download(be, y), expected) < 2e-6);  // angles are floats
      nn::rotary_backward(be, layout, table.angles(), at.read(), rows, heads);
      CHECK(support::relative_difference(download(be, y), x) < 1e-14);  // a rotation's inverse is its transpose: the gradient
    }
}

TEST_CASE("rotary: frequencies as transformers has them, plain, stretched, and by Llama 3's rule") {
  using rule = nn::rotary_scaling::rule;
  // torch: 1 / theta ** (arange(0, 8, 2).float() / 8), and transformers' _compute_llama3_parameters
  nn::rotary_config config{.dimensions = 8, .theta = 500000};
  float const plain[] = {1.0f, 0.037606031f, 0.00141421356f, 5.3182959e-05f};
  for (index_t i = 0; i < 4; ++i) CHECK(nn::rotary_frequency(config, i) == doctest::Approx(plain[i]).epsilon(1e-6));
  config.scaling = {.kind = rule::linear, .factor = 4};
  for (index_t i = 0; i < 4; ++i) CHECK(nn::rotary_frequency(config, i) == doctest::Approx(plain[i] / 4).epsilon(1e-6));
  config.scaling = {.kind = rule::llama3, .factor = 8, .low_frequency_factor = 1, .high_frequency_factor = 4, .original_positions = 8192};
  double const waves = 8192 * 0.00141421356 / (2 * 3.14159265358979), mix = (waves - 1) / 3;  // 1.84: between the two
  CHECK(nn::rotary_frequency(config, 0) == plain[0]);
  CHECK(nn::rotary_frequency(config, 1) == nn::rotary_frequency({.dimensions = 8, .theta = 500000}, 1));
  CHECK(nn::rotary_frequency(config, 2) == doctest::Approx((1 - mix) * 0.00141421356 / 8 + mix * 0.00141421356).epsilon(1e-6));
  CHECK(nn::rotary_frequency(config, 3) == doctest::Approx(5.3182959e-05 / 8).epsilon(1e-6));
}

TEST_CASE_TEMPLATE("rotary says what does not fit", B, TEST_BACKENDS) {
  B be;
  using table = nn::rotary_table<float, typename B::space>;
  CHECK_THROWS_AS(table(be, {.dimensions = 3}, 8), argument_error);
  CHECK_THROWS_AS(table(be, {.dimensions = 4}, -1), argument_error);
  table const angles(be, {.dimensions = 4}, 7);
  auto const at = upload(be, positions());
  auto x = upload(be, normal<float>(extents{4, 6}, 1));
  auto const split = nn::rotary_layout::half_split;
  CHECK_THROWS_AS(nn::rotary_forward(be, split, angles.angles(), at.read(), x.view(), 4), argument_error);
  CHECK(support::message_of<shape_error>([&] { nn::rotary_forward(be, split, angles.angles(), at.read(), x.view(), 2); }) ==
        "rotary: 2 angles for heads of 3 elements");
  CHECK_THROWS_AS(nn::rotary_forward(be, split, angles.angles(), at.read().rows(1, 4), x.view(), 1), shape_error);
  if constexpr (std::is_same_v<typename B::space, host_space>)
    CHECK(support::message_of<argument_error>([&] { nn::rotary_forward(be, split, angles.angles(), at.read(), x.view(), 1); }) ==
          "rotary: token 1 is at position 7, the table has 7");
}
