// Trajectory consistency distillation: down the flow below the next level, and up to it with fresh noise.
//
//     u = alpha_u x_0 + sigma_u epsilon,    x' = (alpha' / alpha_u) u + sqrt(1 - (alpha' / alpha_u)^2) z    unless it is the last step
//
// where u is at step floor((1 - gamma) n') of the discrete schedule and n' the step of the next level. gamma = 0 is ddim{},
// gamma = 1 a multistep consistency model. The last step ends at u.
//
// Zheng et al., "Trajectory consistency distillation" (2024), algorithm 4; diffusers, TCDScheduler, where gamma is `eta`.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

class tcd {
public:
  /// Throws argument_error for a gamma outside [0, 1].
  explicit tcd(noise_schedule schedule, double gamma = 0.3) : schedule_(std::move(schedule)), gamma_(gamma) {
    if (!(gamma >= 0 && gamma <= 1)) throw argument_error(parapet::detail::concat("tcd: gamma = ", gamma, ", expected inside [0, 1]"));
  }

  /// Throws argument_error for levels that are not of the discrete schedule; a last level of sigma 0 is its data.
  sampling_plan compile(level_list const& levels) const {
    sampling_plan plan{.name = "tcd"};
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& from = levels[i];
      noise_level const& to = levels[i + 1];
      bool const last = i + 2 == levels.size();
      if ((to.step < 0 && to.sigma != 0) || to.step >= schedule_.steps())
        throw argument_error(parapet::detail::concat("tcd: noise level ", i + 1, " is no step of the schedule"));
      double const below = std::floor((1 - gamma_) * static_cast<double>(to.step));
      bool const clean = to.step < 0;
      double const alpha = clean ? 1 : schedule_.signal(static_cast<index_t>(below)), sigma = clean ? 0 : schedule_.noise(static_cast<index_t>(below));
      double const back = last || gamma_ == 0 ? 1 : to.alpha / alpha, along = sigma / from.sigma;
      plan.steps.push_back({.level = from, .terms = {{0, back * along}, {fresh, back * (alpha - along * from.alpha)}},
                            .noise = std::sqrt((1 - back) * (1 + back)), .reached = to});
    }
    return plan;
  }

private:
  noise_schedule schedule_;
  double gamma_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
