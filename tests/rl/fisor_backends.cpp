// FISOR on other backends than the CPU's, which fisor.cpp tests: the same training as plain loops, repeatable, one seed or many.
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include "rl/fisor_reference.hpp"
#include "support/backends.hpp"
#include "support/fisor_problem.hpp"

#include <cmath>

#if defined(TEST_ON_THRUST) || defined(__CUDACC__)

#if defined(TEST_ON_THRUST)
#define FISOR_BACKEND backend::thrust_host<backend::thrust_omp>  // one of the two: each takes seconds to compile
#else
#define FISOR_BACKEND TEST_BACKENDS
#endif

using namespace parapet;
using support::small_fisor;
using support::state_of;

TEST_CASE_TEMPLATE("fisor: a backend trains as plain loops do, and the same twice", B, FISOR_BACKEND) {
  B be;
  auto const data = rl::upload(be, support::random_transitions());
  rl::fisor<B> learner(be, small_fisor(), data), again(be, small_fisor(), data);
  for (rl::fisor_losses const& expected : fisor_reference_losses) {
    auto const got = learner.update();
    auto const near = [](double a, double b) { return std::abs(a - b) <= 1e-4 * std::abs(b); };
    CHECK(near(got.actor, expected.actor));
    CHECK(near(got.reward_value, expected.reward_value));
    CHECK(near(got.reward_critic, expected.reward_critic));
    CHECK(near(got.safety_value, expected.safety_value));
    CHECK(near(got.safety_critic, expected.safety_critic));
    CHECK(near(got.mean_weight, expected.mean_weight));
    CHECK(near(got.effective_sample_size, expected.effective_sample_size));
  }
  again.train(learner.step());
  CHECK(state_of(again.snapshot()) == state_of(learner.snapshot()));
}

TEST_CASE_TEMPLATE("fisor: seeds side by side end with the bits of each alone", B, FISOR_BACKEND) {
  B be;
  auto const data = rl::upload(be, support::random_transitions());
  auto config = small_fisor();
  config.actor_batch = config.critic_batch = 16;
  config.shards = 1;
  rl::fisor<B> all(be, config, data, 3);
  all.train(12);
  for (index_t i = 0; i < 3; ++i) {
    config.seed = small_fisor().seed + static_cast<std::uint64_t>(i);
    rl::fisor<B> alone(be, config, data);
    alone.train(12);
    CHECK(state_of(all.snapshot(i)) == state_of(alone.snapshot()));
  }
}

TEST_CASE_TEMPLATE("fisor_policy: a decision is the same again, alone or among others", B, FISOR_BACKEND) {
  B be;
  auto const data = rl::upload(be, support::random_transitions());
  auto config = small_fisor();
  config.choose = rl::selection::feasible_reward;
  rl::fisor<B> const learner(be, config, data);
  rl::fisor_policy<B> policy(be, config, learner.networks(), learner.parameters(), 3);
  auto const states = support::normal<float>(extents{3, 3}, 5);
  index_t const number[] = {4, 0, 77};
  support::tensor<float, 2> first(extents{3, 2}), again(extents{3, 2});
  rl::decision_info<float> info[3], other[3];
  auto const act = [&](index_t begin, index_t end, auto& actions, rl::decision_info<float>* out) {
    policy.act(states.read().rows(begin, end), {number + begin, extents{end - begin}}, philox_stream(1, 2), actions.view().rows(begin, end),
               {out + begin, extents{end - begin}});
  };
  act(0, 3, first, info);
  for (int repetition = 0; repetition < 2; ++repetition)  // a device records, and launches
    for (index_t i = 0; i < 3; ++i) act(i, i + 1, again, other);
  CHECK(support::same(again, first));
  for (int i = 0; i < 3; ++i) {
    CHECK(std::abs(first.view()(i, 0)) <= 1);
    CHECK(other[i].safety_critic == info[i].safety_critic);
    CHECK(other[i].safety_value == info[i].safety_value);
    CHECK(other[i].feasible == info[i].feasible);
  }
}

#endif
