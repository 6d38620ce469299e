// Whole training steps of networks on shards of a batch: no allocation, and the same bits for any number of threads.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/nn/residual_mlp.hpp>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

using namespace parapet;
using nn::mode;
using support::normal;
using support::tensor;

namespace {

constexpr index_t shards = 4, shard_rows = 8, slices = 3;

/// A critic and a denoiser, trained on random data by shards; parameters are updated by slices.
class learner {
public:
  explicit learner(int threads)
      : be_(threads),
        critic_(list_, "critic", {6, 32, 32, 1}),
        denoiser_(list_, "", {.in = 6, .hidden = 16, .out = 2, .blocks = 2, .dropout = 0.2}),
        parameters_(extents{list_.size()}), target_(extents{list_.size()}), first_(support::constant(parameters_.shape(), 0.0f)),
        second_(support::constant(parameters_.shape(), 0.0f)), gradients_(extents{shards, list_.size()}),
        x_(normal<float>(extents{shards * shard_rows, index_t{6}}, 1)), y_(normal<float>(extents{shards * shard_rows, index_t{2}}, 2)) {
    list_.initialize(parameters_.view(), 1, 1);
    copy(be_, parameters_.read(), target_.view());
    works_ = plan(memory_, [&](auto& memory) {
      std::vector<work> all;
      for (index_t s = 0; s < shards; ++s)
        all.push_back({critic_.make_workspace<float>(memory, shard_rows, mode::training),
                       denoiser_.make_workspace<float>(memory, shard_rows, mode::training),
                       memory.template take<float>(extents{index_t{1}, shard_rows, index_t{1}}),
                       memory.template take<float>(extents{index_t{1}, shard_rows, index_t{1}}),
                       memory.template take<float>(extents{shard_rows, index_t{2}}),
                       memory.template take<float>(extents{shard_rows, index_t{2}})});
      return all;
    });
  }

  void step(index_t t) {
    for_each_shard(be_, shards, [&](backend::cpu& worker, index_t s) { differentiate(worker, s, t); });
    for_each_shard(be_, slices, [&](backend::cpu& worker, index_t slice) {
      index_t const begin = slice * list_.size() / slices, end = (slice + 1) * list_.size() / slices;
      nn::moments<float> const state{first_.view(), second_.view()};
      nn::update_from_shards(worker, nn::adam{}, 1e-2, t, parameters_.view().rows(begin, end), state.rows(begin, end),
                             gradients_.read().columns(begin, end), {target_.view().rows(begin, end), 0.1});
    });
  }

  tensor<float, 1> const& parameters() const { return parameters_; }
  tensor<float, 1> const& target() const { return target_; }

private:
  struct work {
    nn::mlp<math::relu>::workspace<float, host_space> critic;
    nn::residual_mlp<math::mish>::workspace<float, host_space> denoiser;
    tensor_view<float, 3> values, dvalues;
    matrix_view<float> noise_values, dnoise;
  };

  void differentiate(backend::cpu& be, index_t s, index_t t) {
    work const& w = works_[static_cast<std::size_t>(s)];
    auto const p = parameters_.read();
    auto const gradient = gradients_.view()(s);
    auto const x = x_.read().rows(s * shard_rows, (s + 1) * shard_rows);
    auto const y = y_.read().rows(s * shard_rows, (s + 1) * shard_rows);
    double const scale = 1.0 / (shards * shard_rows);

    tensor_view<float const, 3> const input = repeated(x, 1);
    tensor_view<float const, 3> const value = critic_.forward(be, p, input, w.critic);
    nn::evaluate(be, nn::expectile{0.9}, scale, value, repeated(y.columns(0, 1), 1), w.values, w.dvalues);
    critic_.backward(be, p, input, w.critic, tensor_view<float const, 3>(w.dvalues), gradient);

    auto const first_stream = static_cast<std::uint64_t>(10 * t);
    matrix_view<float const> const noise = denoiser_.forward(be, p, input, w.denoiser, nn::dropout_source{3, first_stream, s * shard_rows})(0);
    nn::evaluate(be, nn::squared_error{}, scale, noise, y, w.noise_values, w.dnoise);
    denoiser_.backward(be, p, input, w.denoiser, tensor_view<float const, 3>(repeated(w.dnoise, 1)), gradient);
  }

  backend::cpu be_;
  nn::parameter_list list_;
  nn::mlp<math::relu> critic_;
  nn::residual_mlp<math::mish> denoiser_;
  tensor<float, 1> parameters_, target_, first_, second_;
  tensor<float, 2> gradients_, x_, y_;
  arena<> memory_;
  std::vector<work> works_;
};

}  // namespace

TEST_CASE("a training step gives the same bits for any number of threads") {
  auto const run = [](int threads) {
    auto trained = std::make_unique<learner>(threads);
    for (index_t t = 1; t <= 10; ++t) trained->step(t);
    return trained;
  };
  auto const one = run(1);
  for (index_t i = 0; i < one->parameters().size(); ++i) REQUIRE(std::isfinite(one->parameters().read()[i]));
  for (int const threads : {2, 3}) {
    auto const other = run(threads);
    CHECK(support::same(other->parameters(), one->parameters()));
    CHECK(support::same(other->target(), one->target()));
  }
}

TEST_CASE("a training step allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  learner trained(1);
  trained.step(1);
  auto const before = support::allocation_count();
  for (index_t t = 2; t <= 4; ++t) trained.step(t);
  CHECK(support::allocation_count() == before);
}
