// A step of a plan, made ready for one model: conversions of its prediction are folded into the factors.
//
// This part of a sampler depends on neither the denoiser nor its hooks, so that it is compiled once for a backend and a scalar.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <array>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

/// Memory of a run on x (rows, dimension); every array has its shape. What a plan does not need is empty.
template <class T, class Space>
struct sampler_workspace {
  std::array<matrix_view<T, Space>, max_slots> slot;  // slot[0] is x, and not here
  matrix_view<T, Space> noise;  // of this step
  matrix_view<T, Space> input;  // of a model that wants it scaled
  matrix_view<T, Space> data;   // predicted, for hooks that see it
};

namespace detail {

/// What an input of the step's map is, where it is no slot: the model's answer, the data that hooks have corrected, the noise.
inline constexpr int answer_input = -1, data_input = -2, noise_input = -3;

struct linked_step {
  double input_scale = 1;
  int prediction_input = answer_input;
  conversion to_data{0, 1}, to_prediction{0, 1};
  double fresh = 0;  // share of the prediction, where that is kept; folded into the inputs where not
  std::vector<term> inputs;

  /// `sees_data`: hooks ask for the predicted data, which is then an array of its own. Throws argument_error for a step that reads more
  /// arrays than there are kernels for.
  linked_step(sampling_step const& step, prediction const& model, double input_scale_, bool sees_data) : input_scale(input_scale_) {
    if (sees_data) prediction_input = data_input;
    if (step.evaluates && sees_data) to_data = convert(model, predicts_data, step.level);
    if (step.evaluates) to_prediction = convert(sees_data ? predicts_data : model, step.as, step.level);
    for (term const& t : step.terms) {
      if (t.slot == model_noise) add(step.from, answer_input, convert(model, predicts_noise, step.level), t.factor);
      else if (t.slot != diffusion::fresh) add(t.slot, t.factor);
      else if (step.keep != nowhere) fresh += t.factor;
      else add(step.from, prediction_input, to_prediction, t.factor);
    }
    add(noise_input, step.noise);
    if (inputs.empty()) inputs.push_back({step.from, 0});
    std::size_t const most = step.keep == nowhere ? max_terms : max_terms - 2;
    if (inputs.size() > most)
      throw argument_error(parapet::detail::concat("sampler: a step from sigma = ", step.level.sigma, " reads ", inputs.size(),
                                                   " arrays, expected at most ", most));
  }

private:
  void add(int source, double factor) {
    if (factor == 0) return;
    for (term& t : inputs)
      if (t.slot == source) {
        t.factor += factor;
        return;
      }
    inputs.push_back({source, factor});
  }
  void add(int from, int input, conversion const& c, double factor) {
    add(from, factor * c.x_factor);
    add(input, factor * c.factor);
  }
};

/// The map of a step, given the model's answer.
template <class Backend, class T, class Space>
void update(Backend& be, sampling_step const& step, linked_step const& linked, matrix_view<T const, Space> const& answer,
            matrix_view<T, Space> const& x, sampler_workspace<T, Space> const& w) {
  using view = matrix_view<T const, Space>;
  auto const slot = [&](int i) { return i == 0 ? x : w.slot[static_cast<std::size_t>(i)]; };
  auto const input = [&](int i) { return i == answer_input ? answer : view(i == data_input ? w.data : i == noise_input ? w.noise : slot(i)); };
  std::array<view, max_terms> in;
  std::array<T, max_terms> factor{};
  int count = 0;
  for (term const& t : linked.inputs) {
    in[static_cast<std::size_t>(count)] = input(t.slot);
    factor[static_cast<std::size_t>(count++)] = static_cast<T>(t.factor);
  }
  for (auto k = static_cast<std::size_t>(count); k < in.size(); ++k) in[k] = in[0];
  if (step.keep == nowhere)
    with_count<max_terms>(count, [&]<std::size_t... I>(std::index_sequence<I...>) {
      map(be, linear_update<T, sizeof...(I)>{{factor[I]...}}, slot(step.target), in[I]...);
    });
  else
    with_count<max_terms - 2>(count, [&]<std::size_t... I>(std::index_sequence<I...>) {
      conversion const& c = linked.to_prediction;
      map(be, predicting_update<T, sizeof...(I)>{static_cast<T>(c.x_factor), static_cast<T>(c.factor), static_cast<T>(linked.fresh), {factor[I]...}},
          slot(step.target), slot(step.keep), view(slot(step.from)), input(linked.prediction_input), in[I]...);
    });
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::diffusion
