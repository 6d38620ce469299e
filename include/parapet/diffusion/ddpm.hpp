// Ancestral sampling of a discrete diffusion: from noise to data in T steps.
//
//     x <- (x - beta_i / sqrt(1 - alpha_bar_i) epsilon(x, i)) / sqrt(1 - beta_i) + s_i z,    i = T - 1 .. 0,  s_0 = 0
//     s_i^2 = beta_i                                                      reverse_variance::beta
//     s_i^2 = beta_i (1 - alpha_bar_{i-1}) / (1 - alpha_bar_i)            reverse_variance::posterior
//
// Ho, Jain, Abbeel, "Denoising diffusion probabilistic models" (2020), algorithm 2 and section 3.2.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

enum class reverse_variance { beta, posterior };

struct ddpm_options {
  reverse_variance variance = reverse_variance::beta;
  double temperature = 1;  ///< factor of the noise of every step, not of the initial noise
  double clip = 0;         ///< limits |x| (not the predicted data) after every step; 0: no limit
};

namespace detail {

struct ddpm_update {
  double x_factor, epsilon_factor, noise_factor;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& epsilon) const {
    x = X(x_factor) * (x - X(epsilon_factor) * epsilon);
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& epsilon, X const& z) const {
    x = X(x_factor) * (x - X(epsilon_factor) * epsilon) + X(noise_factor) * z;
  }
};
struct clip_update {
  double limit;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x) const { x = math::min(math::max(x, X(-limit)), X(limit)); }
};

}  // namespace detail

/// Noise of a sampler from a Philox stream: draw k is elements first + k z.size() and on. Throws shape_error for a view with gaps.
struct philox_noise {
  philox_stream stream;
  index_t first = 0;  ///< element of the stream at which this run starts
  template <class Backend, class T, class Space>
  void operator()(Backend& be, index_t draw, matrix_view<T, Space> const& z) const {
    if (!z.is_contiguous())
      throw shape_error(parapet::detail::concat("philox_noise: z of shape ", z.shape(), " with strides ", z.strides(), ", expected a dense view"));
    fill_normal(be, flatten(z), stream, first + draw * z.size());
  }
};

/// A planned sampler: coefficients computed once, in double.
class ddpm {
public:
  /// Throws argument_error for a negative temperature or clip.
  explicit ddpm(noise_schedule const& schedule, ddpm_options const& options = {}) : clip_(options.clip) {
    for (auto const& [name, value] : {std::pair{"temperature", options.temperature}, std::pair{"clip", options.clip}})
      if (!(value >= 0)) throw argument_error(parapet::detail::concat("ddpm: ", name, " = ", value, ", expected at least 0"));
    for (index_t i = 0; i < schedule.steps(); ++i) {
      double const beta = schedule.beta(i), before = schedule.alpha_bar(i - 1), now = schedule.alpha_bar(i);
      double const variance = options.variance == reverse_variance::beta ? beta : beta * (1 - before) / (1 - now);
      updates_.push_back({1 / std::sqrt(1 - beta), beta / std::sqrt(1 - now),
                          i == 0 ? 0.0 : options.temperature * std::sqrt(variance)});
    }
  }

  index_t steps() const { return static_cast<index_t>(updates_.size()); }

  /// x (rows, dimension) becomes a sample; z is scratch of the same shape. `noise(be, draw, z)` fills z with standard
  /// normals: draw 0 is the initial noise, draw k = 1 .. T - 1 that of the k-th step; without noise a step draws none.
  /// Allocates nothing. Throws shape_error.
  template <class Backend, class Denoiser, class Noise, class T, class Space>
  void run(Backend& be, Denoiser&& denoise, Noise&& noise, matrix_view<T, Space> const& x,
           matrix_view<T, Space> const& z) const {
    static_assert(check_denoiser<std::remove_reference_t<Denoiser>, Backend, T>());
    check_shape("ddpm: scratch", z.shape(), x.shape());
    noise(be, index_t{0}, x);
    for (index_t i = steps() - 1; i >= 0; --i) {
      detail::ddpm_update const& update = updates_[static_cast<std::size_t>(i)];
      matrix_view<T const, Space> const epsilon = denoise(be, matrix_view<T const, Space>(x), i);
      check_shape("ddpm: the denoiser's result", epsilon.shape(), x.shape());
      if (update.noise_factor != 0) {
        noise(be, steps() - i, z);
        map(be, update, x, epsilon, matrix_view<T const, Space>(z));
      } else {
        map(be, update, x, epsilon);
      }
      if (clip_ > 0) map(be, detail::clip_update{clip_}, x);
    }
  }

private:
  double clip_;
  std::vector<detail::ddpm_update> updates_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
