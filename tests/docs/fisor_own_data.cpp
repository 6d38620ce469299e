// A cart on a line, with a wall at position 1: trains on arrays of one's own, saves, and acts from the file. Fails if the cart
// does not drive where it may, or does not brake where it must.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_model.hpp>
#include <parapet/rl/fisor_policy.hpp>

#include <cstdio>

using namespace parapet;

namespace {

/// Your log, one row a step, in any order. Here: position p and speed v, pushed by a at random; the wall is at p = 1.
rl::transitions<float> read_log(index_t rows) {
  rl::transitions<float> data(rows, 2, 1);  // rows, numbers of a state, numbers of an action
  philox_stream const random(0, 1);
  for (index_t i = 0; i < rows; ++i) {
    float const p = 4 * random.uniform(4 * i) - 2, v = 3 * random.uniform(4 * i + 1) - 1, a = 2 * random.uniform(4 * i + 2) - 1;
    data.state()(i, 0) = p;
    data.state()(i, 1) = v;
    data.action()(i, 0) = a;  // in [-1, 1]
    data.next_state()(i, 0) = p + 0.2f * v;
    data.next_state()(i, 1) = v + 0.2f * a;
    data.reward()[i] = 0.2f * v;
    data.h()[i] = p - 1;  // of `state`; violated where positive
    data.cost()[i] = p > 1 ? 1.0f : 0.0f;
    data.done()[i] = 0;     // 1 where an episode ends
    data.timeout()[i] = 0;  // 1 where it ends for time only
  }
  return data;
}

rl::fisor_config make_config() {
  auto config = rl::fisor_config::quickstart(1500);  // small networks; paper() has the published ones
  config.safety_discount = 0.95;                     // one step takes 0.2 s: need not see far
  config.feasible_margin = 0.1;
  config.target_rate = 0.02;
  return config;
}

void train() {
  backend::cpu be;  // all cores; the result does not depend on how many
  rl::transitions<float> const data = read_log(20000);
  rl::fisor<backend::cpu> learner(be, make_config(), data);
  while (learner.step() < 1500) learner.update();
  io::save_checkpoint("cart.safetensors", learner);
}

}  // namespace

int main() {
  train();

  // The controller: the file is enough.
  rl::fisor_model const model(io::read_safetensors("cart.safetensors"));
  backend::cpu be(1);
  rl::fisor_policy<backend::cpu> policy(be, model.config(), model.networks(), model.parameters(), 2);
  float const state[] = {-1.0f, 0.5f, 0.7f, 1.2f};
  index_t const number[] = {0, 1};  // of the decision: which noise it takes
  float action[2];
  rl::decision_info<float> info[2];
  policy.act({state, extents{2, 2}}, {number, extents{2}}, philox_stream(0, 2), {action, extents{2, 1}}, {info, extents{2}});
  for (int i = 0; i < 2; ++i)
    std::printf("p = %4.1f, v = %.1f: V_h = %5.2f, push %5.2f\n", state[2 * i], state[2 * i + 1], info[i].safety_value, action[i]);
  return info[0].safety_value < 0 && action[0] > 0.3f && info[1].safety_value > 0 && action[1] < -0.3f ? 0 : 1;
}
