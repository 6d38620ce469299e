// The bodies of map and for_each_index kernels, called in a loop on the host; no device.
#include <parapet/backend/cuda/map_layout.hpp>

#include "support/serial_backend.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

using namespace parapet;
using namespace parapet::backend::cuda_detail;
using support::generate;
using support::normal;
using support::tensor;

namespace {

struct combine {
  template <class X>
  void operator()(X& z, X const& x, X const& y) const { z = z + X(2.0f) * x - y; }
};

/// What launch_map of backend/cuda/map.cuh does, with a loop for the device. Returns whether it took vectors.
template <class F, class... Ts>
bool run(F const& f, extents<3> shape, map_argument<Ts>... x) {
  map_plan const plan = plan_map(shape, x...);
  for (index_t i = plan.threads(plan.shape); i-- > 0;) {
    auto const thread = static_cast<std::uint32_t>(i);
    if (plan.vectors) map_vector_or_rest(f, thread, plan.shape, x...);
    else map_element(f, unravel(thread, plan.shape), x...);
  }
  return plan.vectors;
}

/// map on the host through the device's body, against plain loops.
template <class T, int Rank>
bool check_map(tensor_view<T, Rank> const& z, tensor<T, Rank> const& whole, tensor<T, Rank>& expected_whole, tensor_view<T, Rank> const& expected,
               tensor_view<T const, Rank> const& x, tensor_view<T const, Rank> const& y) {
  mine::serial be;
  map(be, combine{}, expected, x, y);
  bool const vectors = run(combine{}, as_map_shape(z.shape()), as_map_argument(z), as_map_argument(x), as_map_argument(y));
  CHECK(support::same(whole, expected_whole));
  return vectors;
}

}  // namespace

TEST_CASE("unravel counts in row-major order") {
  extents<3> const shape{{3, 4, 5}};
  for (std::uint32_t i = 0; i < 60; ++i) {
    index_t const n = i;
    CHECK(unravel(i, shape) == extents{n / 20, n / 5 % 4, n % 5});
  }
  CHECK(unravel((1u << 31) - 1, extents{index_t{1} << 29, index_t{5}}) == extents{((index_t{1} << 31) - 1) / 5, ((index_t{1} << 31) - 1) % 5});
}

TEST_CASE("dense maps are one row of vectors, with a rest") {
  for (index_t const n : {1, 2, 3, 4, 5, 7, 8, 9, 31, 64}) {
    auto const x = normal<float>(extents{3, n}, 1), y = normal<float>(extents{3, n}, 2);
    auto z = normal<float>(extents{3, n}, 3), expected = normal<float>(extents{3, n}, 3);
    CHECK(check_map(z.view(), z, expected, expected.view(), x.read(), y.read()));
  }
  auto const x = normal<double>(extents{5}, 1), y = normal<double>(extents{5}, 2);
  auto z = normal<double>(extents{5}, 3), expected = normal<double>(extents{5}, 3);
  CHECK(check_map(z.view(), z, expected, expected.view(), x.read(), y.read()));
}

TEST_CASE("blocks of a matrix: vectors where rows are aligned, elements elsewhere, nothing beside them") {
  for (index_t const first : {0, 1, 4})
    for (index_t const columns : {3, 4, 8}) {
      CAPTURE(first);
      CAPTURE(columns);
      auto const x = normal<float>(extents{4, 16}, 1), y = normal<float>(extents{4, 16}, 2);
      auto z = normal<float>(extents{4, 16}, 3), expected = normal<float>(extents{4, 16}, 3);
      auto const block = [&](auto const& v) { return v.rows(1, 3).columns(first, first + columns); };
      bool const vectors = check_map<float, 2>(block(z.view()), z, expected, block(expected.view()), block(x.read()), block(y.read()));
      CHECK(vectors == (first % 4 == 0 && columns % 4 == 0));
    }
}

TEST_CASE("strides of 0 repeat rows, columns, numbers and matrices, in vectors too") {
  using view = tensor_view<float const, 3>;
  extents<3> const shape{{2, 3, 8}};
  auto const x = normal<float>(extents{2, 3, 8}, 1), y = normal<float>(extents{2, 3, 8}, 2);
  extents<3> const repeats[] = {{{24, 8, 1}}, {{0, 8, 1}}, {{24, 0, 1}}, {{0, 0, 1}}, {{3, 1, 0}}, {{1, 0, 0}}, {{0, 0, 0}}};
  for (auto const& xs : repeats)
    for (auto const& ys : repeats) {
      auto z = normal<float>(shape, 3), expected = normal<float>(shape, 3);
      CHECK(check_map(z.view(), z, expected, expected.view(), view(x.flat().data(), shape, xs), view(y.flat().data(), shape, ys)));
    }
  // A scalar beside a vector whose length is no multiple of a vector's: how Adam gets its step's numbers.
  auto z = normal<float>(extents{11}, 3), expected = normal<float>(extents{11}, 3);
  vector_view<float const> const number(x.flat().data(), extents{11}, extents{0});
  CHECK(check_map(z.view(), z, expected, expected.view(), number, vector_view<float const>(y.flat().rows(0, 11))));
}

TEST_CASE("columns with gaps go element by element") {
  auto const x = normal<float>(extents{6, 5}, 1), y = normal<float>(extents{6, 5}, 2);
  auto z = normal<float>(extents{6, 5}, 3), expected = normal<float>(extents{6, 5}, 3);
  auto const column = [](auto const& v) { return v.columns(2, 3); };
  CHECK(!check_map<float, 2>(column(z.view()), z, expected, column(expected.view()), column(x.read()), column(y.read())));
}

TEST_CASE("axes are merged where every view allows it") {
  auto const merged = [](extents<3> shape, extents<3> const& a, extents<3> const& b) {
    float number = 0;
    map_argument<float> x{&number, a}, y{&number, b};
    merge_axes(shape, x, y);
    return std::pair{shape, x.strides[2]};
  };
  CHECK(merged({{2, 3, 4}}, {{12, 4, 1}}, {{12, 4, 1}}) == std::pair{extents<3>{{1, 1, 24}}, index_t{1}});
  CHECK(merged({{2, 1, 4}}, {{4, 99, 1}}, {{4, 0, 1}}) == std::pair{extents<3>{{1, 1, 8}}, index_t{1}});
  CHECK(merged({{1, 3, 4}}, {{0, 4, 1}}, {{0, 8, 1}}) == std::pair{extents<3>{{1, 3, 4}}, index_t{1}});
  CHECK(merged({{2, 3, 4}}, {{12, 4, 1}}, {{0, 4, 1}}) == std::pair{extents<3>{{1, 2, 12}}, index_t{1}});
  CHECK(merged({{2, 3, 4}}, {{24, 8, 1}}, {{24, 8, 1}}) == std::pair{extents<3>{{1, 6, 4}}, index_t{1}});
  CHECK(merged({{5, 1, 1}}, {{7, 3, 1}}, {{7, 0, 0}}) == std::pair{extents<3>{{1, 1, 5}}, index_t{7}});
}

TEST_CASE("for_each_index's body visits each index of a part") {
  tensor<float, 3> seen = support::constant(extents{2, 3, 4}, 0.0f);
  auto const count = [&](index_t i, index_t j, index_t k) { seen.view()(i, j, k) += 1; };
  for (std::uint32_t i = 0; i < 12; ++i) call_at(count, i, extents{0, 0, 0}, extents{1, 3, 4});
  for (std::uint32_t i = 0; i < 12; ++i) call_at(count, i, extents{1, 0, 0}, extents{1, 3, 4});
  CHECK(support::same(seen, support::constant(extents{2, 3, 4}, 1.0f)));
  index_t total = 0;
  for (std::uint32_t i = 0; i < 5; ++i) call_at([&](index_t k) { total += k; }, i, extents{100}, extents{5});
  for (std::uint32_t i = 0; i < 6; ++i) call_at([&](index_t k, index_t l) { total += 10 * k + l; }, i, extents{0, 100}, extents{2, 3});
  CHECK(total == 510 + 30 + 606);
}

TEST_CASE("a part of a view begins where its index says") {
  float numbers[100] = {};
  map_argument<float> const x{numbers, {{0, 10, 1}}};
  CHECK(x.from({{1, 2, 3}}).at({{0, 0, 1}}) == numbers + 24);
}
