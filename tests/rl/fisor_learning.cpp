// FISOR learns a problem of two steps whose values and policy are known in closed form.
//
// From the start, action a in [-1, 1] earns a and leads to a state x = a, which ends the episode with h = (x - 0.3) / 2 and
// no reward, whatever is done there. The data has every action equally often. With both discounts at 0.9 and h = -1 at the start
//
//     Q_r(start, a) = a,    Q_h(start, a) = -0.1 + 0.9 (a - 0.3) / 2,    V_h(x) = (x - 0.3) / 2
//
// and the policy at the start is exp(alpha a) on the feasible actions a <= 0.522.
#include <parapet/diffusion/ddpm.hpp>

#include <doctest/doctest.h>

#include "rl/fisor_on_cpu.hpp"
#include "support/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

using namespace parapet;
using learner = rl::fisor<backend::cpu>;
using support::tensor;

namespace {

rl::transitions<float> log_both_steps(index_t size) {
  rl::transitions<float> data(size, 2, 1);
  philox_stream const random(1, 0);
  for (index_t i = 0; i < size; ++i) {
    bool const end = i % 2 == 1;
    float const a = 2 * random.uniform(2 * i) - 1, x = 2 * random.uniform(2 * i + 1) - 1;
    data.state()(i, 0) = end ? 1 : 0;
    data.state()(i, 1) = end ? x : 0;
    data.action()(i, 0) = a;
    data.next_state()(i, 0) = 1;
    data.next_state()(i, 1) = a;
    data.reward()[i] = end ? 0 : a;
    data.h()[i] = end ? (x - 0.3f) / 2 : -1;
    data.cost()[i] = data.h()[i] > 0;
    data.done()[i] = end;
    data.timeout()[i] = 0;
  }
  return data;
}

rl::fisor_config options(index_t updates) {
  rl::fisor_config c;
  c.critic_width = c.actor_width = 32;
  c.actor_blocks = 1;
  c.time_features = c.condition_width = 8;
  c.dropout = 0;
  c.actor_batch = 128;
  c.actor_steps = 1;
  c.critic_batch = 64;
  c.discount = c.safety_discount = 0.9;
  c.reward_expectile = c.safety_expectile = 0.8;
  c.target_rate = 0.05;
  c.actor_average_rate = 0.02;
  c.critic_learning_rate = c.actor_learning_rate = 4e-3;
  c.critic_cosine_horizon = c.cosine_horizon = static_cast<double>(updates);
  c.shards = 1;
  return c;
}

/// Mean output of networks of one topology.
double evaluate(backend::cpu& be, rl::fisor_networks::mlp const& network, matrix_view<float const> parameters,
                std::initializer_list<float> input) {
  index_t const networks = parameters.extent(0);
  arena<> memory;
  auto const w = plan(memory, [&](auto& m) { return network.make_workspace<float>(m, 1, nn::mode::inference, networks); });
  matrix_view<float const> const x(input.begin(), extents{index_t{1}, static_cast<index_t>(input.size())});
  auto const y = network.forward(be, parameters, repeated(x, 1), w);
  return static_cast<double>(sum(be, flatten(y))) / static_cast<double>(networks);
}

/// 1000 actions of the averaged actor at the start.
tensor<float, 2> sample(backend::cpu& be, learner const& l) {
  index_t const n = 1000;
  auto const& net = l.networks().actor;
  arena<> memory;
  auto const w = plan(memory, [&](auto& m) { return net.make_workspace<backend::cpu, float>(be, m, n, nn::mode::inference); });
  tensor<float, 2> x(extents{n, index_t{1}}), z(x.shape());
  tensor<index_t, 1> which(extents{n});
  fill(be, net.state(w), 0.0f);
  net.embed_steps(be, l.state().actor.followers(), w);
  auto const denoise = [&](backend::cpu& worker, matrix_view<float const> const& now, index_t step) {
    fill(worker, which.view(), step);
    copy(worker, now, net.action(w));
    return net.forward(worker, l.state().actor.followers(), which.read(), w)(0);
  };
  diffusion::ddpm_sampler(l.schedule(), {.clip = 1}).run(be, denoise, diffusion::philox_noise{philox_stream(2, 0)}, x.view(), z.view());
  return x;
}

std::pair<double, double> mean_and_excess(tensor<float, 2> const& actions, float limit) {
  double mean = 0, excess = 0;
  for (index_t i = 0; i < actions.size(); ++i) {
    mean += static_cast<double>(actions.flat()[i]) / static_cast<double>(actions.size());
    excess += (actions.flat()[i] > limit) / static_cast<double>(actions.size());
  }
  return {mean, excess};
}

}  // namespace

TEST_CASE("fisor learns the values and the policy of a problem with a known answer") {
  backend::cpu be(1);
  auto const data = log_both_steps(2000);
  index_t const updates = 1200;
  learner l(be, options(updates), data);
  for (index_t i = 0; i < updates; ++i) l.update();

  for (float const a : {-0.8f, -0.3f, 0.2f, 0.7f}) {
    CAPTURE(a);
    auto const p = l.parameters();
    CHECK(std::abs(evaluate(be, l.networks().critic, p.critics.rows(0, 2), {0, 0, a}) - a) < 0.1);
    CHECK(std::abs(evaluate(be, l.networks().critic, p.critics.rows(2, 4), {0, 0, a}) - (-0.1 + 0.45 * (a - 0.3))) < 0.05);
    CHECK(std::abs(evaluate(be, l.networks().value, repeated(p.safety_value, 1), {1, a}) - (a - 0.3) / 2) < 0.05);
  }
  // expectiles of uniform numbers: (1 - v) / (1 + v) = 1 / 2 at level 0.8, so v = 1 / 3 of their range
  CHECK(std::abs(evaluate(be, l.networks().value, l.state().values.parameters().rows(0, 1), {0, 0}) - 1.0 / 3) < 0.07);
  CHECK(std::abs(evaluate(be, l.networks().value, l.state().values.parameters().rows(1, 2), {0, 0}) - (-0.1 + 0.45 * (-1.0 / 3 - 0.3))) < 0.05);

  double const alpha = 3, b = 0.3 + 0.1 / 0.45, low = std::exp(-alpha), high = std::exp(alpha * b);
  auto const [mean, excess] = mean_and_excess(sample(be, l), static_cast<float>(b) + 0.15f);
  CHECK(std::abs(mean - ((b * high + low) / (high - low) - 1 / alpha)) < 0.1);  // 0.205
  CHECK(excess < 0.05);
}

TEST_CASE("fisor clones behaviour where it is asked to") {
  backend::cpu be(1);
  auto const data = log_both_steps(2000);
  index_t const updates = 600;
  learner l(be, options(updates).behaviour_cloning(), data);
  for (index_t i = 0; i < updates; ++i) l.update();
  auto const [mean, excess] = mean_and_excess(sample(be, l), 0.5f);
  CHECK(std::abs(mean) < 0.1);
  CHECK(std::abs(excess - 0.25) < 0.15);  // five steps draw the tails in
}
