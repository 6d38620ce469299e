// Ancestral sampling on every level of a discrete schedule, with one array of scratch: the sampler of IDQL and FISOR.
//
//     ddpm_sampler(noise_schedule::vp(5), {.clip = 1}).run(be, denoise, noise, x, z);
//
// The general form is a sampler on make_plan(ddpm{}, levels), of which this is one; see solvers/ddpm.hpp for the equation.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>

#include <limits>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

struct ddpm_options {
  reverse_variance variance = reverse_variance::beta;
  double temperature = 1;  ///< factor of the noise of every step, not of the initial noise
  double clip = 0;         ///< limits |x| (not the predicted data) after every step; 0: no limit
};

/// A planned sampler: coefficients computed once, in double.
class ddpm_sampler {
public:
  /// Throws argument_error for a negative temperature or clip.
  explicit ddpm_sampler(noise_schedule const& schedule, ddpm_options const& options = {}) : sampler_(checked_plan(schedule, options), {}, clip_of(options)) {}

  index_t steps() const { return sampler_.plan().evaluations(); }

  /// x (rows, dimension) becomes a sample; z is scratch of the same shape. `noise(be, draw, z)` fills z with standard
  /// normals: draw 0 is the initial noise, draw k = 1 .. T - 1 that of the k-th step; without noise a step draws none.
  /// Allocates nothing. Throws shape_error.
  template <class Backend, class Denoiser, class Noise, class T, class Space>
  void run(Backend& be, Denoiser&& denoise, Noise&& noise, matrix_view<T, Space> const& x, matrix_view<T, Space> const& z) const {
    check_shape("ddpm_sampler: scratch", z.shape(), x.shape());
    sampler_workspace<T, Space> work;
    work.noise = z;
    sampler_.run(be, denoise, noise, x, work);
  }

private:
  static sampling_plan checked_plan(noise_schedule const& schedule, ddpm_options const& options) {
    for (auto const& [name, value] : {std::pair{"temperature", options.temperature}, std::pair{"clip", options.clip}})
      if (!(value >= 0)) throw argument_error(parapet::detail::concat("ddpm_sampler: ", name, " = ", value, ", expected at least 0"));
    return with_temperature(make_plan(ddpm{options.variance}, schedule.levels()), options.temperature);
  }
  static clip_state clip_of(ddpm_options const& options) { return {options.clip > 0 ? options.clip : std::numeric_limits<double>::infinity()}; }

  sampler<epsilon_prediction, clip_state> sampler_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
