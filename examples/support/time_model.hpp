// A time_network with everything that training and sampling it takes: parameters, their average, Adam's moments, work memory.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/diffusion/training.hpp>
#include <parapet/nn/average.hpp>
#include <parapet/nn/learning_rate.hpp>
#include <parapet/nn/optimizer.hpp>

#include <algorithm>
#include <cstdint>

namespace support {

using parapet::buffer;
using parapet::extents;
using parapet::index_t;
using parapet::matrix_view;
using parapet::vector_view;
namespace diffusion = parapet::diffusion;
namespace nn = parapet::nn;
using parapet::backend::cpu;

class time_model {
public:
  time_model(cpu& be, diffusion::time_network_config const& config, index_t batch, std::uint64_t seed)
      : network_(list_, "model", config), batch_(batch), parameters_(list_.size()), average_(list_.size()), first_(list_.size()), second_(list_.size()),
        gradient_(list_.size()), noise_(batch * config.dimension), target_(batch * config.dimension), values_(batch * config.out), slope_(batch * config.out),
        weight_(batch), which_(batch) {
    list_.initialize(parameters_.view(), seed, 0);
    copy(be, vector_view<float const>(parameters_.view()), average_.view());
    fill(be, first_.view(), 0.0f);
    fill(be, second_.view(), 0.0f);
    work_ = plan(memory_, [&](auto& m) { return network_.make_workspace<float>(m, batch_, nn::mode::training); });
  }

  diffusion::time_network const& network() const { return network_; }
  auto const& work() const { return work_; }
  vector_view<float const> parameters() const { return average_.view(); }
  buffer<float>& slope() { return slope_; }
  index_t step() const { return step_; }

  /// A step of denoising on data (batch, D), whose condition (batch, C), if any, is in the workspace; the loss. Weights (batch) or empty.
  double denoising_step(cpu& be, diffusion::training_levels<float> const& levels, matrix_view<float const> const& data, index_t total_steps,
                        vector_view<float const> const& weights = {}) {
    parapet::philox_stream const random(7, 1);
    auto const shaped = [&](buffer<float>& b) { return b.view(extents{batch_, network_.config().dimension}); };
    fill_normal(be, noise_.view(), random, step_ * noise_.size());
    fill_below(be, which_.view(), levels.size(), parapet::philox_stream(7, 2), step_ * batch_);
    diffusion::training_batch<float> const batch{network_.sample(work_), work_.time, shaped(target_), weight_.view()};
    diffusion::noise_samples(be, levels, vector_view<index_t const>(which_.view()), data, shaped(noise_), batch, weights);
    auto const answer = network_.forward(be, online(), work_);
    diffusion::denoising_loss(be, 1.0 / static_cast<double>(batch_), answer, batch, shaped(values_), shaped(slope_));
    descend(be, shaped(slope_), total_steps);
    return static_cast<double>(sum(be, values_.view()));
  }

  /// An optimiser step along the gradient of the last forward pass in work(), from the slope by the answer (batch, out).
  void descend(cpu& be, matrix_view<float const> const& slope, index_t total_steps) {
    network_.backward(be, online(), work_, slope, gradient_.view());
    nn::update(be, nn::adam{}, nn::learning_rate::cosine(3e-3, total_steps)(step_), step_ + 1, parameters_.view(), {first_.view(), second_.view()},
               vector_view<float const>(gradient_.view()));
    ++step_;
    nn::update_average(be, std::max(0.005, 1.0 / static_cast<double>(step_)), vector_view<float const>(parameters_.view()), average_.view());
  }
  vector_view<float const> online() const { return parameters_.view(); }

private:
  nn::parameter_list list_;
  diffusion::time_network network_;
  index_t batch_, step_ = 0;
  buffer<float> parameters_, average_, first_, second_, gradient_, noise_, target_, values_, slope_, weight_;
  buffer<index_t> which_;
  parapet::arena<> memory_;
  diffusion::time_network::workspace<float, parapet::host_space> work_;
};

/// The averaged model as a denoiser of `rows` rows.
class model_denoiser {
public:
  model_denoiser(time_model const& model, index_t rows) : model_(model) {
    work_ = plan(memory_, [&](auto& m) { return model.network().make_workspace<float>(m, rows, nn::mode::inference); });
  }
  matrix_view<float> condition() const { return model_.network().condition(work_); }
  matrix_view<float const> operator()(cpu& be, matrix_view<float const> const& x, diffusion::noise_level const& level) {
    copy(be, x, model_.network().sample(work_));
    fill(be, work_.time, static_cast<float>(diffusion::time_network::time_of(level)));
    return model_.network().forward(be, model_.parameters(), work_);
  }

private:
  time_model const& model_;
  parapet::arena<> memory_;
  diffusion::time_network::workspace<float, parapet::host_space> work_;
};

}  // namespace support
