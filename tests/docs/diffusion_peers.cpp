// The program of docs/diffusion_peers.md. Returns 1 where the samples do not have the plan's moments.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <cmath>
#include <cstdio>

using namespace parapet;
using namespace parapet::diffusion;

int main() {
  constexpr index_t rows = 4096, dimension = 2;
  backend::cpu be(1);
  gaussian_data const data{0.3, 0.5};
  buffer<float> samples(rows * dimension), predicted(rows * dimension);
  matrix_view<float> const x = samples.view(extents{rows, dimension}), v = predicted.view(extents{rows, dimension});
  auto const denoise = [&](backend::cpu&, matrix_view<float const> const& now, noise_level const& at) {
    for (index_t i = 0; i < now.size(); ++i) {  // the exact v of N(0.3, 0.5^2), in place of a network
      double const here = static_cast<double>(now.data()[i]), x0 = data.slope(at) * here + data.offset(at);
      v.data()[i] = static_cast<float>((at.alpha * here - x0) / at.sigma);
    }
    return matrix_view<float const>(v);
  };

  // DPMSolverMultistepScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, timestep_spacing="trailing",
  //                             algorithm_type="sde-dpmsolver++", prediction_type="v_prediction").set_timesteps(20)
  noise_schedule const schedule = noise_schedule::scaled_linear(1000, 0.00085, 0.012);
  level_list const levels = make_levels(schedule, trailing{}, 20);
  sampler const s(make_plan(dpm_pp_multistep{.eta = 1}, levels), v_prediction{});

  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return s.make_workspace<float>(m, rows, dimension); });
  s.run(be, denoise, philox_noise{philox_stream(0, 0)}, x, work);

  double sum = 0, squares = 0;
  for (index_t i = 0; i < x.size(); ++i) {
    double const sample = static_cast<double>(x.data()[i]);
    sum += sample;
    squares += sample * sample;
  }
  double const mean = sum / static_cast<double>(x.size()), deviation = std::sqrt(squares / static_cast<double>(x.size()) - mean * mean);
  gaussian_moments const exact = moments_of(s.plan(), data);  // what 20 steps make of the data: its deviation is 0.5
  std::printf("mean %.3f (exactly %.3f), deviation %.3f (exactly %.3f)\n", mean, exact.mean, deviation, std::sqrt(exact.variance));
  return std::abs(mean - exact.mean) < 0.02 && std::abs(deviation - std::sqrt(exact.variance)) < 0.02 ? 0 : 1;
}
