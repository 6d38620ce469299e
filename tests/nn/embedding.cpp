#include <parapet/nn/embedding.hpp>

#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cstdint>
#include <tuple>

using namespace parapet;
using support::download;
using support::generate;
using support::normal;
using support::on;
using support::same;
using support::upload;

namespace {

constexpr index_t rows = 6, n = 19;
constexpr std::int32_t ids[] = {4, 0, 4, 5, 4};
constexpr index_t tokens = 5;

auto id_tensor() {
  return generate<std::int32_t>(extents{tokens}, [](index_t i) { return ids[i]; });
}

}  // namespace

TEST_CASE_TEMPLATE("embedding: rows of a table of floats, bfloat16 and 8 bits; added to what is there, too", B, TEST_BACKENDS) {
  B be;
  auto const table = normal<float>(extents{rows, n}, 1), before = normal<float>(extents{tokens, n}, 2);
  auto const halves = generate<bfloat16>(table.shape(), [&](index_t i) { return to_bfloat16(table.flat()[i]); });
  auto const bytes = generate<std::int8_t>(table.shape(), [&](index_t i) { return i % 255 - 127; });
  auto const scales = normal<float>(extents{rows}, 3);
  auto const id = upload(be, id_tensor());
  auto const floats = upload(be, table);
  auto const stored = upload(be, halves);
  auto const values = upload(be, bytes);
  auto const scale = upload(be, scales);
  backend::int8_matrix<typename B::space> const int8{values.read(), scale.read()};
  auto const check = [&](auto const& weights, auto element) {
    for (bool const accumulate : {false, true}) {
      auto out = upload(be, before);
      nn::embedding_forward(be, weights, id.read(), out.view(), accumulate);
      CHECK(same(download(be, out), generate<float>(before.shape(), [&](index_t i) {
              return element(ids[i / n], i % n) + (accumulate ? before.flat()[i] : 0.0f);
            })));
    }
  };
  check(floats.read(), [&](index_t row, index_t j) { return table.read()(row, j); });
  check(stored.read(), [&](index_t row, index_t j) { return static_cast<float>(halves.read()(row, j)); });
  check(int8, [&](index_t row, index_t j) { return scales.read()[row] * static_cast<float>(bytes.read()(row, j)); });
}

TEST_CASE_TEMPLATE("embedding: gradients of one token add up in order, other rows stay", B, TEST_BACKENDS) {
  B be;
  auto const dout = normal<double>(extents{tokens, n + 2}, 1), before = normal<double>(extents{rows, n}, 2);
  auto const id = upload(be, id_tensor());
  auto const g = upload(be, dout);
  auto dtable = upload(be, before);
  nn::embedding_backward(be, id.read(), g.read().columns(1, n + 1), dtable.view());
  auto expected = support::clone(before);
  for (index_t i = 0; i < tokens; ++i)
    for (index_t j = 0; j < n; ++j) expected.view()(ids[i], j) += dout.read()(i, j + 1);
  CHECK(same(download(be, dtable), expected));
}

TEST_CASE("embedding: a token that the table does not have is refused") {
  if constexpr (std::is_same_v<std::tuple_element_t<0, std::tuple<TEST_BACKENDS>>::space, host_space>) {
    std::tuple_element_t<0, std::tuple<TEST_BACKENDS>> be;
    support::tensor<float, 2> table(extents{3, 2}), out(extents{2, 2});
    auto id = generate<index_t>(extents{2}, [](index_t i) { return 2 + i; });
    CHECK(support::message_of<argument_error>([&] { nn::embedding_forward(be, table.read(), id.read(), out.view()); }) ==
          "embedding: token 1 has id 3, the table has 3 rows");
    id.view()[1] = -1;
    CHECK_THROWS_AS(nn::embedding_backward(be, id.read(), out.read(), table.view()), argument_error);
    CHECK_THROWS_AS(nn::embedding_forward(be, table.read(), id.read(), table.view()), shape_error);
  }
}
