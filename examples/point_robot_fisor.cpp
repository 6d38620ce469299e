// A robot among hazards learns to drive from logged data alone: safe wherever safety is possible, then fast to the goal.
//
//   V_h(s) = the worst h ahead under the best action;  {V_h <= 0} is the largest feasible set
//   inside it maximise reward, outside it minimise risk, by a diffusion policy trained on weighted data (FISOR, ICLR 2024)
//
//   cmake -P cmake/quickstart.cmake            builds and runs this program; `point_robot_fisor --help` lists its options
//
// Prints a table of returns and violations, and writes point_robot_fisor.svg, the data set and a checkpoint into --out.
#include "support/arguments.hpp"
#include "support/point_robot_behaviour.hpp"
#include "support/point_robot_figure.hpp"
#include "support/point_robot_trial.hpp"
#include "support/progress.hpp"
#include "support/training_on.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/fisor_policy.hpp>
#if defined(WITH_XTENSOR)
#include <parapet/io/npy.hpp>
#endif
#if defined(WITH_HDF5)
#include <parapet/io/hdf5.hpp>
#endif

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

using namespace parapet;
using support::robot;
using support::training;

namespace {

/// 1. Log experience, write it, and go on with what was read back.
rl::transitions<float> log_data(index_t size, std::uint64_t seed, std::string const& out) {
  support::progress bar("logging", size);
  support::point_robot_behaviour const behaviour{philox_stream(seed, 2)};
  auto const data = rl::log_transitions(support::logged_point_robot{}, size, philox_stream(seed, 1), behaviour, [&](index_t row) { bar.update(row); });
  std::vector<std::string> names;
  for (auto const& tensor : data.tensors()) names.push_back(tensor.name);
#if defined(WITH_HDF5)
  io::write_hdf5(out + "/point_robot.hdf5", data.tensors(), {});
  std::vector<io::hdf5_request> requests;
  for (auto const& name : names) requests.push_back({name});
  if (rl::to_transitions<float>(io::read_hdf5(out + "/point_robot.hdf5", requests)).hash() != data.hash())
    throw error(out + "/point_robot.hdf5 does not hold what was written");
#endif
#if defined(WITH_XTENSOR)
  io::write_npy_folder(out + "/point_robot", data.tensors());
  return rl::to_transitions<float>(io::read_npy_folder(out + "/point_robot", names));
#else
  io::write_safetensors(out + "/point_robot.safetensors", data.tensors(), {});
  return rl::to_transitions<float>(io::read_safetensors(out + "/point_robot.safetensors"));
#endif
}

/// 2. Train on what --backend names.
std::unique_ptr<training> make_training(backend::cpu& be, std::string const& name, rl::fisor_config const& config,
                                        rl::transitions<float> const& data, index_t seeds) {
  if (name == "cpu") return std::make_unique<support::training_on<backend::cpu>>(be, config, data, seeds);
#if defined(WITH_THRUST_UNIT)
  if (name == "thrust") return support::make_thrust_training(config, data, seeds);
#else
  if (name == "thrust") throw std::invalid_argument("--backend thrust: this program was built where Thrust's headers were not found");
#endif
#if defined(WITH_CUDA_UNIT)
  if (name == "cuda") return support::make_cuda_training(config, data, seeds);
#else
  if (name == "cuda") throw std::invalid_argument("--backend cuda: this program was built without nvcc; docs/cuda.md tells how");
#endif
  throw std::invalid_argument("--backend is '" + name + "', expected cpu, thrust or cuda");
}

/// Until `updates`, with a progress bar.
void train(training& learner, std::string const& name, index_t updates) {
  support::progress bar(name, updates - learner.step());
  for (index_t const first = learner.step(); learner.step() < updates;) {
    rl::fisor_losses const loss = learner.train(std::min<index_t>(50, updates - learner.step()));
    bar.update(learner.step() - first, [&] {
      char text[96];
      std::snprintf(text, sizeof text, "actor %.3f  Q_h %.1e  Q_r %.1e", loss.actor, loss.safety_critic, loss.reward_critic);
      return std::string(text);
    });
  }
}

using trained = rl::fisor_snapshot<float>;

/// 3. Play with the averaged actor and the target critics.
template <class Observer = rl::ignore_steps>
auto play(backend::cpu& be, rl::fisor_config const& config, trained const& fisor, std::vector<robot::state> const& starts,
          Observer&& observer = {}) {
  auto const count = static_cast<index_t>(starts.size());
  rl::fisor_policy<backend::cpu> policy(be, config, fisor.networks(), fisor.parameters(), count);
  std::vector<index_t> place(starts.size());
  return rl::roll_out(robot{}, starts, [&](auto const& observations, auto const& episode, index_t step, auto const& actions) {
    for (index_t i = 0; i < episode.extent(0); ++i) place[static_cast<std::size_t>(i)] = episode[i] * robot::max_steps + step;
    policy.act(observations, vector_view<index_t const>(place.data(), episode.shape()), philox_stream(config.seed, 3), actions);
  }, observer);
}

/// Paths of some episodes, for the picture.
struct record_paths {
  std::vector<std::vector<io::point2>>& paths;
  void operator()(index_t episode, robot::state const& s, vector_view<float const>, rl::outcome<robot::state> const& o) const {
    if (episode >= static_cast<index_t>(paths.size())) return;
    auto& path = paths[static_cast<std::size_t>(episode)];
    if (path.empty()) path.push_back({s.x, s.y});
    path.push_back({o.next.x, o.next.y});
  }
};

/// 4. V_h on the slices of the picture.
void learnt_slices(backend::cpu& be, trained const& fisor, support::slice_fields& fields) {
  constexpr index_t side = support::slice_fields::side;
  buffer<float> memory(side * robot::observation_dim);
  auto const states = memory.view(extents{side, index_t{robot::observation_dim}});
  for (std::size_t s = 0; s < support::paper_slices.size(); ++s)
    for (index_t i = 0; i < side; ++i) {
      for (index_t j = 0; j < side; ++j) robot::observe(support::slice_fields::state(support::paper_slices[s], i, j), states(j));
      rl::evaluate_safety_value(be, fisor.networks(), fisor.parameters(), states, fields.at(s)(i));
    }
}

/// 5. A run that stopped and went on is the run that never stopped, bit for bit.
bool resumes_exactly(training& fresh, trained const& finished, std::string const& checkpoint) {
  auto resumed = fresh.snapshot(0);
  io::load_checkpoint(checkpoint, resumed);
  fresh.restore(resumed, 0);
  train(fresh, "resuming", finished.step());
  resumed = fresh.snapshot(0);
  auto const a = finished.tensors(), b = std::as_const(resumed).tensors();
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(a[i].data, b[i].data, static_cast<std::size_t>(a[i].bytes())) != 0) return false;
  return true;
}

int run(support::arguments& args) {
  std::string const out = args.text("out");
  index_t const updates = args.number("updates", 400, 100'000'000), seeds = args.number("seeds", 1, 1000);
  backend::cpu be(static_cast<int>(args.number("threads", 1, 1024)));
  std::filesystem::create_directories(out);

  std::printf("1. Data, logged by an expert, at random, and by both in turns\n");
  auto const data = log_data(args.number("transitions", 1, 1'000'000'000), 0, out);

  std::printf("2. Training\n");
  support::point_robot_trial const trial(be, args.number("episodes", 1, 1'000'000));
  support::results results(trial, data);
  std::vector<std::vector<io::point2>> paths;
  auto config = rl::fisor_config::quickstart(updates);
  config.seed = static_cast<std::uint64_t>(args.number("first-seed", 0, 1'000'000));
  std::string const on = args.text("backend"), who = seeds == 1 ? "" : std::to_string(seeds) + " seeds, ";
  auto const file = [&](index_t seed) { return out + "/seed" + std::to_string(config.seed + static_cast<std::uint64_t>(seed)) + ".safetensors"; };
  auto const fisor = make_training(be, on, config, data, seeds);
  train(*fisor, who + "FISOR", updates - 200);
  io::save_checkpoint(file(0), fisor->snapshot(0));
  train(*fisor, who + "FISOR, last", updates);
  bool const exact = resumes_exactly(*make_training(be, on, config, data, 1), fisor->snapshot(0), file(0));
  auto const cloning_config = config.behaviour_cloning();
  auto const cloning = make_training(be, on, cloning_config, data, seeds);
  train(*cloning, who + "cloning", updates / 3);

  for (index_t seed = 0; seed < seeds; ++seed) {
    trained const learnt = fisor->snapshot(seed);
    io::save_checkpoint(file(seed), learnt);
    auto own = config, own_cloning = cloning_config;
    own.seed = own_cloning.seed = config.seed + static_cast<std::uint64_t>(seed);
    paths.assign(12, {});
    results.fisor.push_back(trial.score_of(play(be, own, learnt, trial.starts, record_paths{paths})));
    results.cloning.push_back(trial.score_of(play(be, own_cloning, cloning->snapshot(seed), trial.starts)));
    results.edge.push_back(trial.score_of(play(be, own, learnt, std::vector<robot::state>(20, robot::paper_start))));
    support::slice_fields values;
    learnt_slices(be, learnt, values);
    results.sets.push_back(support::agreement_of(values, trial.truth));
    if (seed + 1 == seeds)
      support::write_figure(out + "/point_robot_fisor.svg", "A safe set and a policy, learnt from logged data", values, trial.truth, paths);
  }

  std::printf("3. Evaluation\n");
  results.print();
  std::printf("4. Picture: %s/point_robot_fisor.svg\n", out.c_str());
  std::printf("5. Checkpoint: training that stopped and went on %s\n", exact ? "ended with the same bits in every parameter" : "ended DIFFERENTLY");
  return exact && (args.text("check") == "no" || results.meet_bounds()) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Learns a safe controller for the point robot from logged data (FISOR).",
                          {{"backend", "cpu", "what trains: cpu, thrust or cuda; the evaluation runs on the CPU"},
                           {"seeds", "2", "learners to train side by side, for mean and standard deviation"},
                           {"first-seed", "0", "the first of their seeds; the others follow"},
                           {"updates", "85000", "updates of each"},
                           {"transitions", "100000", "rows of logged data"},
                           {"episodes", "100", "episodes of evaluation"},
                           {"threads", std::to_string(backend::hardware_threads()), "threads; results do not depend on them"},
                           {"check", "no", "yes: fail unless the results meet the bounds of docs/fisor.md"},
                           {"out", "point_robot_fisor", "folder for data, checkpoints and picture"}});
  return run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "point_robot_fisor: %s\n", e.what());
  return 1;
}
