// The programs of docs/guidance.md.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/selection.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/diffusion/training.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/rl/controller.hpp>
#include <parapet/rl/distillation.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_agent.hpp>
#include <parapet/rl/one_step_agent.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>

using namespace parapet;

namespace {

/// Learns data of N(0.3, 0.5^2) weighted by exp(-3 (a - 1)^2), and samples the result, which is N(0.72, 0.32^2).
bool weighted_model() {
  backend::cpu be(1);
  constexpr index_t rows = 256, updates = 3000;
  nn::parameter_list list;
  diffusion::time_network const net(list, "model", {.dimension = 1, .out = 1, .width = 32, .hidden = 2});
  buffer<float> parameters(list.size()), first(list.size()), second(list.size()), gradient(list.size());
  buffer<float> data(rows), z(rows), w(rows), target(rows), weight(rows), values(rows), slope(rows);
  buffer<index_t> which(rows);
  list.initialize(parameters.view(), 0, 0);
  for (auto* moment : {&first, &second}) fill(be, moment->view(), 0.0f);
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return net.make_workspace<float>(m, rows, nn::mode::training); });
  extents<2> const shape{{rows, 1}};
  vector_view<float const> const p = parameters.view();

  diffusion::vp_linear const schedule;
  diffusion::training_levels<float> const levels(be, diffusion::quantile_levels(diffusion::uniform_time{schedule}, 1000), diffusion::v_prediction{});
  diffusion::training_batch<float> const batch{net.sample(work), work.time, target.view(shape), weight.view()};
  for (index_t update = 0; update < updates; ++update) {
    fill_normal(be, data.view(), philox_stream(0, 1), update * rows);
    fill_normal(be, z.view(), philox_stream(0, 2), update * rows);
    fill_below(be, which.view(), levels.size(), philox_stream(0, 3), update * rows);
    for (index_t i = 0; i < rows; ++i) {
      float const a = data.data()[i] = 0.3f + 0.5f * data.data()[i];
      w.data()[i] = -3 * (a - 1) * (a - 1);  // log w: -beta E
    }
    diffusion::normalize_log_weights(be, w.view());
    diffusion::noise_samples(be, levels, vector_view<index_t const>(which.view()), data.view(shape), z.view(shape), batch, w.view());
    auto const answer = net.forward(be, p, work);
    diffusion::denoising_loss(be, 1.0 / rows, answer, batch, values.view(shape), slope.view(shape));
    net.backward(be, p, work, matrix_view<float const>(slope.view(shape)), gradient.view());
    nn::update(be, nn::adam{}, nn::learning_rate::cosine(5e-3, updates)(update), update + 1, parameters.view(), nn::moments<float>{first.view(), second.view()},
               vector_view<float const>(gradient.view()));
  }

  diffusion::sampler const sampler(make_plan(diffusion::dpm_pp_multistep{}, schedule, diffusion::log_snr_grid{}, 10), diffusion::v_prediction{});
  auto const denoise = [&](backend::cpu& worker, matrix_view<float const> const& x, diffusion::noise_level const& level) {
    copy(worker, x, net.sample(work));
    fill(worker, work.time, static_cast<float>(diffusion::time_network::time_of(level)));
    return net.forward(worker, p, work);
  };
  arena<> sampler_memory;
  auto const sampler_work = plan(sampler_memory, [&](auto& m) { return sampler.make_workspace<float>(m, rows, 1); });
  sampler.run(be, denoise, diffusion::philox_noise{philox_stream(1, 1)}, data.view(shape), sampler_work);
  double const mean = static_cast<double>(sum(be, data.view())) / rows, square = static_cast<double>(sum(be, data.view(), math::square{})) / rows;
  std::printf("samples: mean %.2f, deviation %.2f\n", mean, std::sqrt(square - mean * mean));
  return std::abs(mean - 0.72) < 0.1;
}

/// A checkpoint to load: not trained long enough to drive anything.
void write_checkpoint(backend::cpu& be, rl::transitions<float> const& data) {
  auto config = rl::fisor_config::quickstart(200);
  rl::fisor<backend::cpu> learner(be, config, data);
  while (learner.step() < 200) learner.update();
  io::save_checkpoint("controller.safetensors", learner);
}

rl::transitions<float> random_log() {
  rl::transitions<float> data(2000, 2, 1);
  philox_stream const random(0, 1);
  for (index_t i = 0; i < data.size(); ++i) {
    data.state()(i, 0) = data.next_state()(i, 0) = 2 * random.uniform(4 * i) - 1;
    data.state()(i, 1) = data.next_state()(i, 1) = 2 * random.uniform(4 * i + 1) - 1;
    data.action()(i, 0) = 2 * random.uniform(4 * i + 2) - 1;
    data.reward()[i] = data.action()(i, 0);
    data.h()[i] = data.state()(i, 0) - 0.5f;
    data.cost()[i] = data.done()[i] = data.timeout()[i] = 0;
  }
  return data;
}

bool controlled() {
  using namespace std::chrono_literals;
  backend::cpu be(2);
  rl::controller robot(rl::fisor_agent(be, io::read_safetensors("controller.safetensors")), {.time_limit = 20ms});

  float const seen[] = {0.25f, -0.5f};
  rl::control const out = robot.act({seen, extents{2}});
  std::printf("action %.2f, V_h %.2f, %ld of %ld candidates feasible, %s\n", static_cast<double>(out.action[0]), static_cast<double>(out.safety_value),
              static_cast<long>(out.feasible), static_cast<long>(out.candidates), out.fallback ? "fallback" : "chosen");
  return std::isfinite(out.action[0]);
}

bool with_a_fallback() {
  backend::cpu be(1);
  // brakes: any callable that does not throw
  auto const brake = [](vector_view<float const> const& observation, vector_view<float> const& action) noexcept { action[0] = observation[1] > 0 ? -1.0f : 1.0f; };
  rl::controller robot(rl::fisor_agent(be, io::read_safetensors("controller.safetensors")), {.hand_over_infeasible = true}, brake);
  float const broken[] = {std::nanf(""), 0.5f};
  rl::control const out = robot.act({broken, extents{2}});
  return out.fallback && out.reason == rl::fallback_reason::observation && out.action[0] == -1;
}

bool distilled(backend::cpu& be, rl::transitions<float> const& data) {
  rl::fisor_model model(io::read_safetensors("controller.safetensors"));
  rl::one_step_policy student = rl::distill(be, model, data.state(), {.width = 32, .updates = 100}, [](index_t, double) {});
  io::save_checkpoint("student.safetensors", student);
  rl::controller robot(rl::one_step_agent(be, rl::one_step_policy::load(io::read_safetensors("student.safetensors")), std::move(model)));
  float const seen[] = {0.25f, -0.5f};
  return !robot.act({seen, extents{2}}).fallback;
}

/// Errors of a calibration: the worst h of an episode less what was predicted at its start.
bool calibrated() {
  std::vector<double> errors;
  for (index_t i = 0; i < 99; ++i) errors.push_back(0.1 * static_cast<double>(philox_stream(0, 1).normal(i)));
  double const margin = diffusion::conformal_margin(errors, 0.05);  // with 95 %: outcome <= prediction + margin
  diffusion::feasible_reward const select{-margin};
  float const q_reward[] = {1, 3, 2}, q_safety[] = {-0.5f, -0.1f, -0.6f};
  return select(vector_view<float const>(q_reward, extents{3}), vector_view<float const>(q_safety, extents{3})) == 2;
}

}  // namespace

int main() {
  bool const sampled = weighted_model();
  backend::cpu be(1);
  auto const data = random_log();
  write_checkpoint(be, data);
  return sampled && controlled() && with_a_fallback() && distilled(be, data) && calibrated() ? 0 : 1;
}
