// A controller that plans by diffusion, again in every step: cold, from noise; or warm, from its last plan.
//
//   plan = the next 8 positions, relative to here, given here;  drive to the first of them, plan again
//   warm: the last plan, shifted by one step and noised a little, through the last 3 of 12 steps of the sampler
//
//   warm_start --steps 15000 --out warm_start.svg
//
// The data go around a pillar on either side. A cold plan takes a side anew each time; a warm one keeps it, and costs a quarter.
#include "support/arguments.hpp"
#include "support/progress.hpp"
#include "support/time_model.hpp"

#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/diffusion/warm_start.hpp>
#include <parapet/io/svg.hpp>

#include <cmath>

using namespace parapet;

namespace {

constexpr index_t horizon = 8, dimension = 2 * horizon, batch = 256;
constexpr float pillar = 0.6f, pace = 0.22f;
constexpr diffusion::vp_linear schedule{};

struct point {
  float x, y;
};
float distance(point a, point b) { return std::hypot(a.x - b.x, a.y - b.y); }

/// One step of a driver who passes the pillar at (0, 0) on `side` (1: above) and then makes for (2, 0).
point drive(point at, float side) {
  point const towards = at.x < 0.1f ? point{0.3f, side * 1.1f} : point{2, 0};
  float const d = distance(at, towards), step = std::min(pace, d);
  return d > 0 ? point{at.x + step * (towards.x - at.x) / d, at.y + step * (towards.y - at.y) / d} : at;
}

/// Plans (batch, 16) of drivers at random places (batch, 2); the nearer side is the likelier.
void draw_plans(matrix_view<float> const& plans, matrix_view<float> const& places, index_t step) {
  philox_stream const random(0, 1);
  for (index_t i = 0; i < batch; ++i) {
    index_t const k = 4 * (step * batch + i);
    point at{-2.2f + 4.2f * random.uniform(k), -1.3f + 2.6f * random.uniform(k + 1)};
    float const side = random.uniform(k + 2) < 1 / (1 + std::exp(-4 * at.y)) ? 1.0f : -1.0f;
    point const start = at;
    places(i, 0) = at.x;
    places(i, 1) = at.y;
    for (index_t h = 0; h < horizon; ++h) {
      at = drive(at, side);
      plans(i, 2 * h) = at.x - start.x;
      plans(i, 2 * h + 1) = at.y - start.y;
    }
  }
}

struct outcome {
  std::vector<std::vector<io::point2>> paths;
  double change = 0, collisions = 0, arrivals = 0, steps = 0;
  index_t evaluations = 0;
};

/// Drives `runs` robots at once until they arrive; each row is one robot.
outcome drive_all(backend::cpu& be, support::time_model const& model, index_t runs, bool warm) {
  auto const levels = make_levels(schedule, diffusion::log_snr_grid{}, 12);
  diffusion::sampler const cold_sampler(make_plan(diffusion::dpm_pp_multistep{}, levels), diffusion::v_prediction{}),
      warm_sampler(make_plan(diffusion::dpm_pp_multistep{}, diffusion::last_levels(levels, 3)), diffusion::v_prediction{});
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return cold_sampler.make_workspace<float>(m, runs, dimension); });
  support::model_denoiser denoise(model, runs);
  buffer<float> plans(runs * dimension), last(runs * dimension), z(runs * dimension);
  extents<2> const shape{{runs, dimension}};
  outcome out;
  out.paths.resize(static_cast<std::size_t>(runs));
  std::vector<point> at;
  for (index_t i = 0; i < runs; ++i) at.push_back({-2.2f, -0.12f + 0.24f * philox_stream(5, 1).uniform(i)});
  constexpr int most = 45;
  for (int step = 0; step < most; ++step) {
    for (index_t i = 0; i < runs; ++i) {
      denoise.condition()(i, 0) = at[static_cast<std::size_t>(i)].x;
      denoise.condition()(i, 1) = at[static_cast<std::size_t>(i)].y;
    }
    diffusion::philox_noise const noise{philox_stream(6, static_cast<std::uint64_t>(step))};
    if (warm && step > 0) {
      fill_normal(be, z.view(), philox_stream(7, static_cast<std::uint64_t>(step)), 0);
      diffusion::warm_start(be, warm_sampler.plan().start, last.view(shape), z.view(shape), plans.view(shape));
      warm_sampler.run_from(be, denoise, noise, plans.view(shape), work);
    } else {
      cold_sampler.run(be, denoise, noise, plans.view(shape), work);
    }
    out.evaluations = (warm && step > 0 ? warm_sampler : cold_sampler).plan().evaluations();
    for (index_t i = 0; i < runs; ++i) {
      point& here = at[static_cast<std::size_t>(i)];
      float const *now = plans.data() + i * dimension, *before = last.data() + i * dimension;
      out.paths[static_cast<std::size_t>(i)].push_back({static_cast<double>(here.x), static_cast<double>(here.y)});
      if (distance(here, {2, 0}) < 0.25f) continue;  // arrived
      if (step > 0) out.change += static_cast<double>(distance({now[dimension - 4], now[dimension - 3]}, {before[dimension - 4], before[dimension - 3]}));
      out.steps += 1;
      here = {here.x + now[0], here.y + now[1]};
      out.collisions += distance(here, {0, 0}) < pillar;
      for (index_t k = 0; k < dimension; ++k)  // shifted by one, relative to the new place; the end goes on straight
        last.data()[i * dimension + k] = (k + 2 < dimension ? now[k + 2] : 2 * now[k] - now[k - 2]) - now[k % 2];
    }
  }
  for (point const p : at) out.arrivals += distance(p, {2, 0}) < 0.25f;
  return out;
}

void run(support::arguments& args) {
  backend::cpu be(1);
  index_t const steps = args.number("steps", 1, 1000000), runs = args.number("runs", 1, 1000);
  support::time_model model(be, {.dimension = dimension, .condition_dim = 2, .out = dimension}, batch, 0);
  diffusion::training_levels<float> const levels(be, diffusion::quantile_levels(diffusion::uniform_time{schedule}, 1000), diffusion::v_prediction{});
  buffer<float> plans(batch * dimension);
  support::progress bar("training", steps);
  for (index_t step = 0; step < steps; ++step) {
    draw_plans(plans.view(extents{batch, dimension}), model.network().condition(model.work()), step);
    model.denoising_step(be, levels, plans.view(extents{batch, dimension}), steps);
    bar.update(step + 1);
  }
  io::svg_figure figure("Plans by diffusion, renewed in every step", 2, 340);
  std::printf("  %-6s %12s %22s %18s %10s\n", "", "evaluations", "change of plan a step", "steps in pillar", "arrivals");
  for (bool const warm : {false, true}) {
    auto const out = drive_all(be, model, runs, warm);
    std::printf("  %-6s %12ld %22.3f %18.0f %6.0f/%ld\n", warm ? "warm" : "cold", static_cast<long>(out.evaluations), out.change / out.steps, out.collisions,
                out.arrivals, static_cast<long>(runs));
    auto& panel = figure.add_panel({-2.4, 2.4, -1.6, 1.6}, warm ? "warm: from the last plan, 3 evaluations" : "cold: from noise, 12 evaluations").labels("x", "y");
    panel.circle({0, 0}, static_cast<double>(pillar), {.fill = "#d9534f", .opacity = 0.75}, "pillar");
    panel.circle({2, 0}, 0.25, {.fill = "#5cb85c", .opacity = 0.9}, "goal");
    for (auto const& path : out.paths) panel.polyline(path, {.stroke = warm ? "#2171b5" : "#f0a000", .width = 1.1, .opacity = 0.8}, warm ? "warm" : "cold");
  }
  figure.write(args.text("out"));
  std::printf("  picture: %s\n", args.text("out").c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Replans by diffusion in every step, from noise and from the last plan.",
                          {{"steps", "15000", "training steps"}, {"runs", "24", "robots"}, {"out", "warm_start.svg", "the picture"}});
  run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "warm_start: %s\n", e.what());
  return 1;
}
