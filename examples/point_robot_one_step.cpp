// A trained robot made fast: FISOR's five diffusion steps distilled into one evaluation, and both in the same trial.
//
//   student(z, s) learns what DDIM makes of noise z in state s;  candidates of either are judged by the same critics
//
//   point_robot_fisor --seeds 1 --out run                          trains
//   point_robot_one_step --checkpoint run/seed0.safetensors
//
// Prints return, violations and goals of both, with all candidates and with one, and how long a decision takes.
#include "support/arguments.hpp"
#include "support/point_robot_behaviour.hpp"
#include "support/point_robot_trial.hpp"
#include "support/progress.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/rl/controller.hpp>
#include <parapet/rl/distillation.hpp>
#include <parapet/rl/fisor_agent.hpp>
#include <parapet/rl/one_step_agent.hpp>
#include <parapet/rl/one_step_policy.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace parapet;
using support::robot;

namespace {

/// Plays the trial, one decision after the other as a robot would, and prints a row.
template <class Agent>
void play(support::point_robot_trial const& trial, char const* name, Agent agent) {
  rl::controller controller(std::move(agent));
  std::vector<double> times;
  index_t fallbacks = 0;
  auto const policy = [&](auto const& observations, auto const&, index_t, auto const& actions) {
    for (index_t i = 0; i < observations.extent(0); ++i) {
      rl::control const out = controller.act(observations(i));
      for (index_t j = 0; j < actions.extent(1); ++j) actions(i, j) = out.action[j];
      times.push_back(1e-6 * static_cast<double>(out.elapsed.count()));
      fallbacks += out.fallback;
    }
  };
  auto const score = trial.score_of(rl::roll_out(robot{}, trial.starts, policy));
  auto const edge = trial.score_of(rl::roll_out(robot{}, std::vector<robot::state>(20, robot::paper_start), policy));
  std::sort(times.begin(), times.end());
  std::printf("  %-26s %8.3f %16.0f %15.0f %15.1f %11.3f\n", name, score.total_reward, score.violation_steps, edge.violation_steps,
              100 * score.fair_in_goal, times[times.size() / 2]);
  if (fallbacks > 0) std::printf("  the fallback acted %ld times\n", static_cast<long>(fallbacks));
}

void run(support::arguments& args) {
  backend::cpu be(1);
  index_t const updates = args.number("updates", 1, 10'000'000);
  tensor_archive const checkpoint = io::read_safetensors(args.text("checkpoint"));
  rl::fisor_model const model(checkpoint);
  support::point_robot_behaviour const behaviour{philox_stream(0, 2)};
  auto const data = rl::log_transitions(support::logged_point_robot{}, args.number("transitions", 1, 100'000'000), philox_stream(0, 1), behaviour,
                                        [](index_t) {});

  support::progress bar("distilling", updates);
  rl::one_step_policy const student = rl::distill(be, model, data.state(), {.width = 64, .updates = updates},
                                                  [&](index_t update, double) { bar.update(update + 1); });
  io::save_checkpoint(args.text("out"), student);

  support::point_robot_trial const trial(be, args.number("episodes", 1, 1'000'000));
  std::printf("  %-26s %8s %16s %15s %15s %11s\n", "", "return", "violation steps", "from the edge", "where it can %", "median ms");
  for (index_t const candidates : {model.config().candidates, index_t{1}}) {
    auto const name = [&](char const* steps) {
      return steps + std::string(", ") + std::to_string(candidates) + (candidates == 1 ? " candidate" : " candidates");
    };
    rl::agent_options const options{.candidates = candidates, .rows = candidates};
    auto student_again = rl::one_step_policy::load(io::read_safetensors(args.text("out")));
    play(trial, name("five steps").c_str(), rl::fisor_agent(be, checkpoint, options));
    play(trial, name("one step").c_str(), rl::one_step_agent(be, std::move(student_again), rl::fisor_model(checkpoint), options));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Distils a point robot's controller into one step and compares the two.",
                          {{"checkpoint", "point_robot_fisor/seed0.safetensors", "of point_robot_fisor"},
                           {"updates", "20000", "of the student"},
                           {"transitions", "100000", "rows of logged states"},
                           {"episodes", "100", "episodes of evaluation"},
                           {"out", "one_step.safetensors", "the student"}});
  run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "point_robot_one_step: %s\n", e.what());
  return 1;
}
