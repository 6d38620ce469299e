// Samples of a better distribution than that of the data: p(x) proportional to data(x) exp(-beta E(x)), in two exact ways.
//
//   weighted regression     the model itself is trained with weights w = exp(-beta E)
//   contrastive energy      the model learns the data; f(x_t, t) = log E[w | x_t] is learnt beside it, its gradient is added in sampling
//
//   energy_guided --steps 15000 --out energy_guided.svg
//
// Prints the distance of each to the data resampled by w, which is p itself, and draws them.
#include "support/arguments.hpp"
#include "support/moons.hpp"
#include "support/progress.hpp"
#include "support/time_model.hpp"

#include <parapet/diffusion/contrastive_energy.hpp>
#include <parapet/diffusion/energy_weight.hpp>
#include <parapet/diffusion/guidance.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/io/svg.hpp>

using namespace parapet;

namespace {

constexpr index_t batch = 256, per_group = 16;
constexpr diffusion::vp_linear schedule{};

/// -beta E of a point: the upper right is best.
float log_weight(float x, float y) { return -1.5f * ((x - 1) * (x - 1) + (y - 0.6f) * (y - 0.6f)); }

void draw(buffer<float>& data, buffer<float>& log_w, index_t step) {
  auto const x = data.view(extents{batch, index_t{2}});
  support::draw_moons(x, philox_stream(0, 1), step * batch);
  for (index_t i = 0; i < batch; ++i) log_w.data()[i] = log_weight(x(i, 0), x(i, 1));
}

/// The denoiser of the data, or with weights that of p.
void train(backend::cpu& be, support::time_model& model, index_t steps, bool weighted) {
  diffusion::training_levels<float> const levels(be, diffusion::quantile_levels(diffusion::uniform_time{schedule}, 1000), diffusion::v_prediction{});
  support::progress bar(weighted ? "weighted" : "data", steps);
  buffer<float> data(2 * batch), w(batch);
  double effective = 0;
  for (index_t step = 0; step < steps; ++step) {
    draw(data, w, step);
    diffusion::normalize_log_weights(be, w.view());
    effective += diffusion::effective_sample_size(be, w.view()) / static_cast<double>(batch * steps);
    model.denoising_step(be, levels, data.view(extents{batch, index_t{2}}), steps, weighted ? w.view() : vector_view<float const>{});
    bar.update(step + 1);
  }
  if (weighted) std::printf("  effective sample size: %.2f of the batch\n", effective);
}

/// f, by contrast: which of 16 noisy points at one level came from the data with the most weight?
void train_energy(backend::cpu& be, support::time_model& f, index_t steps) {
  diffusion::training_levels<float> const levels(be, diffusion::quantile_levels(diffusion::uniform_time{schedule}, 1000), diffusion::epsilon_prediction{});
  support::progress bar("energy", steps);
  extents<2> const groups{{batch / per_group, per_group}}, plane{{batch, 2}};
  buffer<float> data(2 * batch), z(2 * batch), target(2 * batch), w(batch), unused(batch), value(batch), slope(batch);
  buffer<index_t> which(batch);
  for (index_t step = 0; step < steps; ++step) {
    draw(data, w, step);
    fill_normal(be, z.view(), philox_stream(3, 1), step * 2 * batch);
    for (index_t i = 0; i < batch; ++i) which.data()[i] = philox_stream(3, 2).below(step * batch + i / per_group, levels.size());
    diffusion::noise_samples(be, levels, vector_view<index_t const>(which.view()), data.view(plane), z.view(plane),
                             diffusion::training_batch<float>{f.network().sample(f.work()), f.work().time, target.view(plane), unused.view()});
    auto const answer = f.network().forward(be, f.online(), f.work());
    for (index_t i = 0; i < batch; ++i) w.data()[i] = std::exp(w.data()[i]);  // w <= 1 here: the loss with these is exact
    diffusion::contrastive_loss(be, 1.0 / static_cast<double>(groups[0]), matrix_view<float const>(answer.data(), groups),
                                matrix_view<float const>(w.view(groups)), value.view().rows(0, groups[0]), slope.view(groups));
    f.descend(be, slope.view(extents{batch, index_t{1}}), steps);
    bar.update(step + 1);
  }
}

template <class Denoiser>
support::points sample(backend::cpu& be, Denoiser&& denoise, index_t count) {
  diffusion::sampler const sampler(make_plan(diffusion::dpm_pp_multistep{}, schedule, diffusion::log_snr_grid{}, 20), diffusion::v_prediction{});
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return sampler.template make_workspace<float>(m, count, 2); });
  support::points x(count);
  sampler.run(be, denoise, diffusion::philox_noise{philox_stream(1, 1)}, x.view(), work);
  return x;
}

/// Data kept with probability w: p itself.
support::points resampled(index_t count, std::uint64_t stream) {
  support::points x(count), one(1);
  for (index_t i = 0, k = 0; i < count; ++k) {
    support::draw_moons(one.view(), philox_stream(0, stream), k);
    float const u = philox_stream(0, stream + 100).uniform(k), px = one.view()(0, 0), py = one.view()(0, 1);
    if (u > std::exp(log_weight(px, py))) continue;
    x.view()(i, 0) = px;
    x.view()(i++, 1) = py;
  }
  return x;
}

void run(support::arguments& args) {
  backend::cpu be(1);
  index_t const steps = args.number("steps", 1, 1000000), count = args.number("samples", 10, 100000);
  support::time_model data(be, {.dimension = 2, .out = 2}, batch, 0), weighted(be, {.dimension = 2, .out = 2}, batch, 0), energy(be, {.dimension = 2, .out = 1}, batch, 1);
  train(be, data, steps, false);
  train(be, weighted, steps, true);
  train_energy(be, energy, steps);

  arena<> memory;
  auto const f_work = plan(memory, [&](auto& m) { return energy.network().make_workspace<float>(m, count, nn::mode::training); });
  buffer<float> one(count), answer(2 * count), slope(2 * count);
  fill(be, one.view(), 1.0f);
  extents<2> const shape{{count, 2}};
  diffusion::energy_gradient<float, host_space> const gradient{energy.network(), energy.parameters(), f_work, one.view(extents{count, index_t{1}})};
  diffusion::gradient_guidance guided{support::model_denoiser(data, count), gradient, diffusion::v_prediction{}, 1.0, answer.view(shape), slope.view(shape)};

  auto const exact = resampled(count, 10), other = resampled(count, 20);
  auto const plain = sample(be, support::model_denoiser(data, count), count), by_weights = sample(be, support::model_denoiser(weighted, count), count),
             by_energy = sample(be, guided, count);
  io::svg_figure figure("Guided by an energy", 4, 220);
  std::printf("  energy distance to p:  p itself %.4f\n", support::energy_distance(other, exact));
  auto const show = [&](char const* name, support::points const& x, char const* colour) {
    std::printf("  %-22s %.4f\n", name, support::energy_distance(x, exact));
    support::draw_points(figure.add_panel(support::moon_axes, name), x, colour);
  };
  show("data times exp(\u2212\u03b2E)", exact, "#555555");
  show("the data's model", plain, "#2171b5");
  show("weighted regression", by_weights, "#31a354");
  show("contrastive energy", by_energy, "#6a51a3");
  figure.write(args.text("out"));
  std::printf("  picture: %s\n", args.text("out").c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Samples of data(x) exp(-beta E(x)) by weighted regression and by a contrastive energy.",
                          {{"steps", "15000", "training steps of each model"}, {"samples", "1000", "points to draw"}, {"out", "energy_guided.svg", "the picture"}});
  run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "energy_guided: %s\n", e.what());
  return 1;
}
