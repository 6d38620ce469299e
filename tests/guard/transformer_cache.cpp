#include "guard/transformer_models.hpp"
#include "support/backends.hpp"

#include <doctest/doctest.h>

#include <array>
#include <numeric>

using namespace parapet;

namespace {

/// On the CPU a token has the same bits however it is computed; elsewhere products of other sizes may differ in the last ones.
template <class B>
constexpr double same_bits = std::is_same_v<B, backend::cpu> ? 0.0 : 2e-5;

/// A model and the hidden states of whatever it is run on.
template <class B, class Weight = float>
struct runner {
  using space = typename B::space;
  B be;
  guard::transformer<guard::mistral, Weight, space> model;
  arena<space> memory;
  typename guard::transformer<guard::mistral, Weight, space>::workspace workspace;

  explicit runner(std::string const& name)
      : model(guard::load_transformer<guard::mistral, Weight>(be, models::folder(name))),
        workspace(plan(memory, [&](auto& a) { return model.make_workspace(a, 128); })) {}

  /// ids at positions, seen as one sequence or as several.
  template <class... Cache>
  support::tensor<float, 2> operator()(std::vector<std::int32_t> const& ids, std::vector<index_t> const& positions, std::vector<nn::sequence> const& sequences,
                                       Cache&... cache) {
    vector_view<std::int32_t const> const id_view(ids.data(), extents{static_cast<index_t>(ids.size())});
    vector_view<index_t const> const position_view(positions.data(), extents{static_cast<index_t>(positions.size())});
    models::uploaded_batch<B> const batch(be, guard::transformer_batch<>{id_view, position_view, {}, sequences});
    return models::to_host(be, model.forward(be, batch.view(), workspace, cache...));
  }
  support::tensor<float, 2> whole(std::vector<std::int32_t> const& ids) {
    auto const n = static_cast<index_t>(ids.size());
    return (*this)(ids, counted(0, n), {{0, n, 0, n}});
  }
  static std::vector<index_t> counted(index_t first, index_t n) {
    std::vector<index_t> positions(static_cast<std::size_t>(n));
    std::iota(positions.begin(), positions.end(), first);
    return positions;
  }
};

double rows_difference(support::tensor<float, 2> const& a, index_t first_a, support::tensor<float, 2> const& b, index_t first_b, index_t rows) {
  return models::difference(a.read()(first_a).data(), b.read()(first_b).data(), rows * a.shape()[1]);
}

std::vector<std::int32_t> joined(std::vector<std::int32_t> a, std::vector<std::int32_t> const& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

// mistral_a has a window of 16, which the texts leave.
TEST_CASE_TEMPLATE("a text in pieces over a cache is the text in one pass", B, TEST_BACKENDS) {
  runner<B> run("mistral_a");
  auto const ids = models::random_ids(40, 53, 1);
  auto const expected = run.whole(ids);
  guard::kv_cache<float, typename B::space> cache(run.model.config(), 48);
  index_t at = 0;
  for (index_t const n : {23, 1, 1, 9, 6}) {
    std::vector<std::int32_t> const part(ids.begin() + at, ids.begin() + at + n);
    auto const hidden = run(part, run.counted(at, n), {{0, n, 3, 3 + at + n}}, cache);  // rows 3 and on
    CHECK(rows_difference(hidden, 0, expected, at, n) <= same_bits<B>);
    at += n;
  }
  REQUIRE(at == 40);
}

TEST_CASE_TEMPLATE("texts that share the rows of their prefix are as each alone", B, TEST_BACKENDS) {
  for (char const* name : {"mistral_a", "mistral_b"}) {
    runner<B> run(name);
    auto const prefix = models::random_ids(20, 53, 2), a = models::random_ids(9, 53, 3), b = models::random_ids(13, 53, 4);
    guard::kv_cache<float, typename B::space> cache(run.model.config(), 60);
    run(prefix, run.counted(0, 20), {{0, 20, 0, 20}}, cache);
    auto positions = run.counted(20, 9);
    for (index_t const p : run.counted(20, 13)) positions.push_back(p);
    nn::sequence first{0, 9, 20, 29}, second{9, 22, 40, 53};
    first.prefix_end = second.prefix_end = 20;
    auto const hidden = run(joined(a, b), positions, {first, second}, cache);
    CHECK(rows_difference(hidden, 0, run.whole(joined(prefix, a)), 20, 9) <= same_bits<B>);
    CHECK(rows_difference(hidden, 9, run.whole(joined(prefix, b)), 20, 13) <= same_bits<B>);
  }
}

//   0 - 1 - 3
//    \- 2 - 4
TEST_CASE_TEMPLATE("nodes of a tree are as the tokens of their own paths", B, TEST_BACKENDS) {
  for (char const* name : {"mistral_a", "mistral_b"}) {
    runner<B> run(name);
    auto const text = models::random_ids(21, 53, 5), nodes = models::random_ids(5, 53, 6);
    std::array<std::uint64_t, 5> const tree{0b00001, 0b00011, 0b00101, 0b01011, 0b10101};
    guard::kv_cache<float, typename B::space> cache(run.model.config(), 40);
    auto positions = run.counted(0, 21);
    for (index_t const depth : {0, 1, 1, 2, 2}) positions.push_back(21 + depth);
    nn::sequence s{0, 26, 0, 26};
    s.tree = tree.data();
    s.tree_nodes = 5;
    auto const hidden = run(joined(text, nodes), positions, {s}, cache);
    auto const left = run.whole(joined(text, {nodes[0], nodes[1], nodes[3]})), right = run.whole(joined(text, {nodes[0], nodes[2], nodes[4]}));
    CHECK(rows_difference(hidden, 0, left, 0, 23) <= same_bits<B>);
    CHECK(rows_difference(hidden, 23, right, 22, 1) <= same_bits<B>);
    CHECK(rows_difference(hidden, 24, left, 23, 1) <= same_bits<B>);
    CHECK(rows_difference(hidden, 25, right, 23, 1) <= same_bits<B>);
  }
}

TEST_CASE_TEMPLATE("keys in half precision change little", B, TEST_BACKENDS) {
  runner<B> run("mistral_b");
  auto const ids = models::random_ids(30, 53, 7);
  guard::kv_cache<bfloat16, typename B::space> cache(run.model.config(), 30);
  auto const hidden = run(ids, run.counted(0, 30), {{0, 30, 0, 30}}, cache);
  auto const expected = run.whole(ids);
  double const difference = rows_difference(hidden, 0, expected, 0, 30);
  CHECK(difference > 0);
  CHECK(difference < 0.05);
}

TEST_CASE_TEMPLATE("a few words have the logits that they have among all", B, TEST_BACKENDS) {
  using space = typename B::space;
  runner<B> run("mistral_a");
  auto const hidden = run.whole(models::random_ids(3, 53, 8));
  auto const all = models::logits_of(run.be, run.model, hidden.read());
  auto const words = support::upload(run.be, support::generate<std::int32_t>(extents{2}, [](index_t i) { return i == 0 ? 52 : 7; }));
  support::tensor<float, 2, space> rows(extents{2, run.model.hidden()}), out(extents{3, 2});
  run.model.head_rows(run.be, words.read(), rows.view());
  auto const in = support::upload(run.be, hidden);
  run.model.logits(run.be, in.read(), rows.read(), out.view());
  auto const few = support::download(run.be, out);
  for (index_t i = 0; i < 3; ++i) {
    CHECK(few.read()(i, 0) == doctest::Approx(all.read()(i, 52)).epsilon(1e-5));
    CHECK(few.read()(i, 1) == doctest::Approx(all.read()(i, 7)).epsilon(1e-5));
  }
}

TEST_CASE_TEMPLATE("what cannot be run is refused", B, TEST_BACKENDS) {
  runner<B> run("mistral_a");
  auto const ids = models::random_ids(6, 53, 9);
  guard::kv_cache<float, typename B::space> cache(run.model.config(), 8);
  CHECK_THROWS_AS(run.whole(models::random_ids(129, 53, 9)), argument_error);                        // more than the workspace
  CHECK_THROWS_AS(run(ids, run.counted(0, 5), {{0, 6, 0, 6}}), shape_error);                         // positions of others
  CHECK_THROWS_AS(run(ids, run.counted(0, 6), {{0, 7, 0, 7}}), argument_error);                      // tokens that are not there
  CHECK_THROWS_AS(run(ids, run.counted(0, 6), {{0, 6, 3, 9}}, cache), argument_error);               // rows that are not there
  CHECK_THROWS_AS(run(ids, run.counted(0, 6), {{0, 6, 3, 7}}, cache), argument_error);               // too few of them
  if (std::is_same_v<typename B::space, host_space>) {
    CHECK_THROWS_AS(run.whole({1, 57}), argument_error);                                             // no such word
    CHECK_THROWS_AS(run(ids, run.counted(123, 6), {{0, 6, 0, 6}}), argument_error);                  // no such position
  }
}
