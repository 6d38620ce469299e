// The learner and the policy against the authors' JAX code: goldens/fisor/README.md says what the files hold.
#include <parapet/rl/fisor_policy.hpp>

#include <parapet/diffusion/ddpm.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/safetensors.hpp>

#include "rl/fisor_on_cpu.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

using namespace parapet;

namespace {

constexpr index_t rows = 32, states = 5, actions = 2;

/// Their float32 results are themselves off by 7e-7; in double only the order of sums differs.
template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-5 : 1e-12;

tensor_archive const& inputs() {
  static tensor_archive const file = io::read_safetensors("goldens/fisor/inputs.safetensors");
  return file;
}
template <class T>
tensor_archive const& expected() {
  static tensor_archive const file =
      io::read_safetensors(std::is_same_v<T, float> ? "goldens/fisor/expected.f32.safetensors" : "goldens/fisor/expected.f64.safetensors");
  return file;
}

std::vector<double> numbers(const_tensor_ref const& from) {
  std::vector<double> out(static_cast<std::size_t>(from.size()));
  io::convert(from, {from.name, scalar_type::f64, from.shape, reinterpret_cast<unsigned char*>(out.data())});
  return out;
}

/// Checks max |got - expected| <= tolerance max |expected| over the array `name`, from its element `first` on.
template <class T>
void check(std::string const& name, T const* got, index_t count, double factor = 1, index_t first = 0) {
  CAPTURE(name);
  std::vector<double> const all = numbers(expected<T>().at(name));
  REQUIRE(first + count <= static_cast<index_t>(all.size()));
  double worst = 0, scale = 0;
  for (index_t i = 0; i < count; ++i) {
    double const want = all[static_cast<std::size_t>(first + i)], error = std::abs(factor * static_cast<double>(got[i]) - want);
    worst = error <= worst ? worst : error;  // a NaN stays
    scale = std::max(scale, std::abs(want));
  }
  CHECK(worst <= tolerance<T> * scale);
}
template <class T, class View>
void check_all(std::string const& name, View const& got) {
  REQUIRE(got.size() == expected<T>().at(name).size());
  check<T>(name, got.data(), got.size());
}
template <class T>
void check_number(std::string const& name, double got, index_t i = 0) {
  T const value = static_cast<T>(got);
  check<T>(name, &value, 1, 1, i);
}

/// The authors' configuration at the sizes of the goldens.
rl::fisor_config small() {
  auto c = rl::fisor_config::paper();
  c.critic_width = c.condition_width = 12;
  c.time_features = 8;
  c.actor_width = 16;
  c.actor_blocks = 2;
  c.actor_batch = 16;
  c.critic_batch = 32;
  c.action_limit = 1;
  c.seed = 7;
  c.shards = 1;
  return c;
}

/// Rows of the batch in their order, diffusion steps and noise of the files; dropout comes from the learner's own streams.
struct injected {
  index_t const* time = inputs().view<index_t, 3>("noise.time").data();
  float const* z = inputs().view<float, 4>("noise.z").data();
  index_t row(std::uint64_t, index_t i, index_t data_rows) const { return i % data_rows; }
  index_t step(std::uint64_t, index_t i, index_t) const { return time[i]; }
  float noise(std::uint64_t, index_t i) const { return z[i]; }
};

/// A learner with the files' batch and parameters.
template <class T>
struct session {
  backend::cpu be{2};
  rl::transitions<T> data{rows, states, actions};
  rl::fisor<backend::cpu, T> learner;

  explicit session(rl::fisor_config const& config) : learner(be, config, filled(data)) {
    for (tensor_ref const& tensor : learner.tensors())
      if (golden const from(tensor.name); inputs().contains(from.name)) {
        const_tensor_ref part = inputs().at(from.name);
        part.shape = tensor.shape;
        part.data += from.member * part.bytes();
        io::convert(part, tensor);
      }
  }

  /// Where a tensor of the learner is in the files: they call averages and targets `target`, and stack the two critics of a pair.
  struct golden {
    std::string name;
    index_t member = 0;
    explicit golden(std::string const& own) : name(own) {
      if (std::string const prefix = "follower."; name.starts_with(prefix)) name = "target." + name.substr(prefix.size());
      for (char const* pair : {"reward_critic.", "safety_critic."})
        if (std::size_t const at = name.find(pair); at != name.npos) {
          std::size_t const digit = at + std::string(pair).size();
          member = name[digit] - '0';
          name.erase(digit, 2);
        }
    }
  };

private:
  static rl::transitions<T> const& filled(rl::transitions<T>& data) {
    auto const take = [](char const* name, auto const& to) {
      std::vector<double> const from = numbers(inputs().at(std::string("batch.") + name));
      std::copy(from.begin(), from.end(), to.data());
    };
    take("observations", data.state());
    take("actions", data.action());
    take("next_observations", data.next_state());
    take("rewards", data.reward());
    take("costs", data.h());
    take("masks", data.done());
    for (index_t i = 0; i < rows; ++i) {
      data.done()[i] = 1 - data.done()[i];
      data.timeout()[i] = 0;
      data.cost()[i] = data.h()[i];
    }
    return data;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("noise schedules and the learning rate are the authors'", T, float, double) {
  using diffusion::noise_schedule;
  auto const check_schedule = [](std::string const& name, noise_schedule const& schedule) {
    std::vector<T> beta, alpha_bar;
    for (index_t i = 0; i < schedule.steps(); ++i) {
      beta.push_back(static_cast<T>(schedule.beta(i)));
      alpha_bar.push_back(static_cast<T>(schedule.alpha_bar(i)));
    }
    check<T>("schedule." + name + ".betas", beta.data(), schedule.steps());
    check<T>("schedule." + name + ".alpha_hats", alpha_bar.data(), schedule.steps());
  };
  check_schedule("vp", noise_schedule::vp(5));
  check_schedule("cosine", noise_schedule::cosine(5));
  check_schedule("linear", noise_schedule::linear(5));
  check_number<T>("qc_threshold", small().cost_threshold());
  auto const steps = expected<T>().template view<index_t, 1>("learning_rate.steps");
  std::vector<T> rates;
  for (index_t i = 0; i < steps.size(); ++i)
    rates.push_back(static_cast<T>(nn::learning_rate::cosine(small().actor_learning_rate, 3'000'000)(steps[i])));
  check<T>("learning_rate.values", rates.data(), steps.size());
}

TEST_CASE_TEMPLATE("networks, Bellman targets and weights are the authors'", T, float, double) {
  session<T> s(small());
  auto const& nets = s.learner.networks();
  arena<host_space> memory;
  auto const w = plan(memory, [&](auto& m) { return nets.actor.template make_workspace<backend::cpu, T>(s.be, m, rows, nn::mode::inference); });
  support::tensor<index_t, 1> step(extents{rows});
  auto const check_actor = [&](std::string const& name, matrix_view<T const> const& parameters) {
    copy(s.be, matrix_view<T const>(std::as_const(s.data).state()), nets.actor.state(w));
    auto const x = numbers(inputs().at("forward.noisy_actions"));
    for (index_t i = 0; i < rows * actions; ++i) nets.actor.action(w)(i / actions, i % actions) = static_cast<T>(x[static_cast<std::size_t>(i)]);
    nets.actor.embed_steps(s.be, parameters, w);
    for (index_t t = 0; t < 5; ++t) {
      fill(s.be, step.view(), t);
      check<T>(name, nets.actor.forward(s.be, parameters, step.read(), w).data(), rows * actions, 1, t * rows * actions);
    }
  };
  check_actor("forward.actor", s.learner.state().actor.parameters());
  check_actor("forward.target.actor", s.learner.state().actor.followers());

  support::tensor<T, 2> both(extents{rows, states + actions});
  copy(s.be, matrix_view<T const>(std::as_const(s.data).state()), both.view().columns(0, states));
  copy(s.be, matrix_view<T const>(std::as_const(s.data).action()), both.view().columns(states, states + actions));
  auto const run = [&](auto const& network, matrix_view<T const> const& parameters, matrix_view<T const> const& x) {
    arena<host_space> own;
    auto const work = plan(own, [&](auto& m) { return network.template make_workspace<T>(m, rows, nn::mode::inference, parameters.extent(0)); });
    auto const y = network.forward(s.be, parameters, repeated(x, 1), work);
    return std::vector<T>(y.data(), y.data() + y.size());
  };
  auto const targets = s.learner.state().critics.followers(), critics = s.learner.state().critics.parameters();
  auto const values = s.learner.state().values.parameters();
  auto const q_r = run(nets.critic, targets.rows(0, 2), both.read());
  auto const q_h = run(nets.critic, targets.rows(2, 4), both.read());
  auto const v_r = run(nets.value, values.rows(0, 1), std::as_const(s.data).state());
  auto const v_h = run(nets.value, values.rows(1, 2), std::as_const(s.data).state());
  auto const next_r = run(nets.value, values.rows(0, 1), std::as_const(s.data).next_state());
  auto const next_h = run(nets.value, values.rows(1, 2), std::as_const(s.data).next_state());
  auto const check_values = [](std::string const& name, std::vector<T> const& y) {
    check_all<T>(name, vector_view<T const>(y.data(), extents{static_cast<index_t>(y.size())}));
  };
  check_values("forward.reward_critic", run(nets.critic, critics.rows(0, 2), both.read()));
  check_values("forward.safety_critic", run(nets.critic, critics.rows(2, 4), both.read()));
  check_values("forward.target.reward_critic", q_r);
  check_values("forward.target.safety_critic", q_h);
  check_values("forward.reward_value", v_r);
  check_values("forward.safety_value", v_h);
  check_values("forward.reward_value.next", next_r);
  check_values("forward.safety_value.next", next_h);

  std::vector<T> reward, safety, cost, weight, weight_qc;
  T const threshold = static_cast<T>(small().cost_threshold());
  for (std::size_t i = 0; i < std::size_t{rows}; ++i) {
    auto const k = static_cast<index_t>(i);
    T const mask = 1 - s.data.done()[k], h = s.data.h()[k];
    reward.push_back(rl::reward_backup{0.99}(s.data.reward()[k], mask, next_r[i]));
    safety.push_back(rl::safety_backup{0.99}(h, mask, next_h[i]));
    cost.push_back(rl::reward_backup{0.99}(h, mask, next_h[i]));
    T const q = std::min(q_r[i], q_r[i + rows]), qh = std::max(q_h[i], q_h[i + rows]);
    diffusion::feasibility_weight{}(weight.emplace_back(), q, v_r[i], qh, v_h[i]);
    diffusion::feasibility_weight{}(weight_qc.emplace_back(), q, v_r[i], qh - threshold, v_h[i] - threshold);
  }
  check_values("bellman.reward", reward);
  check_values("bellman.safety", safety);
  check_values("bellman.safety.qc", cost);
  check_values("weights", weight);
  check_values("weights.qc", weight_qc);
}

// Adam's first moment after one step is a tenth of the gradient; without a learning rate all are from the same parameters.
TEST_CASE_TEMPLATE("every loss and its gradient are the authors'", T, float, double) {
  auto config = small();
  config.actor_learning_rate = config.critic_learning_rate = 0;
  auto const check_gradient = [](session<T>& s, std::string const& network) {
    int found = 0;
    for (tensor_ref const& tensor : s.learner.tensors()) {
      std::string const prefix = "first_moment.";
      if (!tensor.name.starts_with(prefix + network)) continue;
      typename session<T>::golden const at(tensor.name.substr(prefix.size()));
      check<T>("gradient." + at.name, reinterpret_cast<T const*>(tensor.data), tensor.size(), 10, at.member * tensor.size());
      ++found;
    }
    CHECK(found > 0);
  };
  for (index_t shards : {1, 4}) {
    config.shards = shards;
    session<T> critics(config);
    auto const losses = critics.learner.update(injected{});
    check_number<T>("loss.reward_value", losses.reward_value);
    check_number<T>("loss.reward_critic", losses.reward_critic);
    check_number<T>("loss.safety_value", losses.safety_value);
    check_number<T>("loss.safety_critic", losses.safety_critic);
    check_number<T>("loss.actor", losses.actor, 1);
    for (char const* network : {"reward_value", "reward_critic", "safety_value", "safety_critic"}) check_gradient(critics, network);

    auto one_step = config;
    one_step.actor_steps = 1;
    one_step.critic_batch = 16;
    session<T> actor(one_step);
    check_number<T>("loss.actor", actor.learner.update(injected{}).actor, 0);
    check_gradient(actor, "actor");
  }
}

TEST_CASE_TEMPLATE("one and three full updates lead where the authors' lead", T, float, double) {
  for (index_t shards : {1, 2, 4}) {
    auto config = small();
    config.shards = shards;
    session<T> s(config);
    for (index_t u = 0; u < 3; ++u) {
      auto const losses = s.learner.update(injected{});
      check_number<T>("update.loss.reward_value", losses.reward_value, u);
      check_number<T>("update.loss.reward_critic", losses.reward_critic, u);
      check_number<T>("update.loss.safety_value", losses.safety_value, u);
      check_number<T>("update.loss.safety_critic", losses.safety_critic, u);
      check_number<T>("update.loss.actor", losses.actor, 2 * u + 1);
      check_number<T>("update.mean_weight", losses.mean_weight, 2 * u + 1);
      if (u == 1) continue;
      int found = 0;
      for (tensor_ref const& tensor : s.learner.tensors()) {
        typename session<T>::golden const at(tensor.name);
        if (!inputs().contains(at.name)) continue;
        check<T>("after_" + std::to_string(u + 1) + "." + at.name, reinterpret_cast<T const*>(tensor.data), tensor.size(), 1,
                 at.member * tensor.size());
        ++found;
      }
      CHECK(found == 102);
    }
  }
}

TEST_CASE_TEMPLATE("the variants for cumulative cost and for behaviour cloning are the authors'", T, float, double) {
  auto config = small();
  config.safety = rl::safety_target::cumulative_cost;
  session<T> cost(config);
  auto losses = cost.learner.update(injected{});
  check_number<T>("update.qc.loss.safety_value", losses.safety_value);
  check_number<T>("update.qc.loss.safety_critic", losses.safety_critic);
  check_number<T>("update.qc.loss.actor", losses.actor, 1);
  check_number<T>("update.qc.mean_weight", losses.mean_weight, 1);

  config = small();
  config.objective = rl::actor_objective::behaviour_cloning;
  session<T> cloning(config);
  losses = cloning.learner.update(injected{});
  check_number<T>("update.bc.loss.actor", losses.actor, 1);
  check_number<T>("update.bc.mean_weight", losses.mean_weight, 1);
}

TEST_CASE_TEMPLATE("reverse steps with the authors' noise give their samples", T, float, double) {
  session<T> s(small());
  auto const& actor = s.learner.networks().actor;
  constexpr index_t samples = 16;
  arena<host_space> memory;
  auto const w = plan(memory, [&](auto& m) { return actor.template make_workspace<backend::cpu, T>(s.be, m, samples, nn::mode::inference); });
  auto const observation = numbers(inputs().at("sampler.observation")), drawn = numbers(inputs().at("sampler.noise"));
  for (index_t i = 0; i < samples * states; ++i)
    actor.state(w)(i / states, i % states) = static_cast<T>(observation[static_cast<std::size_t>(i % states)]);
  actor.embed_steps(s.be, s.learner.state().actor.followers(), w);

  support::tensor<T, 2> x(extents{samples, actions}), z(extents{samples, actions});
  support::tensor<index_t, 1> step(extents{samples});
  auto const noise = [&](backend::cpu&, index_t draw, matrix_view<T> const& to) {
    for (index_t i = 0; i < to.size(); ++i) to.data()[i] = static_cast<T>(drawn[static_cast<std::size_t>(draw * to.size() + i)]);
  };
  auto const denoise = [&](backend::cpu& be, matrix_view<T const> const& at, index_t i) {
    check<T>("sampler.states", at.data(), at.size(), 1, (4 - i) * at.size());
    fill(be, step.view(), i);
    copy(be, at, actor.action(w));
    auto const epsilon = actor.forward(be, s.learner.state().actor.followers(), step.read(), w)(0);
    check<T>("sampler.predictions", epsilon.data(), epsilon.size(), 1, (4 - i) * at.size());
    return epsilon;
  };
  diffusion::ddpm_sampler(s.learner.schedule(), {.clip = 1}).run(s.be, denoise, noise, x.view(), z.view());
  check_all<T>("sampler.actions", x.read());
}

TEST_CASE("the policy plays the authors' action") {
  for (auto const& [rule, name] : {std::pair{rl::selection::min_safety, "minqc"}, std::pair{rl::selection::max_reward, "maxq"}}) {
    auto config = small();
    config.choose = rule;
    session<float> s(config);
    auto const& learner = s.learner;
    rl::fisor_policy<backend::cpu> policy(s.be, config, learner.networks(), learner.parameters());
    support::tensor<float, 2> action(extents{index_t{1}, actions});
    index_t const number = 0;
    rl::decision_info<float> info{};
    policy.act(matrix_view<float const>(inputs().view<float, 1>("sampler.observation").data(), extents{index_t{1}, states}),
               vector_view<index_t const>(&number, extents{index_t{1}}), philox_stream(config.seed, 2), action.view(),
               vector_view<rl::decision_info<float>>(&info, extents{index_t{1}}));
    std::string const prefix = std::string("sampler.") + name;
    check_all<float>(prefix + ".action", action.read());
    index_t const chosen = expected<float>().view<index_t, 1>(prefix + ".index")[0];
    check_number<float>("sampler.safety", info.safety_critic, chosen);
    check_number<float>("sampler.reward", info.reward_critic, chosen);
    auto const safety = numbers(expected<float>().at("sampler.safety"));
    CHECK(info.feasible == std::count_if(safety.begin(), safety.end(), [](double q) { return q <= 0; }));
  }
}
