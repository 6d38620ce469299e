#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/rl/controller.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_agent.hpp>

#include <doctest/doctest.h>

#include "io/temporary_folder.hpp"
#include "support/allocation_counter.hpp"
#include "support/fisor_problem.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <limits>
#include <string>

using namespace parapet;
using support::contains;
using support::message_of;

namespace {

/// A checkpoint of a FISOR that was trained for a moment.
struct trained {
  backend::cpu be{1};
  rl::transitions<float> data = support::random_transitions();
  rl::fisor<backend::cpu> learner;
  support::temporary_folder folder;
  std::string path = folder / "run.safetensors";

  explicit trained(rl::fisor_config const& config = support::small_fisor()) : learner(be, config, data) {
    for (int i = 0; i < 3; ++i) learner.update();
    io::save_checkpoint(path, learner);
  }
  tensor_archive read() const { return io::read_safetensors(path); }
};

float const seen[] = {0.5f, -1, 0.25f};
vector_view<float const> const observation(seen, extents<1>{{3}});

}  // namespace

TEST_CASE("fisor_model: options, shapes and parameters of a checkpoint") {
  trained const t;
  rl::fisor_model const model(t.read());
  CHECK(model.config().to_text() == t.learner.config().to_text());
  CHECK(model.state_dim() == 3);
  CHECK(model.action_dim() == 2);
  auto const same = [](vector_view<float const> const& a, vector_view<float const> const& b) {
    bool equal = a.shape() == b.shape();
    for (index_t i = 0; equal && i < a.size(); ++i) equal = a[i] == b[i];
    return equal;
  };
  auto const ours = model.parameters(), theirs = t.learner.parameters();
  CHECK(same(ours.actor, theirs.actor));
  for (index_t k = 0; k < rl::fisor_networks::critics; ++k) CHECK(same(ours.critics(k), theirs.critics(k)));
  CHECK(same(ours.safety_value, theirs.safety_value));
}

TEST_CASE("fisor_agent: a controller plays what the policy's candidates and its rule say") {
  trained const t;
  backend::cpu be(1);
  rl::controller c(rl::fisor_agent(be, t.read(), {.rows = 4, .seed = 7}));
  auto single = t.learner.config();
  single.candidates = 1;
  single.choose = rl::selection::first;
  index_t const n = t.learner.config().candidates;  // 6, in rounds of 4
  rl::fisor_policy<backend::cpu> policy(be, single, t.learner.networks(), t.learner.parameters(), n);
  for (index_t decision = 0; decision < 3; ++decision) {
    auto const out = c.act(observation);
    support::tensor<float, 2> states(extents{n, index_t{3}}), actions(extents{n, index_t{2}});
    std::vector<index_t> number;
    std::vector<rl::decision_info<float>> info(static_cast<std::size_t>(n));
    for (index_t i = 0; i < states.size(); ++i) states.flat()[i] = seen[i % 3];
    for (index_t i = 0; i < n; ++i) number.push_back(decision * n + i);
    policy.act(states.read(), {number.data(), extents{n}}, philox_stream(7, 1), actions.view(), {info.data(), extents{n}});
    index_t best = 0, feasible = 0;
    for (index_t i = 0; i < n; ++i) {
      if (info[static_cast<std::size_t>(i)].safety_critic < info[static_cast<std::size_t>(best)].safety_critic) best = i;
      feasible += info[static_cast<std::size_t>(i)].safety_critic <= 0;
    }
    CHECK(out.action[0] == actions.read()(best, 0));
    CHECK(out.action[1] == actions.read()(best, 1));
    CHECK(out.safety_critic == info[static_cast<std::size_t>(best)].safety_critic);
    CHECK(out.safety_value == info[0].safety_value);
    CHECK(out.candidates == n);
    CHECK(out.feasible == feasible);
  }
}

TEST_CASE("fisor_agent: threads change nothing") {
  trained const t;
  backend::cpu alone(1), both(2);
  rl::controller one(rl::fisor_agent(alone, t.read(), {.candidates = 24, .rows = 24})), two(rl::fisor_agent(both, t.read(), {.candidates = 24, .rows = 24}));
  for (int i = 0; i < 3; ++i) {
    auto const a = one.act(observation), b = two.act(observation);
    CHECK(a.action[0] == b.action[0]);
    CHECK(a.safety_critic == b.safety_critic);
    CHECK(a.candidates == 24);
  }
}

TEST_CASE("fisor_agent: a checkpoint with a NaN in it never reaches the robot") {
  trained const t;
  for (char const* name : {"follower.actor.net.output.bias", "follower.safety_critic.1.output.bias", "safety_value.output.bias"}) {
    auto const file = t.read();
    *reinterpret_cast<float*>(const_cast<unsigned char*>(file.at(name).data)) = std::numeric_limits<float>::quiet_NaN();
    backend::cpu be(1);
    rl::controller c(rl::fisor_agent(be, file), {}, {{0.25f, 0}});
    auto const out = c.act(observation);
    CHECK(out.reason == rl::fallback_reason::not_finite);
    CHECK(out.action[0] == 0.25f);
  }
}

TEST_CASE("fisor_model: what is no checkpoint of FISOR is refused in words") {
  trained const t;
  auto const refusal = [](tensor_archive const& file) { return message_of<error>([&] { rl::fisor_model const model(file); }); };
  auto const with = [&](char const* option, char const* value) {
    auto file = t.read();
    file.metadata()[option] = value;
    return refusal(file);
  };
  CHECK(contains(refusal(tensor_archive("empty.safetensors")), "empty.safetensors: has no option 'critic_width' of FISOR in its metadata"));
  CHECK(contains(with("discount", "much"), "option 'discount' is 'much', expected a number"));
  CHECK(contains(with("seed", "99999999999999999999999"), "option 'seed'"));
  CHECK(contains(with("discount", "1.5"), "discount = 1.5, expected"));
  CHECK(contains(with("choose", "9"), "option 'choose' is '9'"));
  CHECK(contains(with("diffusion_steps", "1000000000000"), "expected at most 100000"));
  CHECK(contains(with("actor_width", "16"), "expected f32"));
  CHECK(contains(with("actor_width", "1000000"), "expected f32"));  // before memory is asked for
  for (char const* width : {"critic_width", "actor_width", "condition_width", "time_features"})
    CHECK(contains(with(width, "1000000000000"), "expected at most 2^20"));
  auto file = t.read();
  file.metadata().erase("discount");
  CHECK(contains(refusal(file), "has no option 'discount'"));
}

TEST_CASE("fisor_agent: acting allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  trained const t;
  backend::cpu be(2);
  rl::controller c(rl::fisor_agent(be, t.read()));
  c.act(observation);
  auto const before = support::allocation_count();
  for (int i = 0; i < 5; ++i) c.act(observation);
  CHECK(support::allocation_count() == before);
}
