// FISOR's learner: repeatable to the bit, resumable, free of allocation, and right about what it is given.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"
#include "support/fisor_problem.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace parapet;
using support::message_of;
using support::parameter_of;
using support::random_transitions;
using support::small_fisor;
using support::state_of;
using learner = rl::fisor<backend::cpu>;

template class rl::fisor_update<backend::cpu, float>;  // for the other tests: fisor_on_cpu.hpp
template class rl::fisor<backend::cpu>;

namespace {

std::vector<unsigned char> state_after(int updates, int threads, rl::fisor_config const& config, rl::transitions<float> const& data) {
  backend::cpu be(threads);
  learner l(be, config, data);
  for (int i = 0; i < updates; ++i) l.update();
  return state_of(l);
}

bool same(rl::fisor_losses const& a, rl::fisor_losses const& b) {
  return a.actor == b.actor && a.reward_value == b.reward_value && a.reward_critic == b.reward_critic &&
         a.safety_value == b.safety_value && a.safety_critic == b.safety_critic && a.mean_weight == b.mean_weight &&
         a.effective_sample_size == b.effective_sample_size;
}

}  // namespace

TEST_CASE("fisor: the same bits for any number of threads, others for another seed or number of shards") {
  auto const data = random_transitions();
  rl::fisor_config config = small_fisor();
  config.actor_width = 64;  // enough parameters for two slices of the optimiser's work
  auto const one = state_after(3, 1, config, data);
  CHECK(state_after(3, 1, config, data) == one);
  CHECK(state_after(3, 2, config, data) == one);
  CHECK(state_after(3, 3, config, data) == one);
  config.shards = 2;
  CHECK(state_after(3, 1, config, data) != one);
  config = small_fisor();
  config.actor_width = 64;
  config.seed += 1;
  CHECK(state_after(3, 1, config, data) != one);
}

TEST_CASE("fisor: goes on from a copy of its tensors as if it had not stopped") {
  backend::cpu be(1), other(2);
  auto const data = random_transitions();
  rl::fisor_config config = small_fisor();
  config.cosine_horizon = 20;  // the learning rate depends on how far it has come
  learner whole(be, config, data), copied(other, config, data);
  for (int i = 0; i < 3; ++i) whole.update();
  auto const from = std::as_const(whole).tensors();
  auto const to = copied.tensors();
  for (std::size_t i = 0; i < to.size(); ++i) std::memcpy(to[i].data, from[i].data, static_cast<std::size_t>(from[i].bytes()));
  CHECK(copied.step() == 3);
  for (int i = 0; i < 2; ++i) CHECK(same(whole.update(), copied.update()));
  CHECK(state_of(copied) == state_of(whole));
}

TEST_CASE("fisor: an update allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  auto const data = random_transitions();
  for (int const threads : {1, 2}) {
    backend::cpu be(threads);
    learner l(be, small_fisor(), data);
    for (int i = 0; i < 8; ++i) l.update();  // each worker's scratch memory grows to its size
    auto const before = support::allocation_count();
    l.update();
    CHECK(support::allocation_count() == before);
  }
}

TEST_CASE("fisor: seeds side by side end as each does alone, whatever the threads and the calls") {
  auto const data = random_transitions();
  auto config = small_fisor();
  config.cosine_horizon = 20;
  for (int const threads : {1, 2}) {
    backend::cpu be(threads);
    learner all(be, config, data, 5), other(be, config, data, 5);
    all.train(6);
    for (int i = 0; i < 6; ++i) other.update();
    CHECK(state_of(all) == state_of(other));
    for (index_t i = 0; i < 5; ++i) {
      rl::fisor_config own = config;
      own.seed += static_cast<std::uint64_t>(i);
      learner alone(be, own, data);
      auto const losses = alone.train(6);
      CHECK(state_of(all.snapshot(i)) == state_of(alone));
      CHECK(same(all.losses(i), losses));
      CHECK(all.parameters(i).actor[3] == alone.parameters().actor[3]);
    }
  }
}

TEST_CASE("fisor: one seed that fails is named, and seeds out of step are refused") {
  backend::cpu be(1);
  auto const data = random_transitions();
  learner l(be, small_fisor(), data, 3);
  parameter_of(l, "seed43.reward_value.output.bias")[0] = std::nanf("");
  std::string const message = message_of<error>([&] { l.train(3); });
  CHECK(support::contains(message, "fisor: a loss is not finite in one of the updates up to 2 of seed 43: actor"));
  learner apart(be, small_fisor(), data, 2), one(be, small_fisor(), data);
  one.train(2);
  apart.restore(one.snapshot(), 1);
  CHECK(message_of<error>([&] { apart.update(); }) == "fisor: 2 updates done so far is not a state of training");
  CHECK(message_of<argument_error>([&] { learner(be, small_fisor(), data, 0); }) == "fisor: 0 seeds, expected at least 1");
  for (index_t const seed : {-1, 2}) {
    std::string const refused = seed < 0 ? "fisor: seed number -1 of 2" : "fisor: seed number 2 of 2";
    CHECK(message_of<argument_error>([&] { apart.losses(seed); }) == refused);
    CHECK(message_of<argument_error>([&] { apart.parameters(seed); }) == refused);
    CHECK(message_of<argument_error>([&] { apart.snapshot(seed); }) == refused);
    CHECK(message_of<argument_error>([&] { apart.restore(one.snapshot(), seed); }) == refused);
  }
}

TEST_CASE("fisor: losses are 0 before the first update") {
  backend::cpu be(1);
  auto const data = random_transitions();
  learner l(be, small_fisor(), data);
  CHECK(same(l.losses(), rl::fisor_losses{}));
  CHECK(same(l.train(0), rl::fisor_losses{}));
}

TEST_CASE("fisor: behaviour cloning leaves the critics alone and weighs every row 1") {
  backend::cpu be(1);
  auto const data = random_transitions();
  learner l(be, small_fisor().behaviour_cloning(), data), untouched(be, small_fisor().behaviour_cloning(), data);
  auto const losses = l.update();
  CHECK(losses.mean_weight == 1);
  CHECK(losses.effective_sample_size == 1);
  CHECK(losses.actor > 0);
  CHECK(losses.reward_value + losses.reward_critic + losses.safety_value + losses.safety_critic == 0);
  for (char const* name : {"reward_critic.0.dense0.weight", "safety_value.output.bias", "follower.safety_critic.1.dense1.weight"})
    CHECK(std::memcmp(parameter_of(l, name).data(), parameter_of(untouched, name).data(),
                      static_cast<std::size_t>(parameter_of(l, name).size()) * sizeof(float)) == 0);
  CHECK(parameter_of(l, "actor.net.output.weight")[0] != parameter_of(untouched, "actor.net.output.weight")[0]);
}

TEST_CASE("fisor: logged actions are clipped to action_limit") {
  auto data = random_transitions();
  rl::fisor_config config = small_fisor();
  config.action_limit = 0.25;
  auto const raw = state_after(2, 1, config, data);
  for (index_t i = 0; i < data.action().size(); ++i) {
    float& a = data.action().data()[i];
    a = std::min(std::max(a, -0.25f), 0.25f);
  }
  CHECK(state_after(2, 1, config, data) == raw);
  config.action_limit = 0.2;
  CHECK(state_after(2, 1, config, data) != raw);
}

TEST_CASE("fisor: refuses data that cannot be learnt from, and stops at a loss that is not finite") {
  backend::cpu be(1);
  auto const refusal = [&](rl::transitions<float> const& data) {
    return message_of<argument_error>([&] { learner(be, small_fisor(), data); });
  };
  CHECK(refusal({}) == "fisor: no transitions to learn from");
  auto data = random_transitions();
  data.reward()[17] = std::nanf("");
  CHECK(refusal(data) == "transitions: array 'reward' is not finite in row 17");
  rl::fisor_config bad = small_fisor();
  bad.discount = 1;
  CHECK(message_of<argument_error>([&] { learner(be, bad, data); }) == "fisor_config: discount = 1, expected a number in (0, 1)");

  auto const good = random_transitions();
  learner l(be, small_fisor(), good);
  parameter_of(l, "reward_value.output.bias")[0] = std::nanf("");
  CHECK(support::contains(message_of<error>([&] { l.update(); }), "fisor: a loss is not finite in update 0: actor"));
}
