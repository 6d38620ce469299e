// DPM-Solver with error control: steps in lambda as long as the tolerance allows, by the difference of two orders.
//
//     order 2: DPM-Solver-1 inside of 2S, r = 1/2            order 3: 2S with r = 1/3 inside of 3S
//
// All rows of a batch share their steps, chosen by the mean error. The host reads that error after each step, so a run cannot be captured.
//
// Lu et al., "DPM-Solver" (2022), appendix C; k-diffusion, sample_dpm_adaptive.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>
#include <parapet/diffusion/step_control.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

template <class T, class Space>
struct adaptive_workspace {
  matrix_view<T, Space> start, early, late;  // predictions at the ends of stages
  matrix_view<T, Space> guess, low, high, before, input;
};

template <schedule Schedule, parameterization Parameterization = epsilon_prediction>
class adaptive_sampler {
public:
  /// From t_max of the schedule to t_min, both with finite log-SNR. Throws argument_error.
  explicit adaptive_sampler(Schedule const& schedule, int order = 3, adaptive_options const& options = {}, Parameterization const& parameterization = {})
      : schedule_(schedule), order_(order), options_(options), parameterization_(parameterization) {
    options.validate("adaptive_sampler");
    if (order != 2 && order != 3) throw argument_error(parapet::detail::concat("adaptive_sampler: order = ", order, ", expected 2 or 3"));
    check_levels({first(), last()});
    if (!(std::isfinite(first().lambda()) && std::isfinite(last().lambda())))
      throw argument_error(parapet::detail::concat("adaptive_sampler: log-SNR from ", first().lambda(), " to ", last().lambda(), ", expected finite ends"));
  }

  template <class T, class Space>
  adaptive_workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, index_t dimension) const {
    auto const take = [&] { return memory.template take<T>(extents{rows, dimension}); };
    adaptive_workspace<T, Space> w{take(), take(), take(), take(), take(), take(), take(), {}};
    if (scales_input<Parameterization>) w.input = take();
    return w;
  }

  /// x (rows, dimension) becomes a sample. Allocates nothing. Throws shape_error, and error where the tolerance cannot be met
  /// (a model that answers NaN).
  template <class Backend, class Denoiser, class Noise, class T, class Space>
  adaptive_report run(Backend& be, Denoiser&& denoise, Noise&& noise, matrix_view<T, Space> const& x, adaptive_workspace<T, Space> const& w) const {
    call_noise(be, noise, noise_draw{}, x);
    double const total = std::hypot(first().alpha, first().sigma), deviation = std::abs(total - 1) < 1e-6 ? 1 : first().sigma;
    if (deviation != 1) map(be, detail::linear_update<T, 1>{{static_cast<T>(deviation)}}, x, matrix_view<T const, Space>(x));
    return run_from(be, denoise, x, w);
  }

  /// The same from the x that is there, at t_max.
  template <class Backend, class Denoiser, class T, class Space>
  adaptive_report run_from(Backend& be, Denoiser&& denoise, matrix_view<T, Space> const& x, adaptive_workspace<T, Space> const& w) const {
    static_assert(check_denoiser<std::remove_reference_t<Denoiser>, Backend, T>());
    check_shape("adaptive_sampler: workspace", w.guess.shape(), x.shape());
    using view = matrix_view<T const, Space>;
    detail::exponential_form const form{predicts_noise};
    detail::step_controller control(options_, order_);
    adaptive_report report;
    auto const predict = [&](noise_level const& at, view const& from, matrix_view<T, Space> const& out) {
      ++report.evaluations;
      conversion const c = convert(parameterization_(at), predicts_noise, at);
      if constexpr (scales_input<Parameterization>) {
        map(be, detail::linear_update<T, 1>{{static_cast<T>(parameterization_.input_scale(at))}}, w.input, from);
        map(be, detail::linear_update<T, 2>{{static_cast<T>(c.x_factor), static_cast<T>(c.factor)}}, out, from, call_denoiser(be, denoise, view(w.input), at));
      } else {
        map(be, detail::linear_update<T, 2>{{static_cast<T>(c.x_factor), static_cast<T>(c.factor)}}, out, from, call_denoiser(be, denoise, from, at));
      }
    };
    // x carried over a step, with a prediction and the change of it that another one shows
    auto const advance = [&](detail::grid_step const& s, double change, view const& other, matrix_view<T, Space> const& out) {
      map(be, detail::linear_update<T, 3>{{static_cast<T>(form.carry(s)), static_cast<T>(form.constant(s) - change), static_cast<T>(change)}}, out,
          view(x), view(w.start), other);
    };

    noise_level at = first();
    noise_level const end = last();
    copy(be, view(x), w.before);
    bool fresh_start = true;
    while (at.lambda() < end.lambda()) {
      double const left = end.lambda() - at.lambda(), h = std::min(control.step, left);
      bool const ends = h >= left * (1 - 1e-12);
      auto const inside = [&](double r) { return level_at(schedule_, time_at(schedule_, at.lambda() + r * h)); };
      detail::grid_step const whole(at, ends ? end : inside(1));
      if (fresh_start) predict(at, x, w.start);
      fresh_start = false;
      double const r1 = order_ == 2 ? 0.5 : 1.0 / 3, r2 = 2.0 / 3;
      detail::grid_step const to_one(at, inside(r1));
      advance(to_one, 0, w.start, w.guess);
      predict(to_one.to, w.guess, w.early);
      double const second = form.constant(whole) / (2 * r1);
      if (order_ == 2) {
        advance(whole, 0, w.start, w.low);
        advance(whole, second, w.early, w.high);
      } else {
        advance(whole, second, w.early, w.low);
        detail::grid_step const to_two(at, inside(r2));
        advance(to_two, form.slope(to_two) * r2 / r1, w.early, w.guess);
        predict(to_two.to, w.guess, w.late);
        advance(whole, form.slope(whole) / r2, w.late, w.high);
      }
      double const error = detail::error_norm<Backend, T, Space>(be, options_, w.guess, w.low, w.high, w.before);
      control.step = h;
      if (!std::isfinite(error) || report.accepted + report.rejected >= options_.max_steps) detail::refuse_step("adaptive_sampler", at.lambda(), error, report);
      if (control.propose(error)) {
        ++report.accepted;
        copy(be, view(w.high), x);
        copy(be, view(w.low), w.before);
        at = whole.to;
        fresh_start = true;
        if (ends) break;
      } else {
        ++report.rejected;
        if (!(control.step > 1e-12 * (1 + std::abs(at.lambda())))) detail::refuse_step("adaptive_sampler", at.lambda(), error, report);
      }
    }
    return report;
  }

private:
  noise_level first() const { return level_at(schedule_, schedule_.t_max); }
  noise_level last() const { return level_at(schedule_, schedule_.t_min); }

  Schedule schedule_;
  int order_;
  adaptive_options options_;
  Parameterization parameterization_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
