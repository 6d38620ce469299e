// Attention that a backend fuses against the generic one on the same backend: lengths around the sizes of blocks and packs, floats too.
#include <parapet/nn/attention.hpp>

#include "conformance/backends.hpp"

#include <vector>

using namespace conformance;
using support::normal;
using support::relative_difference;

namespace {

template <class T>
struct results {
  tensor<T, 2> out, log_sum, dq, dk, dv;
};

/// Forward and backward; rows of q and of its like are `pitch` apart, of k and v 3 more than they hold.
template <class T, class B>
results<T> run(B& be, nn::attention_heads const& heads, nn::attention_reach const& reach, std::vector<nn::sequence> const& sequences, index_t tokens, index_t keys) {
  index_t const width = heads.heads * heads.head_dim, key_width = heads.kv_heads * heads.head_dim;
  auto const q = upload(be, normal<T>(extents{tokens, width + 5}, 1)), dout = upload(be, normal<T>(extents{tokens, width + 5}, 2));
  auto const k = upload(be, normal<T>(extents{keys, key_width + 3}, 3)), v = upload(be, normal<T>(extents{keys, key_width + 3}, 4));
  on<B, T, 2> out(extents{tokens, width}), log_sum(extents{tokens, heads.heads}), dq(out.shape()), dk(extents{keys, key_width}), dv(dk.shape());
  for (auto* x : {&out, &log_sum, &dq}) fill(be, x->view(), T(0));
  auto const queries = q.read().columns(0, width), key_rows = k.read().columns(0, key_width), values = v.read().columns(0, key_width);
  nn::attention_forward(be, heads, reach, sequences, queries, key_rows, values, out.view(), log_sum.view());
  nn::attention_backward(be, heads, reach, sequences, queries, key_rows, values, out.read(), log_sum.read(), dout.read().columns(0, width), dq.view(),
                         dk.view(), dv.view());
  return {download(be, out), download(be, log_sum), download(be, dq), download(be, dk), download(be, dv)};
}

/// A chain with a fork at every third node: 40 nodes, none of which sees all before it.
std::vector<std::uint64_t> forked_tree() {
  std::vector<std::uint64_t> tree;
  for (index_t t = 0; t < 40; ++t) {
    std::uint64_t const parent = t == 0 ? 0 : tree[static_cast<std::size_t>(t % 3 == 0 ? t / 2 : t - 1)];
    tree.push_back(parent | std::uint64_t{1} << t);
  }
  return tree;
}

}  // namespace

TEST_CASE_TEMPLATE("attention: the backend's own kernels give what the generic ones give", B, TEST_BACKENDS) {
  B be;
  unfused<B> generic;
  auto const tree = forked_tree();
  using reach = nn::attention_reach;
  struct shape {
    char const* name;
    nn::attention_heads heads;
    reach seen;
    std::vector<nn::sequence> sequences;
  };
  constexpr index_t tokens = 150, keys = 180;
  for (shape const& s : {shape{"full, 1 to 97 tokens", {2, 2, 16}, reach::full(), {{0, 1, 0, 1}, {1, 17, 1, 17}, {17, 53, 17, 53}, {53, 150, 60, 157}}},
                         shape{"causal, four heads share a key head", {4, 1, 20}, reach::causal(), {{0, 70, 0, 70}, {70, 75, 70, 175}}},
                         shape{"sliding over blocks", {2, 1, 7}, reach::sliding(30), {{0, 140, 0, 140}}},
                         shape{"local", {2, 2, 33}, reach::local(20), {{3, 150, 30, 177}}},
                         shape{"soft cap", {2, 2, 8, 1.0, 2.0}, reach::causal(), {{0, 49, 0, 49}, {49, 150, 49, 150}}},
                         shape{"a tree behind a shared prefix", {4, 2, 12}, reach::causal(),
                               {{0, 60, 100, 160, tree.data(), 40, 0, 90}, {60, 102, 50, 92, tree.data(), 40, 0, 0}, {102, 110, 170, 178, nullptr, 0, 0, 90}}}}) {
    CAPTURE(s.name);
    auto const check = [&]<class T>(T) {
      auto const a = run<T>(be, s.heads, s.seen, s.sequences, tokens, keys), b = run<T>(generic, s.heads, s.seen, s.sequences, tokens, keys);
      CHECK(relative_difference(a.out, b.out) < tolerance<T>);
      CHECK(relative_difference(a.log_sum, b.log_sum) < tolerance<T>);
      CHECK(relative_difference(a.dq, b.dq) < tolerance<T>);
      CHECK(relative_difference(a.dk, b.dk) < tolerance<T>);
      CHECK(relative_difference(a.dv, b.dv) < tolerance<T>);
    };
    check(float{});
    check(double{});
  }
}

TEST_CASE_TEMPLATE("attention: a sequence alone has the bits that it has in a batch, and a query those that it has among others", B, TEST_BACKENDS) {
  B be;
  nn::attention_heads const heads{4, 2, 24};
  std::vector<nn::sequence> const batch{{0, 61, 0, 61}, {61, 130, 61, 130}, {130, 150, 140, 160}};
  for (auto const& reach : {nn::attention_reach::causal(), nn::attention_reach::local(30)}) {
    auto const all = run<float>(be, heads, reach, batch, 150, 180);
    auto const rows_equal = [](tensor<float, 2> const& a, tensor<float, 2> const& b, index_t begin, index_t end) {
      bool equal = true;
      for (index_t i = begin; i < end; ++i)
        for (index_t j = 0; j < a.shape()[1]; ++j) equal = equal && a.read()(i, j) == b.read()(i, j);
      return equal;
    };
    for (nn::sequence const& s : batch) {
      auto const alone = run<float>(be, heads, reach, {s}, 150, 180);
      CHECK(rows_equal(alone.out, all.out, s.queries_begin, s.queries_end));
      CHECK(rows_equal(alone.dq, all.dq, s.queries_begin, s.queries_end));
      CHECK(rows_equal(alone.dk, all.dk, s.keys_begin, s.keys_end));
      CHECK(rows_equal(alone.dv, all.dv, s.keys_begin, s.keys_end));
    }
    if (reach.right != 0) continue;
    auto const last = run<float>(be, heads, reach, {{129, 130, 61, 130}}, 150, 180);  // one new token behind cached keys
    CHECK(rows_equal(last.out, all.out, 129, 130));
  }
}
