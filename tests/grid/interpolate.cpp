#include <parapet/grid/interpolate.hpp>

#include <parapet/backend/cpu/cpu.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

using namespace parapet;
namespace off_grid = grid::off_grid;

namespace {

/// f(x) at every node.
template <class T, int D, class F>
support::tensor<T, D> sampled(grid::grid<D> const& g, F f) {
  return support::generate<T>(g.shape(), [&](index_t n) { return f(g.state(g.index(n))); });
}

}  // namespace

TEST_CASE_TEMPLATE("a multilinear function is met everywhere, in one to four dimensions", T, float, double) {
  double const tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;
  philox_stream const random(7, 0);
  grid::grid const g({{-1, 2, 4}, {0, 1, 3}, {5, 9, 6}, {-2, 2, 2}});
  auto const f = [](grid::vec<double, 4> const& x) { return (1 + x[0]) * (2 - x[1]) + x[2] * x[3] - 0.5 * x[0] * x[1] * x[2] * x[3]; };
  auto const values = sampled<T>(g, f);
  for (index_t k = 0; k < 200; ++k) {
    grid::vec<T, 4> x{};
    grid::vec<double, 4> y{};
    for (int a = 0; a < 4; ++a) {
      x[a] = static_cast<T>(g.axis(a).low + random.uniform(4 * k + a) * (g.axis(a).high - g.axis(a).low));
      y[a] = static_cast<double>(x[a]);
    }
    CHECK(std::abs(static_cast<double>(interpolate(g, values.read(), x, off_grid::error{})) - f(y)) < 40 * tolerance);
  }
}

TEST_CASE("nodes are met exactly, the last ones too") {
  grid::grid const g({{-1.5, 1.5, 51}, {-2, 2, 41}});
  auto const values = sampled<double>(g, [](auto const& x) { return std::sin(3 * x[0]) * x[1]; });
  for (index_t n = 0; n < g.size(); ++n)
    CHECK(interpolate(g, values.read(), g.state(g.index(n)), off_grid::error{}) == doctest::Approx(values.flat()[n]).epsilon(1e-12));
}

TEST_CASE("a periodic axis wraps from either side, from far and across the seam") {
  double const turn = 2 * std::numbers::pi;
  grid::grid const g({{0, turn, 100, grid::periodic}});
  auto const values = sampled<double>(g, [](auto const& x) { return std::cos(x[0]); });
  for (double const x : {0.0, 0.7, 6.25, -0.03, -12.0, 1000.0, -1e-18, turn, 3 * turn, -turn})
    CHECK(interpolate(g, values.read(), grid::vec<double, 1>{x}, off_grid::error{}) == doctest::Approx(std::cos(x)).epsilon(1e-3));
}

TEST_CASE("beyond the grid: clamped, a fixed value, or an error that names the state") {
  grid::grid const g({{0, 1, 3}, {0, 2, 3}});
  auto const values = sampled<float>(g, [](auto const& x) { return x[0] + 10 * x[1]; });
  grid::vec<float, 2> const outside{1.5f, 0.5f};
  CHECK(interpolate(g, values.read(), outside, off_grid::clamp{}) == 6.0f);
  CHECK(interpolate(g, values.read(), outside, off_grid::conservative{-3.0f}) == -3.0f);
  CHECK(support::message_of<argument_error>([&] { interpolate(g, values.read(), outside, off_grid::error{}); }) ==
        "interpolate: the state (1.5, 0.5) lies beyond the grid");
  grid::vec<float, 2> const nan{std::nanf(""), 0.5f};
  CHECK(interpolate(g, values.read(), nan, off_grid::conservative{-3.0f}) == -3.0f);
  CHECK_FALSE(locate(g, nan).inside);
  grid::grid const p({{0, 1, 4, grid::periodic}});
  for (float const x : {std::nanf(""), HUGE_VALF, -HUGE_VALF, 1e30f}) CHECK_FALSE(locate(p, grid::vec<float, 1>{x}).inside);
}

TEST_CASE("a batch is the queries one by one") {
  backend::cpu be(1);
  grid::grid const g({{0, 1, 5}, {0, 1, 4, grid::periodic}});
  auto const values = support::normal<double>(g.shape(), 3);
  auto const states = support::normal<double>(extents{index_t{50}, index_t{2}}, 4);
  support::tensor<double, 1> out(extents{index_t{50}});
  interpolate(be, g, values.read(), states.read(), out.view(), off_grid::conservative{-9.0});
  int beyond = 0;
  for (index_t i = 0; i < 50; ++i) {
    grid::vec<double, 2> const x{states.read()(i, 0), states.read()(i, 1)};
    CHECK(out.view()[i] == interpolate(g, values.read(), x, off_grid::conservative{-9.0}));
    beyond += out.view()[i] == -9.0;
  }
  CHECK(beyond > 10);
  CHECK(support::contains(support::message_of<shape_error>([&] {
                            interpolate(be, g, values.read(), states.read().rows(0, 3), out.view(), off_grid::clamp{});
                          }), "interpolate: states has shape (3, 2), expected (50, 2)"));
}
