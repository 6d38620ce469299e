// Guidance: a model's answer bent towards a condition or down an energy, as a denoiser around a denoiser.
//
//     classifier-free     r = w r_conditional + (1 - w) r_unconditional        any parameterization; w = 1 is the condition alone
//     gradient            epsilon - s sigma grad log p(y | x_t)                for other predictions the equivalent of that
//
// Ho and Salimans, "Classifier-free diffusion guidance" (2022), with w = 1 + their w; Dhariwal and Nichol, "Diffusion models beat GANs
// on image synthesis" (2021), algorithm 2. A gradient of a time-dependent energy learnt by contrastive_energy.hpp makes the
// samples exactly those of the tilted distribution; other gradients, of the energy at the predicted data for one, do not (docs/guidance.md).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/parameterization.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

/// `conditional` and `unconditional` are denoisers, maybe one network twice; `answer` (rows, dimension) is work memory.
template <class Conditional, class Unconditional, class T, class Space>
struct classifier_free_guidance {
  Conditional conditional;
  Unconditional unconditional;
  double weight;
  matrix_view<T, Space> answer;

  template <class Backend>
  matrix_view<T const, Space> operator()(Backend& be, matrix_view<T const, Space> const& x, noise_level const& level) {
    copy(be, call_denoiser(be, conditional, x, level), answer);
    matrix_view<T const, Space> const first = answer;
    map(be, detail::linear_update<T, 2>{{static_cast<T>(weight), static_cast<T>(1 - weight)}}, answer, first, call_denoiser(be, unconditional, x, level));
    return answer;
  }
};
template <class C, class U, class T, class Space>
classifier_free_guidance(C, U, double, matrix_view<T, Space>) -> classifier_free_guidance<C, U, T, Space>;

/// `gradient(be, x, level, g)` writes into g (rows, dimension) the gradient by x of the log-density to add; `parameterization` says
/// what `denoise` answers. `answer`, `slope` and, for a parameterization that scales the model's input, `sample` (rows, dimension)
/// are work memory.
template <class Denoiser, class Gradient, parameterization Parameterization, class T, class Space>
struct gradient_guidance {
  Denoiser denoise;
  Gradient gradient;
  Parameterization parameterization;
  double scale;
  matrix_view<T, Space> answer, slope;
  matrix_view<T, Space> sample = {};

  template <class Backend>
  matrix_view<T const, Space> operator()(Backend& be, matrix_view<T const, Space> const& x, noise_level const& level) {
    using view = matrix_view<T const, Space>;
    copy(be, call_denoiser(be, denoise, x, level), answer);
    if constexpr (scales_input<Parameterization>) {  // the model is fed scaled x, the gradient is not
      map(be, detail::linear_update<T, 1>{{static_cast<T>(1 / parameterization.input_scale(level))}}, sample, x);
      gradient(be, view(sample), level, slope);
    } else {
      gradient(be, x, level, slope);
    }
    map(be, detail::linear_update<T, 2>{{T(1), static_cast<T>(slope_factor(level))}}, answer, view(answer), view(slope));
    return answer;
  }

  /// d r / d epsilon at fixed x, times -scale sigma. Throws argument_error where r says nothing about epsilon: of a flow, v or data at alpha = 0.
  double slope_factor(noise_level const& l) const {
    prediction const p = parameterization(l);
    double const by_noise = p.data == 0 ? p.noise : convert(predicts_noise, p, l).factor;
    return -scale * l.sigma * by_noise;
  }
};
template <class D, class G, class P, class T, class Space>
gradient_guidance(D, G, P, double, matrix_view<T, Space>, matrix_view<T, Space>) -> gradient_guidance<D, G, P, T, Space>;
template <class D, class G, class P, class T, class Space>
gradient_guidance(D, G, P, double, matrix_view<T, Space>, matrix_view<T, Space>, matrix_view<T, Space>) -> gradient_guidance<D, G, P, T, Space>;

}  // namespace parapet::inline PARAPET_ABI::diffusion
