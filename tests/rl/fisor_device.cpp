// FISOR and its policy on memory that the host cannot touch: what CUDA asks of them, without a GPU.
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <doctest/doctest.h>

#include "rl/fisor_reference.hpp"
#include "support/emulated_device.hpp"
#include "support/fisor_problem.hpp"
#include "support/serial_backend.hpp"

#include <vector>

using namespace parapet;
using support::emulated_device;
using support::small_fisor;
using support::state_of;
using device_learner = rl::fisor<emulated_device>;

namespace {

rl::fisor_config one_shard() {
  auto config = small_fisor();
  config.shards = 1;
  config.cosine_horizon = 40;  // the rate depends on the number of the update
  return config;
}

struct decisions {
  std::vector<float> actions;
  std::vector<rl::decision_info<float>> info;
  bool operator==(decisions const& other) const {
    for (std::size_t i = 0; i < info.size(); ++i)
      if (info[i].safety_value != other.info[i].safety_value || info[i].safety_critic != other.info[i].safety_critic ||
          info[i].reward_critic != other.info[i].reward_critic || info[i].feasible != other.info[i].feasible)
        return false;
    return actions == other.actions;
  }
};

template <class Policy>
decisions decide(Policy& policy, std::vector<index_t> const& numbers, std::uint64_t seed) {
  auto const n = static_cast<index_t>(numbers.size());
  std::vector<float> states;
  for (index_t const number : numbers)
    for (index_t j = 0; j < 3; ++j) states.push_back(philox_stream(9, 9).normal(3 * number + j));
  decisions d{std::vector<float>(2 * numbers.size()), std::vector<rl::decision_info<float>>(numbers.size())};
  policy.act({states.data(), extents{n, index_t{3}}}, {numbers.data(), extents{n}}, philox_stream(seed, 0),
             {d.actions.data(), extents{n, index_t{2}}}, {d.info.data(), extents{n}});
  return d;
}

}  // namespace

TEST_CASE("fisor on a device: the bits of plain loops on the host, and one wait an update") {
  auto const data = support::random_transitions();
  for (auto const& config : {one_shard(), one_shard().behaviour_cloning()}) {
    mine::serial plain;
    emulated_device be;
    auto const uploaded = rl::upload(be, data);
    rl::fisor<mine::serial> host(plain, config, data);
    device_learner device(be, config, uploaded);
    for (int i = 0; i < 4; ++i) {
      long const before = be.waits;
      auto const a = host.update(), b = device.update();
      CHECK(be.waits == before + 1);
      CHECK(a.actor == b.actor);
      CHECK(a.reward_critic == b.reward_critic);
      CHECK(a.safety_value == b.safety_value);
      CHECK(a.effective_sample_size == b.effective_sample_size);
    }
    CHECK(device.step() == 4);
    CHECK(state_of(device.snapshot()) == state_of(host));
    CHECK(device.metadata() == host.metadata());
  }
}

TEST_CASE("fisor on a device: a batch is not cut, whatever the options say for threads, and a run moves to a CPU all the same") {
  emulated_device be;
  auto const data = rl::upload(be, support::random_transitions());
  device_learner whole(be, one_shard(), data), cut(be, [] {
    auto config = one_shard();
    config.shards = 4;
    return config;
  }(), data);
  whole.train(3);
  cut.train(3);
  CHECK(state_of(whole.snapshot()) == state_of(cut.snapshot()));
  CHECK(cut.metadata().at("shards") == "4");
}

TEST_CASE("fisor: what plain loops get is what other backends are held to") {
  mine::serial be;
  auto const data = support::random_transitions();
  rl::fisor<mine::serial> learner(be, small_fisor(), data);
  for (rl::fisor_losses const& expected : fisor_reference_losses) {
    auto const got = learner.update();
    CHECK(got.actor == doctest::Approx(expected.actor).epsilon(1e-5));
    CHECK(got.safety_value == doctest::Approx(expected.safety_value).epsilon(1e-5));
    CHECK(got.effective_sample_size == doctest::Approx(expected.effective_sample_size).epsilon(1e-5));
  }
}

TEST_CASE("fisor on a device: updates that are recorded and launched are updates") {
  emulated_device be;
  auto const data = rl::upload(be, support::random_transitions());
  device_learner one_by_one(be, one_shard(), data), recorded(be, one_shard(), data);
  rl::fisor_losses last;
  for (int i = 0; i < 21; ++i) last = one_by_one.update();
  auto const losses = recorded.train(21);  // one as it is, two recordings of eight, four more
  CHECK(losses.actor == last.actor);
  CHECK(losses.safety_critic == last.safety_critic);
  CHECK(recorded.step() == 21);
  CHECK(state_of(recorded.snapshot()) == state_of(one_by_one.snapshot()));
  recorded.train(16);
  one_by_one.train(3);
  for (int i = 0; i < 13; ++i) one_by_one.update();
  CHECK(state_of(recorded.snapshot()) == state_of(one_by_one.snapshot()));
}

TEST_CASE("fisor on a device: seeds that share every launch end as each does alone") {
  emulated_device be;
  auto const data = rl::upload(be, support::random_transitions());
  for (auto config : {one_shard(), one_shard().behaviour_cloning()}) {
    device_learner all(be, config, data, 3);
    all.train(12);
    for (index_t i = 0; i < 3; ++i) {
      config.seed = small_fisor().seed + static_cast<std::uint64_t>(i);
      device_learner alone(be, config, data);
      alone.train(12);
      CHECK(state_of(all.snapshot(i)) == state_of(alone.snapshot()));
      CHECK(all.snapshot(i).metadata() == alone.snapshot().metadata());
      CHECK(all.losses(i).actor == alone.losses().actor);
      CHECK(all.losses(i).mean_weight == alone.losses().mean_weight);
    }
  }
}

TEST_CASE("fisor on a device: launches of an update, for one seed and for many") {
  emulated_device be;
  auto const data = rl::upload(be, support::random_transitions());
  auto config = rl::fisor_config::paper();  // depth decides, not width
  config.critic_width = config.actor_width = config.time_features = config.condition_width = 4;
  config.actor_batch = config.critic_batch = 8;
  auto const launches = [&](index_t seeds) {
    device_learner learner(be, config, data, seeds);
    learner.update();
    long const before = be.launches;
    learner.update();
    return be.launches - before - 1;  // the losses' copy
  };
  MESSAGE("launches of an update of the paper's networks: " << launches(1) << ", of four seeds: " << launches(4));
  CHECK(launches(1) <= 250);
  CHECK(launches(4) <= launches(1) + 20);  // inputs that the critics share take a product for each of the four
}

TEST_CASE("fisor on a device: training moves between backends") {
  auto const data = support::random_transitions();
  mine::serial plain;
  emulated_device be;
  auto const uploaded = rl::upload(be, data);
  rl::fisor<mine::serial> host(plain, one_shard(), data);
  device_learner device(be, one_shard(), uploaded, 2);
  host.train(3);
  device.train(3);
  device.restore(host.snapshot(), 1);  // it is seed 42 there, on the host; the device's second seed draws as 43
  CHECK(state_of(device.snapshot(1)) == state_of(host));
  device_learner resumed(be, one_shard(), uploaded);
  resumed.restore(host.snapshot());
  CHECK(resumed.step() == 3);
  host.train(2);
  resumed.train(2);
  CHECK(state_of(resumed.snapshot()) == state_of(host));
  rl::fisor<mine::serial> back(plain, one_shard(), data);
  back.restore(resumed.snapshot());
  CHECK(state_of(back) == state_of(host));
}

TEST_CASE("fisor_policy on a device: the bits of plain loops on the host, recorded too") {
  auto const data = support::random_transitions();
  for (rl::selection const rule : {rl::selection::min_safety, rl::selection::feasible_reward, rl::selection::first}) {
    auto config = one_shard();
    config.choose = rule;
    mine::serial plain;
    emulated_device be;
    auto const uploaded = rl::upload(be, data);
    rl::fisor<mine::serial> host(plain, config, data);
    device_learner device(be, config, uploaded);
    rl::fisor_policy<mine::serial> on_host(plain, config, host.networks(), host.parameters(), 5);
    rl::fisor_policy<emulated_device> on_device(be, config, device.networks(), device.parameters(), 5);
    CHECK(decide(on_device, {0, 1, 2, 3, 4}, 5) == decide(on_host, {0, 1, 2, 3, 4}, 5));
    CHECK(decide(on_device, {7}, 6) == decide(on_host, {7}, 6));
    long const before = be.waits;
    CHECK(decide(on_device, {9, 1000}, 7) == decide(on_host, {9, 1000}, 7));  // the recording, with another stream
    CHECK(be.waits == before + 1);
    host.train(2);
    device.train(2);
    CHECK(decide(on_device, {3, 4}, 8) == decide(on_host, {3, 4}, 8));  // follows the parameters
  }
}
