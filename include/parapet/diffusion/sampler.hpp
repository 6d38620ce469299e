// Runs a sampling plan: from noise to data on any backend, with any denoiser, without an allocation.
//
//     sampler const s(make_plan(dpm_solver_pp_2m{}, levels), epsilon_prediction{}, clip_data{1});
//     arena<> memory;
//     auto const work = plan(memory, [&](auto& m) { return s.make_workspace<float>(m, rows, dimension); });
//     s.run(be, denoise, philox_noise{philox_stream(seed, 0)}, x, work);
//
// A step is one call of the denoiser and one map: conversion of the model's prediction and the solver's linear combination are
// fused. Hooks that see the predicted data cost a map more. All coefficients are known when the sampler is made. A run asks the host for nothing that a step
// computed, so a backend can capture it (unless a hook or the denoiser does).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/linked_step.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

template <parameterization Parameterization = epsilon_prediction, class... Hooks>
class sampler {
public:
  /// Throws argument_error where the model's prediction does not determine what the plan needs (convert).
  explicit sampler(sampling_plan plan, Parameterization const& parameterization = {}, Hooks const&... hooks)
      : plan_(std::move(plan)), parameterization_(parameterization), hooks_(hooks...) {
    for (sampling_step const& step : plan_.steps) linked_.push_back(link(step));
  }

  sampling_plan const& plan() const { return plan_; }

  template <class T, class Space>
  sampler_workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, index_t dimension) const {
    extents const shape{rows, dimension};
    sampler_workspace<T, Space> w;
    for (int i = 1; i < plan_.slots; ++i) w.slot[static_cast<std::size_t>(i)] = memory.template take<T>(shape);
    if (!plan_.is_deterministic()) w.noise = memory.template take<T>(shape);
    if (scales_input<Parameterization>) w.input = memory.template take<T>(shape);
    if (sees_data) w.data = memory.template take<T>(shape);
    return w;
  }

  /// x (rows, dimension) becomes a sample, from noise that draw 0 gives. Allocates nothing. Throws shape_error, and what the
  /// denoiser, the noise and hooks throw.
  template <class Backend, class Denoiser, class Noise, class T, class Space>
  void run(Backend& be, Denoiser&& denoise, Noise&& noise, matrix_view<T, Space> const& x, sampler_workspace<T, Space> const& w) const {
    call_noise(be, noise, noise_draw{}, x);
    if (plan_.initial_deviation != 1)
      map(be, detail::linear_update<T, 1>{{static_cast<T>(plan_.initial_deviation)}}, x, matrix_view<T const, Space>(x));
    run_from(be, denoise, noise, x, w);
  }

  /// The same from the x that is there, a sample at plan().start: a warm start, an image to vary, data for the inverse.
  template <class Backend, class Denoiser, class Noise, class T, class Space>
  void run_from(Backend& be, Denoiser&& denoise, Noise&& noise, matrix_view<T, Space> const& x, sampler_workspace<T, Space> const& w) const {
    static_assert(check_denoiser<std::remove_reference_t<Denoiser>, Backend, T>());
    check_workspace(x, w);
    std::apply([&](auto const&... hook) { (call_before_steps(be, hook, x, plan_.start), ...); }, hooks_);
    index_t draw = 0;
    sampling_progress progress{0, plan_.completed(), plan_.start};
    for (std::size_t i = 0; i < linked_.size(); ++i) {
      sampling_step const& step = plan_.steps[i];
      step_once(be, step, linked_[i], denoise, noise, draw, x, w);
      if (!step.completes) continue;
      if constexpr ((detail::has_on_state<Hooks> || ...)) map(be, detail::functor_update<decltype(state_functors())>{state_functors()}, x);
      ++progress.completed;
      progress.level = step.reached;
      std::apply([&](auto const&... hook) { (call_after_step(be, hook, x, progress), ...); }, hooks_);
    }
  }

private:
  /// Whether a hook wants to see the predicted data; it is then an array of its own, instead of a share of the step's inputs.
  static constexpr bool sees_data = ((detail::has_on_data<Hooks> || detail::has_correct_data<Hooks>) || ...);

  detail::linked_step link(sampling_step const& step) const {
    double scale = 1;
    if constexpr (scales_input<Parameterization>) scale = parameterization_.input_scale(step.level);
    return {step, step.evaluates ? parameterization_(step.level) : prediction{}, scale, sees_data};
  }

  template <class Backend, class Denoiser, class Noise, class T, class Space>
  void step_once(Backend& be, sampling_step const& step, detail::linked_step const& linked, Denoiser& denoise, Noise& noise, index_t& draw,
                 matrix_view<T, Space> const& x, sampler_workspace<T, Space> const& w) const {
    using view = matrix_view<T const, Space>;
    auto const slot = [&](int i) { return i == 0 ? x : w.slot[static_cast<std::size_t>(i)]; };
    view const from = slot(step.from);
    view answer;
    if (step.evaluates) {
      if constexpr (scales_input<Parameterization>) {
        map(be, detail::linear_update<T, 1>{{static_cast<T>(linked.input_scale)}}, w.input, from);
        answer = call_denoiser(be, denoise, view(w.input), step.level);
      } else {
        answer = call_denoiser(be, denoise, from, step.level);
      }
      if constexpr (sees_data) {
        map(be, detail::data_update<T, decltype(data_functors())>{static_cast<T>(linked.to_data.x_factor), static_cast<T>(linked.to_data.factor),
                                                                  data_functors()},
            w.data, from, answer);
        std::apply([&](auto const&... hook) { (call_correct_data(be, hook, w.data, step.level), ...); }, hooks_);
      }
    }
    if (step.noise != 0) call_noise(be, noise, noise_draw{++draw, step.noise_from, step.noise_to}, w.noise);
    detail::update(be, step, linked, answer, x, w);
  }

  auto data_functors() const { return std::apply([](auto const&... hook) { return detail::data_chain(hook...); }, hooks_); }
  auto state_functors() const { return std::apply([](auto const&... hook) { return detail::state_chain(hook...); }, hooks_); }

  template <class Backend, class Hook, class T, class Space>
  static void call_correct_data(Backend& be, Hook const& hook, matrix_view<T, Space> const& x0, noise_level const& level) {
    if constexpr (detail::has_correct_data<Hook>) hook.correct_data(be, x0, level);
  }
  template <class Backend, class Hook, class T, class Space>
  static void call_before_steps(Backend& be, Hook const& hook, matrix_view<T, Space> const& x, noise_level const& level) {
    if constexpr (detail::has_before_steps<Hook>) hook.before_steps(be, x, level);
  }
  template <class Backend, class Hook, class T, class Space>
  static void call_after_step(Backend& be, Hook const& hook, matrix_view<T, Space> const& x, sampling_progress const& progress) {
    if constexpr (detail::has_after_step<Hook>) hook.after_step(be, x, progress);
  }

  template <class T, class Space>
  void check_workspace(matrix_view<T, Space> const& x, sampler_workspace<T, Space> const& w) const {
    for (int i = 1; i < plan_.slots; ++i) check_shape("sampler: a slot of the workspace", w.slot[static_cast<std::size_t>(i)].shape(), x.shape());
    if (!plan_.is_deterministic()) check_shape("sampler: noise of the workspace", w.noise.shape(), x.shape());
    if (scales_input<Parameterization>) check_shape("sampler: input of the workspace", w.input.shape(), x.shape());
    if (sees_data) check_shape("sampler: data of the workspace", w.data.shape(), x.shape());
  }

  sampling_plan plan_;
  Parameterization parameterization_;
  std::tuple<Hooks...> hooks_;
  std::vector<detail::linked_step> linked_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
