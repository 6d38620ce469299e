// FISOR's losses and weights in closed form: every network is a constant, every transition the same.

#include <doctest/doctest.h>

#include "rl/fisor_on_cpu.hpp"
#include "support/fisor_problem.hpp"

#include <algorithm>
#include <cmath>

using namespace parapet;
using support::parameter_of;
using learner = rl::fisor<backend::cpu>;

namespace {

/// A draw without chance: rows of the data in turn, diffusion steps in turn, noise 1 and -1.
struct in_turn {
  PARAPET_FN index_t row(std::uint64_t, index_t i, index_t rows) const { return i % rows; }
  PARAPET_FN index_t step(std::uint64_t, index_t i, index_t steps) const { return i % steps; }
  PARAPET_FN float noise(std::uint64_t, index_t i) const { return i % 2 == 0 ? 1.0f : -1.0f; }
};

struct transition {
  float reward = 0.5f, h = -1, cost = 0, done = 0, timeout = 0;
};
/// What the networks say everywhere: two members of each critic, and of its target.
struct values {
  float q[2] = {0.25f, 0.75f}, q_target[2] = {0.5f, 1.0f}, v = 0.125f;
  float qh[2] = {-0.75f, -0.5f}, qh_target[2] = {-0.5f, -0.25f}, vh = -0.375f;
};

rl::fisor_losses losses_of(rl::fisor_config config, transition const& t, values const& n = {}) {
  backend::cpu be(1);
  rl::transitions<float> data(4, 3, 2);
  for (index_t i = 0; i < 4; ++i) {
    fill(be, data.state()(i), 0.5f);
    fill(be, data.next_state()(i), -0.5f);
    fill(be, data.action()(i), 0.0f);
    data.reward()[i] = t.reward;
    data.h()[i] = t.h;
    data.cost()[i] = t.cost;
    data.done()[i] = t.done;
    data.timeout()[i] = t.timeout;
  }
  config.critic_learning_rate = config.actor_learning_rate = 0;  // targets take V after its step, the loss the actor after its first
  learner l(be, config, data);
  for (auto const& p : support::parameters_of(l, [](std::string const&) { return true; })) fill(be, p, 0.0f);
  auto const set = [&](std::string const& name, float value) { parameter_of(l, name)[0] = value; };
  for (std::size_t m : {0u, 1u}) {
    std::string const member = std::to_string(m) + ".output.bias";
    set("reward_critic." + member, n.q[m]);
    set("follower.reward_critic." + member, n.q_target[m]);
    set("safety_critic." + member, n.qh[m]);
    set("follower.safety_critic." + member, n.qh_target[m]);
  }
  set("reward_value.output.bias", n.v);
  set("safety_value.output.bias", n.vh);
  return l.update(in_turn{});
}

double squared(double x) { return x * x; }
/// Mean over the two members of a critic.
double critic_loss(float const (&q)[2], double target) { return 0.5 * (squared(q[0] - target) + squared(q[1] - target)); }

bool near(double a, double b) { return std::abs(a - b) <= 2e-6 * (1 + std::abs(b)); }

}  // namespace

TEST_CASE("fisor: losses of values and critics") {
  rl::fisor_config const c = support::small_fisor();
  values const n;
  transition const t;
  auto const losses = losses_of(c, t);
  CHECK(near(losses.reward_value, 0.9 * squared(0.5 - n.v)));           // the smaller target lies above V_r
  CHECK(near(losses.safety_value, 0.1 * squared(-0.25 - n.vh)));        // the larger one lies above V_h
  CHECK(near(losses.reward_critic, critic_loss(n.q, 0.5 + 0.99 * n.v)));
  CHECK(near(losses.safety_critic, critic_loss(n.qh, 0.01 * -1 + 0.99 * n.vh)));

  values other = n;
  other.v = 0.875f;
  other.vh = -0.125f;
  auto const reversed = losses_of(c, t, other);
  CHECK(near(reversed.reward_value, 0.1 * squared(0.5 - other.v)));
  CHECK(near(reversed.safety_value, 0.9 * squared(-0.25 - other.vh)));

  rl::fisor_config expectiles = c;
  expectiles.reward_expectile = 0.7;
  expectiles.safety_expectile = 0.8;
  CHECK(near(losses_of(expectiles, t).reward_value, 0.7 * squared(0.5 - n.v)));
  CHECK(near(losses_of(expectiles, t).safety_value, 0.2 * squared(-0.25 - n.vh)));
}

TEST_CASE("fisor: an end and a cut, with timeout_is_terminal and without") {
  rl::fisor_config published = support::small_fisor(), going_on = published;
  going_on.timeout_is_terminal = false;
  values const n;
  transition const end{.done = 1}, cut{.done = 1, .timeout = 1};
  double const at_end = critic_loss(n.q, 0.5), beyond = critic_loss(n.q, 0.5 + 0.99 * n.v);
  double const safe_at_end = critic_loss(n.qh, -1), safe_beyond = critic_loss(n.qh, 0.01 * -1 + 0.99 * n.vh);
  CHECK(near(losses_of(published, end).reward_critic, at_end));
  CHECK(near(losses_of(going_on, end).reward_critic, at_end));
  CHECK(near(losses_of(published, cut).reward_critic, at_end));
  CHECK(near(losses_of(going_on, cut).reward_critic, beyond));
  CHECK(near(losses_of(published, cut).safety_critic, safe_at_end));
  CHECK(near(losses_of(going_on, cut).safety_critic, safe_beyond));
  CHECK(near(losses_of(published, {.timeout = 1}).reward_critic, at_end));  // a cut that its writer did not call an end
}

TEST_CASE("fisor: violation_scale enlarges h above 0 only") {
  rl::fisor_config c = support::small_fisor();
  c.violation_scale = 25;
  values const n;
  CHECK(near(losses_of(c, {.h = 0.5f, .done = 1}).safety_critic, critic_loss(n.qh, 12.5)));
  CHECK(near(losses_of(c, {.h = -0.5f, .done = 1}).safety_critic, critic_loss(n.qh, -0.5)));
}

TEST_CASE("fisor: cumulative_cost sums costs, and judges by the limit") {
  rl::fisor_config c = support::small_fisor();
  c.safety = rl::safety_target::cumulative_cost;
  c.violation_scale = 25;  // of h, which plays no part
  c.safety_discount = 0.5;
  c.episode_length = 2;
  c.cost_limit = 4;
  CHECK(near(c.cost_threshold(), 4 * (1 + 0.5) / 2));
  values n;
  CHECK(near(losses_of(c, {.h = 7, .cost = 2}).safety_critic, critic_loss(n.qh, 2 + 0.5 * n.vh)));
  CHECK(near(losses_of(c, {.h = 7, .cost = 2, .done = 1}).safety_critic, critic_loss(n.qh, 2)));

  // V_h and Q_h are below the limit of 3: reward decides
  n.vh = 2.5f;
  n.qh_target[0] = 2.75f;
  CHECK(near(losses_of(c, {}, n).mean_weight, std::exp(3 * (0.5 - n.v))));
  n.vh = 3.25f;
  CHECK(near(losses_of(c, {}, n).mean_weight, std::exp(5 * (3.25 - 2.75))));
}

TEST_CASE("fisor: the actor's weight takes target critics, online values and the margin") {
  rl::fisor_config c = support::small_fisor();
  values n;
  auto const feasible = losses_of(c, {}, n);
  CHECK(near(feasible.mean_weight, std::exp(3 * (0.5 - n.v))));
  CHECK(near(feasible.effective_sample_size, 1));
  n.vh = 0.125f;
  CHECK(near(losses_of(c, {}, n).mean_weight, std::exp(5 * (0.125 + 0.25))));
  c.feasible_margin = 0.4375;  // now Q_h = -0.25 is not safe enough, nor is V_h = -0.375
  n.vh = -0.375f;
  CHECK(near(losses_of(c, {}, n).mean_weight, std::exp(5 * (-0.375 + 0.25))));
  CHECK(near(feasible.actor, 2 * feasible.mean_weight));  // a network that says 0 errs by the noise: 1 in each of two dimensions
}

TEST_CASE("fisor: a batch of weights 0 leaves the actor as it is") {
  backend::cpu be(1);
  auto const data = support::random_transitions();
  learner l(be, support::small_fisor(), data), untouched(be, support::small_fisor(), data);
  parameter_of(l, "safety_value.output.bias")[0] = -100;  // feasible states
  parameter_of(l, "follower.safety_critic.0.output.bias")[0] = 100;  // and no action that keeps them so
  auto const losses = l.update(in_turn{});
  CHECK(losses.actor == 0);
  CHECK(losses.mean_weight == 0);
  CHECK(losses.effective_sample_size == 0);
  CHECK(losses.finite());
  for (char const* name : {"actor.net.output.weight", "actor.time.frequencies", "follower.actor.net.input.weight"})
    for (index_t i = 0; i < parameter_of(l, name).size(); ++i) CHECK(parameter_of(l, name)[i] == parameter_of(untouched, name)[i]);
}
