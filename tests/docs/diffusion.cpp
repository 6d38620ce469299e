// The programs of docs/diffusion.md. Returns the number of statements of that page that do not hold.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/diffusion/adaptive_sampler.hpp>
#include <parapet/diffusion/brownian_path.hpp>
#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/probability_flow.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace parapet;

namespace {

int failures = 0;
void check(bool holds, char const* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  ++failures;
}

// Data that is -1 or 1, equally likely: its best prediction from x = alpha x_0 + sigma z is tanh(alpha x / sigma^2).
struct best_prediction {
  double gain;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x0, X const& x) const { x0 = math::tanh(X(gain) * x); }
};
struct two_points {
  matrix_view<float> x0;
  matrix_view<float const> operator()(backend::cpu& be, matrix_view<float const> const& x, diffusion::noise_level const& level) const {
    map(be, best_prediction{level.alpha / (level.sigma * level.sigma)}, x0, x);
    return x0;
  }
};

// The largest steps that there are: all the way to the data, and back up by fresh noise.
struct jump {
  diffusion::sampling_plan compile(diffusion::level_list const& levels) const {
    diffusion::sampling_plan plan{.name = "jump"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i)
      plan.steps.push_back({.level = levels[i], .terms = {{diffusion::fresh, levels[i + 1].alpha}}, .noise = levels[i + 1].sigma, .reached = levels[i + 1]});
    return plan;
  }
};

// Keeps the first column at zero.
struct first_column_zero {
  template <class Backend, class T, class Space>
  void after_step(Backend& be, matrix_view<T, Space> const& x, diffusion::sampling_progress const&) const { fill(be, x.columns(0, 1), T(0)); }
};

void sample() {
  index_t const rows = 100, dimension = 2;
  std::vector<float> samples(200), predicted(200);
  matrix_view<float> const x(samples.data(), extents{rows, dimension});
  two_points const denoise{{predicted.data(), extents{rows, dimension}}};

  backend::cpu be;
  auto const levels = make_levels(diffusion::vp_linear{}, diffusion::log_snr_grid{}, 12, diffusion::last_level::data);
  diffusion::sampler const sampler(make_plan(diffusion::dpm_pp_multistep{}, levels), diffusion::data_prediction{});
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return sampler.make_workspace<float>(m, rows, dimension); });
  sampler.run(be, denoise, diffusion::philox_noise{philox_stream(1, 0)}, x, work);
  for (float value : samples) check(std::abs(std::abs(value) - 1) < 1e-3f, "samples are -1 or 1");

  diffusion::sampler const jumping(make_plan(jump{}, levels), diffusion::data_prediction{}, diffusion::clip_data{0.5}, first_column_zero{});
  auto const space_for_jumps = plan(memory, [&](auto& m) { return jumping.make_workspace<float>(m, rows, dimension); });
  jumping.run(be, denoise, diffusion::philox_noise{philox_stream(1, 0)}, x, space_for_jumps);
  for (index_t i = 0; i < rows; ++i) check(x(i, 0) == 0 && std::abs(x(i, 1)) <= 0.5f, "hooks act");
}

void look_at_a_plan() {
  auto const levels = make_levels(diffusion::noise_schedule::vp(5), diffusion::trailing{}, 5);
  auto const plan = make_plan(diffusion::ddpm{diffusion::reverse_variance::beta}, levels);
  std::printf("%s", describe(plan).c_str());
  auto const moments = moments_of(plan, {.mean = 0.3, .deviation = 0.5});
  std::printf("mean %.4f, deviation %.4f\n", moments.mean, std::sqrt(moments.variance));
  check(std::abs(moments.mean - 0.2995) < 1e-4 && std::abs(std::sqrt(moments.variance) - 0.4435) < 1e-4, "moments of DDPM-5");
}

void schedules_of_your_own() {
  auto const alpha = [](double t) { return std::cos(1.5 * t); };
  auto const sigma = [](double t) { return std::sin(1.5 * t); };
  auto const schedule = diffusion::custom_schedule{alpha, sigma, 0.01, 1.0};
  auto const plan = make_plan(diffusion::ddim{.eta = 0.5}, schedule, diffusion::karras_grid{}, 20);
  check(plan.evaluations() == 20 && plan.draws() == 20, "a schedule of two functions");
}

void one_path() {
  auto const s = diffusion::vp_linear{};
  diffusion::brownian_path const noise(philox_stream(1, 0), level_at(s, s.t_max).lambda(), level_at(s, s.t_min).lambda());
  double results[2];
  for (int k = 0; k < 2; ++k) {
    std::vector<float> value(1), predicted(1);
    extents const shape{index_t{1}, index_t{1}};
    backend::cpu be(1);
    diffusion::sampler const sampler(make_plan(diffusion::dpm_pp_multistep{.eta = 1}, s, diffusion::log_snr_grid{}, k == 0 ? 100 : 1000), diffusion::data_prediction{});
    arena<> memory;
    auto const work = plan(memory, [&](auto& m) { return sampler.make_workspace<float>(m, 1, 1); });
    sampler.run(be, two_points{{predicted.data(), shape}}, noise, matrix_view<float>(value.data(), shape), work);
    results[k] = value[0];
  }
  check(std::abs(results[0] - results[1]) < 0.05, "the path does not depend on the steps");
}

void own_likelihood() {
  // One normal in each dimension: a model of epsilon, and its derivative.
  struct normal_model {
    matrix_view<double> out, derivative;
    double slope(diffusion::noise_level const& l) const { return l.sigma / (0.25 * l.alpha * l.alpha + l.sigma * l.sigma); }
    matrix_view<double const> operator()(backend::cpu&, matrix_view<double const> const& x, diffusion::noise_level const& level) const {
      for (index_t i = 0; i < x.size(); ++i) out.data()[i] = slope(level) * x.data()[i];
      return out;
    }
    matrix_view<double const> jvp(backend::cpu&, matrix_view<double const> const&, matrix_view<double const> const& v, diffusion::noise_level const& level) const {
      for (index_t i = 0; i < v.size(); ++i) derivative.data()[i] = slope(level) * v.data()[i];
      return derivative;
    }
  };
  index_t const rows = 2, dimension = 3;
  extents const shape{rows, dimension};
  std::vector<double> points{0.1, -0.2, 0.3, 1, 0, 0}, log_density(2), a(6), b(6);
  matrix_view<double> const x(points.data(), shape);
  vector_view<double> const density(log_density.data(), extents{rows});
  normal_model model{{a.data(), shape}, {b.data(), shape}};
  backend::cpu be(1);

  diffusion::edm const schedule{.t_min = 1e-3, .t_max = 1e4};
  diffusion::probability_flow const flow(schedule, {.relative = 1e-9, .absolute = 1e-9});
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return flow.make_workspace<double>(m, rows, dimension); });
  flow.log_likelihood(be, model, diffusion::exact_trace{}, x, density, work, 1e4);

  double const variance = 0.25 + 1e-6;
  check(std::abs(density[0] - (-0.5 * 0.14 / variance - 1.5 * std::log(6.283185307 * variance))) < 1e-5, "log density");
}

}  // namespace

int main() {
  sample();
  look_at_a_plan();
  schedules_of_your_own();
  one_path();
  own_likelihood();
  return failures;
}
