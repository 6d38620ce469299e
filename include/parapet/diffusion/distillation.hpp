// Distillation of a sampler into one evaluation: a student learns, from pairs, what a deterministic sampler makes of its noise.
//
//     a = sampler(z),    loss = mean |student(z, c) - a|^2
//
// Luhman and Luhman, "Knowledge distillation in iterative generative models" (2021); of policies: FQL (Park et al., 2025). The
// student is a model with data_prediction at the sampler's first level, and is sampled by the plan `one_step_plan`. The same pairs,
// put into training.hpp's flow loss, straighten a rectified flow (reflow: Liu et al., 2023).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::diffusion {

/// data (rows, dimension) = what the sampler makes of standard normal z. Allocates nothing. Throws argument_error for a sampler that
/// draws noise on its way, which has no such pairs; shape_error.
template <class Backend, class Parameterization, class... Hooks, class Denoiser, class T, class Space>
void sample_pairs(Backend& be, sampler<Parameterization, Hooks...> const& teacher, Denoiser&& denoise,
                  std::type_identity_t<matrix_view<T const, Space>> const& z, matrix_view<T, Space> const& data, sampler_workspace<T, Space> const& work) {
  if (!teacher.plan().is_deterministic())
    throw argument_error(parapet::detail::concat("sample_pairs: ", teacher.plan().name, " draws noise at ", teacher.plan().draws(),
                                                 " steps, expected a deterministic sampler"));
  check_shape("sample_pairs: noise", z.shape(), data.shape());
  teacher.run(be, denoise, [&](Backend& worker, index_t, matrix_view<T, Space> const& out) { copy(worker, z, out); }, data, work);
}

/// From the teacher's first level to the data in one evaluation of a student.
inline sampling_plan one_step_plan(sampling_plan const& teacher) {
  sampling_plan plan = make_plan(ddim{}, {teacher.start, {1, 0, 0, -1}});
  plan.name = "one step";
  plan.initial_deviation = teacher.initial_deviation;
  return plan;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
