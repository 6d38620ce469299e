// FISOR's diffusion policy distilled into one evaluation.
//
//     teacher    a = DDIM of FISOR's actor from z, in its own T steps: deterministic, same z same a
//     student    loss = mean |net(z, s) - a|^2,  s from the data, z normal
//
// See diffusion/distillation.hpp. The student plays with the critics of its FISOR (one_step_agent), so what it gives up in its actions
// is judged by the same measure.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/distillation.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/nn/average.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/rl/fisor_model.hpp>
#include <parapet/rl/one_step_policy.hpp>

#include <algorithm>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::rl {

struct distillation_options {
  index_t width = 256, hidden = 3;  ///< of the student
  index_t batch = 256, updates = 20000;
  double learning_rate = 1e-3, average_rate = 0.002;
  std::uint64_t seed = 0;
};

/// The teacher, DDIM of FISOR's actor: actions (rows, A) of noise z (rows, A) and states (rows, S). The model must outlive it.
template <class Backend>
class ddim_teacher {
public:
  ddim_teacher(Backend& be, fisor_model const& model, index_t rows)
      : model_(model), sampler_(make_plan(diffusion::ddim{}, levels_of(model.config())), diffusion::epsilon_prediction{}, diffusion::clip_data{1}),
        step_(rows) {
    plan(memory_, [&](auto& m) {
      denoiser_ = model.networks().actor.template make_workspace<Backend, float>(be, m, rows, nn::mode::inference);
      work_ = sampler_.template make_workspace<float>(m, rows, model.action_dim());
      return 0;
    });
    model.networks().actor.embed_steps(be, model.parameters().actor, denoiser_);
  }

  void operator()(Backend& be, matrix_view<float const> const& z, matrix_view<float const> const& states, matrix_view<float> const& actions) {
    copy(be, states, model_.networks().actor.state(denoiser_));
    auto const denoise = [&](Backend& worker, matrix_view<float const> const& x, index_t step) {
      copy(worker, x, model_.networks().actor.action(denoiser_));
      fill(worker, step_.view(), step);
      return model_.networks().actor.forward(worker, model_.parameters().actor, vector_view<index_t const>(step_.view()), denoiser_)(0);
    };
    diffusion::sample_pairs(be, sampler_, denoise, z, actions, work_);
  }

private:
  static auto levels_of(fisor_config const& c) { return diffusion::noise_schedule::vp(c.diffusion_steps, c.beta_min, c.beta_max).levels(); }

  fisor_model const& model_;
  diffusion::sampler<diffusion::epsilon_prediction, diffusion::clip_data> sampler_;
  buffer<index_t> step_;
  arena<> memory_;
  diffusion::residual_denoiser::workspace<float, host_space> denoiser_;
  diffusion::sampler_workspace<float, host_space> work_;
};

/// Learns a student on states (n, S) of the data. `report(update, loss)` is called after each update. Throws shape_error, and
/// argument_error for no states or an empty batch.
template <class Backend, class Report>
one_step_policy distill(Backend& be, fisor_model const& model, matrix_view<float const> const& states, distillation_options const& o, Report report) {
  check_shape("distill: states", states.shape(), extents{states.extent(0), model.state_dim()});
  if (states.extent(0) < 1) throw argument_error("distill: no states to learn from");
  if (o.batch < 1) throw argument_error(parapet::detail::concat("distill: a batch of ", o.batch, ", expected at least 1"));
  one_step_policy student({model.state_dim(), model.action_dim(), o.width, o.hidden});
  auto const& net = student.network();
  index_t const n = student.parameters().size(), a = model.action_dim();
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return net.make_workspace<float>(m, o.batch, nn::mode::training); });
  buffer<float> online(n), first(n), second(n), gradient(n), target(o.batch * a), values(o.batch * a), slope(o.batch * a);
  buffer<index_t> row(o.batch);
  extents<2> const shape{{o.batch, a}};
  fill(be, work.time, 0.0f);
  for (auto* zero : {&first, &second}) fill(be, zero->view(), 0.0f);
  copy(be, student.parameters(), online.view());
  ddim_teacher teacher(be, model, o.batch);
  for (index_t update = 0; update < o.updates; ++update) {
    fill_below(be, row.view(), states.extent(0), philox_stream(o.seed, 1), update * o.batch);
    gather(be, states, vector_view<index_t const>(row.view()), net.condition(work));
    fill_normal(be, values.view(), philox_stream(o.seed, 2), update * values.size());
    copy(be, values.view(shape), net.sample(work));
    teacher(be, matrix_view<float const>(values.view(shape)), matrix_view<float const>(net.condition(work)), target.view(shape));
    auto const answer = net.forward(be, vector_view<float const>(online.view()), work);
    nn::evaluate(be, nn::squared_error{}, 1.0 / static_cast<double>(o.batch), matrix_view<float const>(answer), matrix_view<float const>(target.view(shape)),
                 values.view(shape), slope.view(shape));
    net.backward(be, vector_view<float const>(online.view()), work, matrix_view<float const>(slope.view(shape)), gradient.view());
    nn::update(be, nn::adam{}, nn::learning_rate::cosine(o.learning_rate, o.updates)(update), update + 1, online.view(),
               nn::moments<float>{first.view(), second.view()}, vector_view<float const>(gradient.view()));
    nn::update_average(be, std::max(o.average_rate, 1.0 / static_cast<double>(update + 1)), vector_view<float const>(online.view()), student.parameters());
    report(update, static_cast<double>(sum(be, values.view())));
  }
  return student;
}

}  // namespace parapet::inline PARAPET_ABI::rl
