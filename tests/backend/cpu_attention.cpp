// Attention on a CPU with threads: the same bits for any number of them, and nothing allocated once its scratch memory is there.
#include <parapet/nn/attention.hpp>

#include <parapet/backend/cpu/cpu.hpp>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace parapet;
using support::normal;
using support::tensor;

namespace {

constexpr index_t tokens = 300;
nn::attention_heads const heads{6, 3, 32};
std::vector<nn::sequence> const sequences{{0, 100, 0, 100}, {100, 228, 100, 228}, {228, 300, 228, 300, nullptr, 0, 0, 50}};  // the last shares 50 keys

struct run {
  tensor<float, 2> q = normal<float>(extents{tokens, index_t{192}}, 1), k = normal<float>(extents{tokens, index_t{96}}, 2),
                   v = normal<float>(extents{tokens, index_t{96}}, 3), dout = normal<float>(extents{tokens, index_t{192}}, 4);
  tensor<float, 2> out{q.shape()}, log_sum{extents{tokens, index_t{6}}}, dq{q.shape()}, dk{k.shape()}, dv{k.shape()};

  void operator()(backend::cpu& be) {
    auto const causal = nn::attention_reach::causal();
    nn::attention_forward(be, heads, causal, sequences, q.view(), k.view(), v.view(), out.view(), log_sum.view());
    nn::attention_backward(be, heads, causal, sequences, q.view(), k.view(), v.view(), out.view(), log_sum.view(), dout.view(), dq.view(), dk.view(),
                           dv.view());
  }
};

}  // namespace

TEST_CASE("attention: the same bits for any number of threads") {
  run one;
  backend::cpu be(1);
  one(be);
  for (int const threads : {2, 3, 7}) {
    backend::cpu many(threads);
    run other;
    other(many);
    CHECK(support::same(other.out, one.out));
    CHECK(support::same(other.log_sum, one.log_sum));
    CHECK(support::same(other.dq, one.dq));
    CHECK(support::same(other.dk, one.dk));
    CHECK(support::same(other.dv, one.dv));
  }
}

TEST_CASE("attention allocates nothing once it has run") {
  if (!support::counts_allocations) { MESSAGE("skipped: allocations are not counted in this build"); return; }
  run step;
  backend::cpu be(2);
  step(be);
  auto const before = support::allocation_count();
  for (int i = 0; i < 20; ++i) step(be);
  CHECK(support::allocation_count() == before);
}
