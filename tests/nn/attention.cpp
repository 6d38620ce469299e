#include <parapet/nn/attention.hpp>

#include <parapet/math/bfloat16.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <vector>

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

namespace {

/// A bias with a parameter per query, head and distance, and one per key and key head: each has one owner in the backward pass.
template <class T, class Space>
struct two_biases {
  index_t group;
  matrix_view<T const, Space> by_query, by_key;  // (tokens, 3 heads), (keys, key heads)
  matrix_view<T, Space> dby_query, dby_key;

  static PARAPET_FN index_t column(index_t distance) { return distance < 0 ? 0 : distance > 1 ? 2 : 1; }
  PARAPET_FN T operator()(backend::attention_pair const& p) const {
    return by_query(p.query, 3 * p.head + column(p.distance)) + static_cast<T>(p.head + 1) * by_key(p.key, p.head / group);
  }
  PARAPET_FN void gradient_of_query(backend::attention_pair const& p, T ds) const { dby_query(p.query, 3 * p.head + column(p.distance)) += ds; }
  PARAPET_FN void gradient_of_key(backend::attention_pair const& p, T ds) const { dby_key(p.key, p.head / group) += static_cast<T>(p.head + 1) * ds; }
};

constexpr index_t tokens = 15, keys = 16;
// Four nodes: 0, its children 1 and 2, and 3 below 2.
constexpr std::uint64_t small_tree[] = {0b0001, 0b0011, 0b0101, 0b1101};
constexpr index_t small_depth[] = {0, 1, 1, 2};

struct problem {
  char const* name;
  nn::attention_heads heads;
  nn::attention_reach reach;
  std::vector<nn::sequence> sequences;
};

std::vector<problem> problems() {
  using reach = nn::attention_reach;
  std::vector<nn::sequence> const packed{{0, 5, 1, 6}, {5, 6, 6, 7}, {6, 15, 7, 16}}, cached{{0, 2, 0, 7}, {2, 6, 7, 16}},
      shared{{0, 3, 4, 7, nullptr, 0, 0, 4}, {4, 8, 8, 14, nullptr, 0, 1, 4}}, tree{{0, 5, 0, 5}, {5, 15, 5, 16, small_tree, 4}},
      tree_behind_prefix{{1, 7, 9, 15, small_tree, 4, 2, 6}};
  return {{"full", {2, 2, 3}, reach::full(), packed},
          {"causal, shared heads, another scale", {4, 2, 3, 0.3}, reach::causal(), packed},
          {"sliding", {2, 1, 4}, reach::sliding(3), packed},
          {"local", {1, 1, 5}, reach::local(4), packed},
          {"soft cap", {4, 1, 3, 2.0, 1.5}, reach::causal(), packed},
          {"new queries behind cached keys", {2, 1, 3}, reach::causal(), cached},
          {"a shared prefix", {2, 2, 3}, reach::causal(), shared},
          {"a tree", {2, 1, 3}, reach::causal(), tree},
          {"a tree behind a prefix, sliding", {2, 1, 3}, reach::sliding(4), tree_behind_prefix}};
}

/// Whether key j (of all) is seen by query i, written from the description once more.
bool seen(nn::sequence const& s, nn::attention_reach const& reach, index_t i, index_t j) {
  index_t const n = s.keys(), own = n - s.queries() + i, base = n - s.tree_nodes;
  auto const position = [&](index_t key) { return key < base ? key : base + small_depth[key - base]; };
  if (own >= base && j >= base && (s.tree[own - base] >> (j - base)) % 2 == 0) return false;
  if (own < base && j >= base) return false;
  index_t const ahead = position(j) - position(own);
  return ahead <= reach.right && -ahead <= reach.left;
}

/// The equations with whole rows of scores, in double.
template <class Bias>
void dense_attention(problem const& p, matrix_view<double const> q, matrix_view<double const> k, matrix_view<double const> v, matrix_view<double> out,
                     matrix_view<double> log_sum, Bias const& bias) {
  auto const& h = p.heads;
  double const scale = h.scale != 0 ? h.scale : 1 / std::sqrt(static_cast<double>(h.head_dim));
  for (nn::sequence const& s : p.sequences)
    for (index_t head = 0; head < h.heads; ++head)
      for (index_t i = 0; i < s.queries(); ++i) {
        index_t const row = s.queries_begin + i, shared = head / (h.heads / h.kv_heads);
        std::vector<double> score(static_cast<std::size_t>(s.keys()), -INFINITY);
        double total = 0;
        auto const key_row = [&](index_t j) { return j < s.prefix() ? s.prefix_begin + j : s.keys_begin + j - s.prefix(); };
        for (index_t j = 0; j < s.keys(); ++j) {
          if (!seen(s, p.reach, i, j)) continue;
          double x = 0;
          for (index_t t = 0; t < h.head_dim; ++t) x += q(row, head * h.head_dim + t) * k(key_row(j), shared * h.head_dim + t);
          x *= scale;
          if (h.soft_cap != 0) x = h.soft_cap * std::tanh(x / h.soft_cap);
          index_t const distance = s.keys() - s.queries() + i - j;  // of sequences without a tree, which have a bias here
          total += std::exp(score[static_cast<std::size_t>(j)] = x + static_cast<double>(bias({head, row, key_row(j), distance})));
        }
        log_sum(row, head) = std::log(total);
        for (index_t t = 0; t < h.head_dim; ++t) {
          double x = 0;
          for (index_t j = 0; j < s.keys(); ++j) x += std::exp(score[static_cast<std::size_t>(j)]) / total * v(key_row(j), shared * h.head_dim + t);
          out(row, head * h.head_dim + t) = x;
        }
      }
}

struct arrays {
  support::tensor<double, 2> q, k, v, by_query, by_key;
  explicit arrays(nn::attention_heads const& h)
      : q(normal<double>(extents{tokens, h.heads * h.head_dim}, 1)), k(normal<double>(extents{keys, h.kv_heads * h.head_dim}, 2)),
        v(normal<double>(k.shape(), 3)), by_query(normal<double>(extents{tokens, 3 * h.heads}, 4)), by_key(normal<double>(extents{keys, h.kv_heads}, 5)) {}
};

}  // namespace

TEST_CASE_TEMPLATE("attention: every mask against the equations, rows that no sequence has stay, log_sum too", B, TEST_BACKENDS) {
  B be;
  for (problem const& p : problems()) {
    CAPTURE(p.name);
    arrays const a(p.heads);
    auto const q = upload(be, a.q), k = upload(be, a.k), v = upload(be, a.v);
    auto expected = support::constant(q.shape(), 7.0), expected_sum = support::constant(extents{tokens, p.heads.heads}, 7.0);
    auto out = upload(be, expected), log_sum = upload(be, expected_sum);
    dense_attention(p, a.q.read(), a.k.read(), a.v.read(), expected.view(), expected_sum.view(), nn::no_bias{});
    nn::attention_forward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), out.view(), log_sum.view());
    CHECK(support::relative_difference(download(be, out), expected) < 1e-13);
    CHECK(support::relative_difference(download(be, log_sum), expected_sum) < 1e-13);
    auto again = upload(be, support::constant(q.shape(), 7.0));
    nn::attention_forward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), again.view());
    CHECK(support::same(download(be, again), download(be, out)));
  }
}

TEST_CASE_TEMPLATE("attention: gradients of queries, keys and values under every mask", B, TEST_BACKENDS) {
  B be;
  for (problem const& p : problems()) {
    CAPTURE(p.name);
    arrays const a(p.heads);
    auto q = upload(be, a.q), k = upload(be, a.k), v = upload(be, a.v);
    auto weight = normal<double>(q.shape(), 6);
    auto const dout = upload(be, weight);
    on<B, double, 2> out(q.shape()), log_sum(extents{tokens, p.heads.heads}), dq(q.shape()), dk(k.shape()), dv(k.shape());
    for (auto* written : {&out, &dq}) fill(be, written->view(), 0.0);  // rows of no sequence
    fill(be, dk.view(), 7.0);  // to be overwritten
    auto const loss = [&] {
      nn::attention_forward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), out.view(), log_sum.view());
      return support::dot(weight.flat(), download(be, out).flat());
    };
    loss();
    nn::attention_backward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), out.read(), log_sum.read(), dout.read(), dq.view(),
                           dk.view(), dv.view());
    CHECK(support::gradient_error(be, q.flat(), dq.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(be, k.flat(), dk.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(be, v.flat(), dv.flat(), loss) < 1e-6);
  }
}

TEST_CASE_TEMPLATE("attention: a bias of a pair is added after the cap, and gets the gradient of its score", B, TEST_BACKENDS) {
  using space = typename B::space;
  B be;
  for (problem const& p : {problems()[1], problems()[4], problems()[6]}) {
    CAPTURE(p.name);
    arrays const a(p.heads);
    auto q = upload(be, a.q), k = upload(be, a.k), v = upload(be, a.v), by_query = upload(be, a.by_query), by_key = upload(be, a.by_key);
    auto weight = normal<double>(q.shape(), 6);
    auto const dout = upload(be, weight);
    on<B, double, 2> out(q.shape()), log_sum(extents{tokens, p.heads.heads}), dq(q.shape()), dk(k.shape()), dv(k.shape()), dby_query(by_query.shape()), dby_key(by_key.shape());
    two_biases<double, space> const bias{p.heads.group(), by_query.read(), by_key.read(), dby_query.view(), dby_key.view()};
    fill(be, out.view(), 0.0);
    fill(be, dq.view(), 0.0);
    fill(be, dby_query.view(), 0.0);
    fill(be, dby_key.view(), 0.0);
    auto const loss = [&] {
      nn::attention_forward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), out.view(), log_sum.view(), bias);
      return support::dot(weight.flat(), download(be, out).flat());
    };
    loss();
    support::tensor<double, 2> expected = support::constant(q.shape(), 0.0), expected_sum = clone(expected);
    support::tensor<double, 2> sums(extents{tokens, p.heads.heads});
    dense_attention(p, a.q.read(), a.k.read(), a.v.read(), expected.view(), sums.view(),
                    two_biases<double, host_space>{p.heads.group(), a.by_query.read(), a.by_key.read(), {}, {}});
    CHECK(support::relative_difference(download(be, out), expected) < 1e-13);
    nn::attention_backward(be, p.heads, p.reach, p.sequences, q.read(), k.read(), v.read(), out.read(), log_sum.read(), dout.read(), dq.view(),
                           dk.view(), dv.view(), bias);
    CHECK(support::gradient_error(be, q.flat(), dq.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(be, k.flat(), dk.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(be, by_query.flat(), dby_query.flat(), loss) < 1e-6);
    CHECK(support::gradient_error(be, by_key.flat(), dby_key.flat(), loss) < 1e-6);
  }
}

TEST_CASE_TEMPLATE("attention: keys and values in bfloat16 give what the same numbers in float give", B, TEST_BACKENDS) {
  B be;
  nn::attention_heads const heads{4, 2, 5};
  std::vector<nn::sequence> const sequences{{0, 7, 0, 9}};
  auto const k = normal<float>(extents{9, 10}, 2), v = normal<float>(extents{9, 10}, 3);
  auto const round = [](auto const& x) { return support::generate<bfloat16>(x.shape(), [&](index_t i) { return to_bfloat16(x.flat()[i]); }); };
  auto const back = [](auto const& x) { return support::generate<float>(x.shape(), [&](index_t i) { return static_cast<float>(x.flat()[i]); }); };
  auto const q = upload(be, normal<float>(extents{7, 20}, 1)), float_k = upload(be, back(round(k))), float_v = upload(be, back(round(v)));
  auto const short_k = upload(be, round(k)), short_v = upload(be, round(v));
  on<B, float, 2> out(q.shape()), expected(q.shape());
  nn::attention_forward(be, heads, nn::attention_reach::causal(), sequences, q.read(), short_k.read(), short_v.read(), out.view());
  nn::attention_forward(be, heads, nn::attention_reach::causal(), sequences, q.read(), float_k.read(), float_v.read(), expected.view());
  CHECK(support::same(download(be, out), download(be, expected)));
}

TEST_CASE_TEMPLATE("attention: a node that sees nothing, not even itself, gives 0 and a gradient of 0", B, TEST_BACKENDS) {
  B be;
  nn::attention_heads const heads{1, 1, 2};
  std::uint64_t const blind[] = {0b01, 0b00};
  nn::sequence const s[] = {{0, 2, 0, 2, blind, 2}};
  auto const x = upload(be, normal<float>(extents{2, 2}, 1));
  on<B, float, 2> out(x.shape()), log_sum(extents{2, 1}), dq(x.shape()), dk(x.shape()), dv(x.shape());
  nn::attention_forward(be, heads, nn::attention_reach::causal(), s, x.read(), x.read(), x.read(), out.view(), log_sum.view());
  nn::attention_backward(be, heads, nn::attention_reach::causal(), s, x.read(), x.read(), x.read(), out.read(), log_sum.read(), x.read(), dq.view(),
                         dk.view(), dv.view());
  auto const got = download(be, out), gradient = download(be, dq), sums = download(be, log_sum);
  CHECK(got.read()(0, 0) != 0);
  for (index_t j = 0; j < 2; ++j) {
    CHECK(got.read()(1, j) == 0);
    CHECK(gradient.read()(1, j) == 0);
    CHECK(download(be, dv).read()(1, j) == 0);
  }
  CHECK(sums.read()(1, 0) == -INFINITY);
}

TEST_CASE_TEMPLATE("attention says what does not fit", B, TEST_BACKENDS) {
  B be;
  auto const x = upload(be, normal<float>(extents{4, 6}, 1));
  on<B, float, 2> out(x.shape()), narrow(extents{4, 5});
  auto const message = [&](nn::attention_heads const& heads, nn::sequence const& s, nn::attention_reach const& reach = {}) {
    return support::message_of<error>([&] { nn::attention_forward(be, heads, reach, std::span(&s, 1), x.read(), x.read(), x.read(), out.view()); });
  };
  nn::attention_heads const heads{2, 2, 3};
  CHECK(message({3, 2, 3}, {0, 4, 0, 4}) == "attention: 3 heads of 3 over 2 key heads, expected a multiple and at least 1 of each");
  CHECK(message({3, 3, 3}, {0, 4, 0, 4}) == "attention: q has shape (4, 6), expected (4, 9)");
  CHECK(message({2, 1, 3}, {0, 4, 0, 4}) == "attention: k has shape (4, 6), expected (4, 3)");
  CHECK(message(heads, {0, 5, 0, 4}) == "attention: sequence 0 has queries [0, 5) of 4 rows");
  CHECK(message(heads, {0, 4, -1, 4}) == "attention: sequence 0 has keys [-1, 4) of 4 rows");
  CHECK(message(heads, {0, 4, 0, 3}) == "attention: sequence 0 has 4 queries and 3 keys: its queries are the last of its keys");
  CHECK(message(heads, {0, 4, 0, 4}, {-1, 0}) == "attention: a reach of -1 to the left and 0 to the right, expected at least 0");
  CHECK(message(heads, {0, 4, 0, 4, small_tree, 4}) == "attention: sequence 0 has a tree, whose reach must be causal");
  CHECK(message(heads, {0, 3, 0, 3, small_tree, 4}, nn::attention_reach::causal()) ==
        "attention: sequence 0 has a tree of 4 nodes, expected at most 64, and at most its 3 queries");
  std::uint64_t const ahead[] = {0b11, 0b11};
  CHECK(message(heads, {0, 4, 0, 4, ahead, 2}, nn::attention_reach::causal()) == "attention: sequence 0: node 0 of the tree sees a node after it");
  CHECK(support::message_of<shape_error>([&] {
          nn::sequence const s{0, 4, 0, 4};
          nn::attention_forward(be, heads, {}, std::span(&s, 1), x.read(), x.read(), x.read(), narrow.view());
        }) == "attention: output has shape (4, 5), expected (4, 6)");
}
