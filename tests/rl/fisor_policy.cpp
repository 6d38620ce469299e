#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"
#include "support/fisor_problem.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace parapet;
using rl::fisor_config;
using rl::selection;
using support::message_of;
using support::tensor;
using policy = rl::fisor_policy<backend::cpu>;

namespace {

constexpr index_t state_dim = 3, action_dim = 2;

/// Little noise: random networks do not denoise much, and their samples should not all end in the corners of the box.
fisor_config options() {
  fisor_config c = support::small_fisor();
  c.beta_max = 0.5;
  c.noise_temperature = 0.5;
  return c;
}

/// Networks with random parameters, as in a file.
struct agent {
  fisor_config config;
  rl::fisor_networks networks;
  buffer<float> actor, critics, safety_value;

  explicit agent(fisor_config const& c)
      : config(c), networks(c, state_dim, action_dim), actor(networks.actor_list.size()),
        critics(4 * networks.critic_list.size()), safety_value(networks.value_list.size()) {
    networks.actor_list.initialize(actor.view(), 1, 0);
    auto const rows = critics.view(extents{index_t{4}, networks.critic_list.size()});
    for (index_t m = 0; m < 4; ++m) networks.critic_list.initialize(rows(m), m < 2 ? 2 : 3, 0, m % 2);
    networks.value_list.initialize(safety_value.view(), 4, 0);
  }
  rl::fisor_parameters<float> parameters() const {
    return {actor.view(), critics.view(extents{index_t{4}, networks.critic_list.size()}), safety_value.view()};
  }
};

struct decisions {
  tensor<float, 2> actions;
  std::vector<rl::decision_info<float>> info;
};

/// Decisions on states whose rows have the numbers given.
decisions decide(policy& p, std::vector<index_t> const& numbers, std::uint64_t seed = 5) {
  auto const n = static_cast<index_t>(numbers.size());
  tensor<float, 2> states(extents{n, state_dim});
  for (index_t i = 0; i < states.size(); ++i)
    states.flat()[i] = philox_stream(9, 9).normal(state_dim * numbers[static_cast<std::size_t>(i / state_dim)] + i % state_dim);
  decisions d{tensor<float, 2>(extents{n, action_dim}), std::vector<rl::decision_info<float>>(numbers.size())};
  p.act(states.read(), {numbers.data(), extents{n}}, philox_stream(seed, 0), d.actions.view(), {d.info.data(), extents{n}});
  return d;
}
decisions decide(agent const& a, std::vector<index_t> const& numbers, int threads = 1, std::uint64_t seed = 5) {
  backend::cpu be(threads);
  policy p(be, a.config, a.networks, a.parameters(), static_cast<index_t>(numbers.size()));
  return decide(p, numbers, seed);
}

/// Whether decision i of a is decision j of b, bit by bit.
bool same(decisions const& a, std::size_t i, decisions const& b, std::size_t j) {
  auto const& x = a.info[i];
  auto const& y = b.info[j];
  return std::memcmp(a.actions.flat().data() + i * action_dim, b.actions.flat().data() + j * action_dim, action_dim * sizeof(float)) == 0 &&
         x.safety_value == y.safety_value && x.safety_critic == y.safety_critic && x.reward_critic == y.reward_critic && x.feasible == y.feasible;
}

/// All candidates of one decision and what the critics say of them, from the parts that a policy is made of.
struct candidates {
  std::vector<std::vector<float>> action;
  std::vector<float> q_safety, q_reward;
  float v_safety;

  candidates(agent const& a, index_t number, std::uint64_t seed = 5) {
    backend::cpu be(1);
    index_t const n = a.config.candidates;
    arena<> memory;
    auto w = plan(memory, [&](auto& m) { return a.networks.actor.make_workspace<backend::cpu, float>(be, m, n, nn::mode::inference); });
    tensor<float, 2> x(extents{n, action_dim}), z(x.shape()), input(extents{n, state_dim + action_dim});
    tensor<index_t, 1> which(extents{n});
    for (index_t i = 0; i < n * state_dim; ++i) {
      float const s = philox_stream(9, 9).normal(state_dim * number + i % state_dim);
      input.view()(i / state_dim, i % state_dim) = a.networks.actor.state(w)(i / state_dim, i % state_dim) = s;
    }
    a.networks.actor.embed_steps(be, nn::as_stack(a.parameters().actor), w);
    auto const denoise = [&](backend::cpu&, matrix_view<float const> const& now, index_t step) {
      fill(be, which.view(), step);
      copy(be, now, a.networks.actor.action(w));
      return a.networks.actor.forward(be, nn::as_stack(a.parameters().actor), which.read(), w)(0);
    };
    fisor_config const& c = a.config;
    diffusion::philox_noise const noise{philox_stream(seed, 0), number * n * action_dim * (c.diffusion_steps + 1)};
    diffusion::ddpm_sampler(diffusion::noise_schedule::vp(c.diffusion_steps, c.beta_min, c.beta_max),
                    {.temperature = c.noise_temperature, .clip = c.clip_each_step})
        .run(be, denoise, noise, x.view(), z.view());
    for (index_t i = 0; i < n; ++i) {
      action.emplace_back();
      for (index_t j = 0; j < action_dim; ++j)
        action.back().push_back(input.view()(i, state_dim + j) = std::clamp(x.view()(i, j), -1.0f, 1.0f));
    }
    auto const evaluate = [&](auto const& network, matrix_view<float const> parameters, matrix_view<float const> const& on) {
      arena<> scratch;
      auto const work = plan(scratch, [&](auto& m) { return network.template make_workspace<float>(m, n, nn::mode::inference, parameters.extent(0)); });
      auto const y = network.forward(be, parameters, repeated(on, 1), work);
      return std::vector<float>(y.data(), y.data() + y.size());
    };
    auto const q = evaluate(a.networks.critic, a.parameters().critics.rows(0, 2), input.read());
    auto const qh = evaluate(a.networks.critic, a.parameters().critics.rows(2, 4), input.read());
    for (std::size_t i = 0; i < action.size(); ++i) {
      q_reward.push_back(std::min(q[i], q[i + action.size()]));
      q_safety.push_back(std::max(qh[i], qh[i + action.size()]));
    }
    v_safety = evaluate(a.networks.value, repeated(a.parameters().safety_value, 1), input.read().columns(0, state_dim))[0];
  }
};

template <class Better>
std::size_t best_of(std::size_t n, Better better) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < n; ++i)
    if (better(i, best)) best = i;
  return best;
}

bool near(float a, float b) { return std::abs(a - b) <= 1e-5f * (1 + std::abs(b)); }

}  // namespace

TEST_CASE("fisor_policy: a decision does not depend on what else is decided, or by how many threads") {
  for (index_t const count : {1, 6}) {
    fisor_config config = options();
    config.candidates = count;
    agent const a(config);
    std::vector<index_t> const numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 3000, 12};
    auto const all = decide(a, numbers);
    std::vector<index_t> backwards(numbers.rbegin(), numbers.rend());
    auto const turned = decide(a, backwards, 2), threads = decide(a, numbers, 3);
    backend::cpu be(1);
    policy roomy(be, config, a.networks, a.parameters(), 40);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CAPTURE(i);
      CHECK(same(all, i, threads, i));
      CHECK(same(all, i, turned, numbers.size() - 1 - i));
      CHECK(same(all, i, decide(a, {numbers[i]}), 0));
      CHECK(same(all, i, decide(roomy, {7, numbers[i], 8}), 1));
    }
  }
}

TEST_CASE("fisor_policy: noise belongs to the stream and the number") {
  fisor_config config = options();
  config.candidates = 1;
  agent const a(config);
  auto const first = decide(a, {3}, 1, 5);
  CHECK(same(decide(a, {3}, 1, 5), 0, first, 0));
  CHECK_FALSE(same(decide(a, {3}, 1, 6), 0, first, 0));
  CHECK_FALSE(same(decide(a, {4}, 1, 5), 0, first, 0));
}

TEST_CASE("fisor_policy: each rule takes the candidate that it should, and tells of it") {
  for (selection const rule : {selection::min_safety, selection::max_reward, selection::feasible_reward, selection::first})
    for (index_t number = 0; number < 8; ++number) {
      CAPTURE(static_cast<int>(rule));
      CAPTURE(number);
      fisor_config config = options();
      config.choose = rule;
      candidates const all(agent(config), number);
      std::vector<float> sorted = all.q_safety;
      std::sort(sorted.begin(), sorted.end());
      config.feasible_margin = -0.5 * static_cast<double>(sorted[2] + sorted[3]);  // three of six are feasible
      auto const feasible = [&](std::size_t i) { return static_cast<double>(all.q_safety[i]) <= config.feasible_level(); };
      auto const safer = [&](std::size_t i, std::size_t j) { return all.q_safety[i] < all.q_safety[j]; };
      auto const richer = [&](std::size_t i, std::size_t j) { return all.q_reward[i] > all.q_reward[j]; };

      std::size_t expected = 0;
      if (rule == selection::min_safety) expected = best_of(6, safer);
      if (rule == selection::max_reward) expected = best_of(6, richer);
      if (rule == selection::feasible_reward)
        expected = best_of(6, [&](std::size_t i, std::size_t j) { return feasible(i) && (!feasible(j) || richer(i, j)); });
      auto const got = decide(agent(config), {number});
      CHECK(near(got.actions.flat()[0], all.action[expected][0]));
      CHECK(near(got.actions.flat()[1], all.action[expected][1]));
      CHECK(near(got.info[0].safety_critic, all.q_safety[expected]));
      CHECK(near(got.info[0].reward_critic, all.q_reward[expected]));
      CHECK(near(got.info[0].safety_value, all.v_safety));
      CHECK(got.info[0].feasible == 3);
    }
}

TEST_CASE("evaluate_safety_value: V_h of many states") {
  agent const a(options());
  backend::cpu be(1);
  auto const states = support::generate<float>(extents{index_t{4}, state_dim}, [](index_t i) { return philox_stream(9, 9).normal(i); });
  tensor<float, 1> v(extents{index_t{4}});
  rl::evaluate_safety_value(be, a.networks, a.parameters(), states.read(), v.view());
  for (index_t i = 0; i < 4; ++i) CHECK(near(v.read()[i], candidates(a, i).v_safety));
  CHECK(message_of<shape_error>([&] { rl::evaluate_safety_value(be, a.networks, a.parameters(), states.read(), v.view().rows(0, 3)); }) ==
        "evaluate_safety_value: values has shape (3), expected (4)");
}

TEST_CASE("choose_candidate: first feasible ones, none feasible, and critics that say NaN") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  auto const choose = [](fisor_config const& c, std::vector<float> const& qh, std::vector<float> const& q) {
    auto const n = static_cast<index_t>(qh.size());
    return rl::choose_candidate<float>(c, {qh.data(), extents{n}}, {q.data(), extents{n}});
  };
  auto const with = [](selection rule) {
    fisor_config c;
    c.choose = rule;
    return c;
  };
  fisor_config const safe = with(selection::min_safety), reward = with(selection::max_reward), both = with(selection::feasible_reward);
  CHECK(choose(both, {-1, -2, 1, -3}, {0, 2, 9, 1}) == 1);
  fisor_config few = both;
  few.reward_candidates = 2;
  CHECK(choose(few, {1, -1, -2, -3}, {9, 1, 0, 5}) == 1);  // the last would be better, but is the third feasible one
  few.reward_candidates = 1;
  CHECK(choose(few, {1, 2, -2, -3}, {9, 1, 0, 5}) == 2);
  CHECK(choose(both, {3, 1, 2}, {9, 0, 9}) == 1);  // none feasible: the safest
  fisor_config tolerant = both;
  tolerant.safety_tolerance = 1;
  index_t const nearly = choose(tolerant, {5, 1.5f, 1, 3}, {9, 8, 0, 9});
  CHECK((nearly == 1 || nearly == 2));

  CHECK(choose(safe, {nan, 2, nan, 1}, {0, 0, 0, 0}) == 3);
  CHECK(choose(reward, {nan, nan, nan}, {nan, 1, 2}) == 2);
  CHECK(choose(reward, {0, 0, 0}, {1, nan, 0}) == 0);
  CHECK(choose(both, {nan, -1, -2}, {9, nan, 0}) == 2);
  CHECK(choose(both, {nan, 2, 1}, {9, 9, 9}) == 2);
  for (fisor_config const& c : {safe, reward, both, with(selection::first)}) {
    index_t const some = choose(c, {nan, nan}, {nan, nan});
    CHECK((some == 0 || some == 1));
  }
}

TEST_CASE("fisor_policy: acts with NaN critics, and says so") {
  agent a(options());
  for (index_t i = 0; i < a.critics.size(); ++i) a.critics.data()[i] = std::numeric_limits<float>::quiet_NaN();
  auto const d = decide(a, {0});
  CHECK(std::abs(d.actions.flat()[0]) <= 1);
  CHECK(std::isnan(d.info[0].safety_critic));
  CHECK(d.info[0].feasible == 0);
}

TEST_CASE("fisor_policy: actions stay within their bounds, whatever the options of the noise") {
  fisor_config config = options();
  config.clip_each_step = 0;
  config.noise_temperature = 9;
  auto const d = decide(agent(config), {0, 1, 2, 3});
  for (index_t i = 0; i < d.actions.size(); ++i) CHECK(std::abs(d.actions.flat()[i]) <= 1);
}

TEST_CASE("fisor_policy: follows parameters that change") {
  agent a(options());
  backend::cpu be(1);
  policy p(be, a.config, a.networks, a.parameters());
  auto const before = decide(p, {1});
  a.networks.actor_list.initialize(a.actor.view(), 77, 0);
  CHECK(same(decide(p, {1}), 0, decide(a, {1}), 0));
  CHECK_FALSE(same(decide(p, {1}), 0, before, 0));
}

TEST_CASE("fisor_policy: acting allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  agent const a(options());
  for (int const threads : {1, 2}) {
    backend::cpu be(threads);
    policy p(be, a.config, a.networks, a.parameters(), 20);
    auto const states = support::normal<float>(extents{index_t{20}, state_dim}, 1);
    auto const numbers = support::generate<index_t>(extents{index_t{20}}, [](index_t i) { return i; });
    tensor<float, 2> actions(extents{index_t{20}, action_dim});
    auto const act = [&] { p.act(states.read(), numbers.read(), philox_stream(0, 0), actions.view()); };
    for (int i = 0; i < 8; ++i) act();  // each worker's scratch memory grows to its size
    auto const before = support::allocation_count();
    act();
    CHECK(support::allocation_count() == before);
  }
}

TEST_CASE("fisor_policy: refuses shapes, parameters and options that do not fit") {
  backend::cpu be(1);
  agent const a(options());
  policy p(be, a.config, a.networks, a.parameters(), 2);
  auto const refusal = [&](index_t n, index_t states, index_t actions, std::vector<index_t> numbers, index_t infos) {
    tensor<float, 2> s(extents{n, states}), out(extents{n, actions});
    std::vector<rl::decision_info<float>> info(static_cast<std::size_t>(infos));
    return message_of<error>([&] {
      p.act(s.read(), {numbers.data(), extents{static_cast<index_t>(numbers.size())}}, philox_stream(0, 0), out.view(),
            {info.data(), extents{infos}});
    });
  };
  CHECK(refusal(3, 3, 2, {0, 1, 2}, 3) == "fisor_policy: states has shape (3, 3), expected (2, 3)");
  CHECK(refusal(2, 4, 2, {0, 1}, 2) == "fisor_policy: states has shape (2, 4), expected (2, 3)");
  CHECK(refusal(2, 3, 3, {0, 1}, 2) == "fisor_policy: actions has shape (2, 3), expected (2, 2)");
  CHECK(refusal(2, 3, 2, {0}, 2) == "fisor_policy: numbers has shape (1), expected (2)");
  CHECK(refusal(2, 3, 2, {0, 1}, 1) == "fisor_policy: info has shape (1), expected (2)");
  CHECK(refusal(2, 3, 2, {0, -1}, 2) == "fisor_policy: number -1 of decision 1 is negative");

  CHECK(message_of<argument_error>([&] { policy(be, a.config, a.networks, a.parameters(), 0); }) ==
        "fisor_policy: 0 decisions at a time, expected at least 1");
  fisor_config longer = a.config;
  longer.diffusion_steps = 9;
  CHECK(message_of<argument_error>([&] { policy(be, longer, a.networks, a.parameters()); }) ==
        "fisor_policy: diffusion_steps = 9, but the actor was built for 5");
  auto cut = a.parameters();
  cut.safety_value = cut.safety_value.rows(0, 10);
  CHECK(message_of<shape_error>([&] { policy(be, a.config, a.networks, cut); }).starts_with("fisor_policy: safety value parameters has shape (10)"));
}
