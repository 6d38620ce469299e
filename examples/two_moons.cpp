// Two moons, learnt by one small network and sampled by four solvers.
//
//   x_t = alpha x_0 + sigma epsilon;  the network learns v = alpha epsilon - sigma x_0;  a solver goes from noise to data
//
//   two_moons --steps 20000 --out two_moons.svg
//
// Prints how far the samples of each solver are from fresh data (energy distance) and draws them.
#include "support/arguments.hpp"
#include "support/moons.hpp"
#include "support/progress.hpp"
#include "support/time_model.hpp"

#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/io/svg.hpp>

using namespace parapet;

namespace {

/// 1. Train on levels that are uniform in the time of the schedule.
void train(backend::cpu& be, support::time_model& model, index_t batch, index_t steps) {
  diffusion::training_levels<float> const levels(be, diffusion::quantile_levels(diffusion::uniform_time{diffusion::vp_linear{}}, 1000),
                                                 diffusion::v_prediction{});
  buffer<float> data(2 * batch);
  support::progress bar("training", steps);
  for (index_t step = 0; step < steps; ++step) {
    support::draw_moons(data.view(extents{batch, index_t{2}}), philox_stream(0, 1), step * batch);
    double const loss = model.denoising_step(be, levels, data.view(extents{batch, index_t{2}}), steps);
    bar.update(step + 1, [&] { return "loss " + std::to_string(loss); });
  }
}

/// 2. Sample: a plan is compiled once, a run allocates nothing.
support::points sample(backend::cpu& be, support::time_model const& model, diffusion::sampling_plan const& plan, index_t count) {
  diffusion::sampler const sampler(plan, diffusion::v_prediction{});
  arena<> memory;
  auto const work = parapet::plan(memory, [&](auto& m) { return sampler.make_workspace<float>(m, count, 2); });
  support::points x(count);
  support::model_denoiser denoise(model, count);
  sampler.run(be, denoise, diffusion::philox_noise{philox_stream(1, 1)}, x.view(), work);
  return x;
}

void run(support::arguments& args) {
  backend::cpu be(1);
  index_t const batch = 256, count = args.number("samples", 10, 100000), steps = args.number("steps", 1, 1000000);
  support::time_model model(be, {.dimension = 2, .out = 2}, batch, 0);
  train(be, model, batch, steps);

  diffusion::vp_linear const schedule;
  diffusion::log_snr_grid const grid;
  struct entry {
    std::string name;
    diffusion::sampling_plan plan;
  };
  entry const entries[] = {{"DDPM", make_plan(diffusion::ddpm{}, schedule, diffusion::time_grid{}, 100)},
                           {"DDIM", make_plan(diffusion::ddim{}, schedule, grid, 20)},
                           {"DPM-Solver++ 2M", make_plan(diffusion::dpm_pp_multistep{}, schedule, grid, 10)},
                           {"UniPC", make_plan(diffusion::unipc{}, schedule, grid, 10)}};

  support::points fresh(count), others(count);
  support::draw_moons(fresh.view(), philox_stream(0, 2), 0);
  support::draw_moons(others.view(), philox_stream(0, 3), 0);
  io::svg_figure figure("One network, four solvers", 5, 190);
  support::draw_points(figure.add_panel(support::moon_axes, "data"), fresh, "#555555");
  std::printf("  %-16s %12s %16s\n  %-16s %12s %16.4f\n", "", "evaluations", "energy distance", "other data", "", support::energy_distance(others, fresh));
  for (entry const& e : entries) {
    auto const x = sample(be, model, e.plan, count);
    std::printf("  %-16s %12ld %16.4f\n", e.name.c_str(), static_cast<long>(e.plan.evaluations()), support::energy_distance(x, fresh));
    support::draw_points(figure.add_panel(support::moon_axes, e.name + ", " + std::to_string(e.plan.evaluations()) + " evaluations"), x, "#2171b5");
  }
  figure.write(args.text("out"));
  std::printf("  picture: %s\n", args.text("out").c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Learns two moons and samples them by four solvers.",
                          {{"steps", "20000", "training steps"}, {"samples", "1000", "points to draw"}, {"out", "two_moons.svg", "the picture"}});
  run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "two_moons: %s\n", e.what());
  return 1;
}
