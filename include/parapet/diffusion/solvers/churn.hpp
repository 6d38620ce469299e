// Churn: noise put back before a step, so that the step starts higher. In y = x / alpha, s = sigma / alpha:
//
//     gamma = min(amount / steps, sqrt(2) - 1) for s_min <= s <= s_max, else 0
//     y^ = y + noise sqrt(s^^2 - s^2) z,    s^ = (1 + gamma) s
//
// Karras et al., "Elucidating the design space of diffusion-based generative models" (2022), algorithm 2.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace parapet::inline PARAPET_ABI::diffusion {

struct churn {
  double amount = 0;                                     ///< S_churn, for the whole run
  double s_min = 0;                                      ///< S_tmin
  double s_max = std::numeric_limits<double>::infinity();  ///< S_tmax
  double noise = 1;                                      ///< S_noise: a little above 1 makes up for models that remove too much
};

namespace detail {

/// Adds the step that churns, if this one does, and returns the level at which x then is.
inline noise_level add_churn(sampling_plan& plan, churn const& c, level_list const& levels, std::size_t i) {
  if (!(c.amount >= 0 && c.noise >= 0))
    throw argument_error(parapet::detail::concat("churn: amount = ", c.amount, ", noise = ", c.noise, ", expected at least 0"));
  double const s = relative_noise(levels[i]);
  double const gamma = s >= c.s_min && s <= c.s_max ? std::min(c.amount / static_cast<double>(levels.size() - 1), std::sqrt(2.0) - 1) : 0;
  if (gamma == 0 || !std::isfinite(s)) return levels[i];
  noise_level const hat = intermediate_level(levels[i], levels[i + 1], s * (1 + gamma));
  plan.steps.push_back({.evaluates = false, .terms = {{0, hat.alpha / levels[i].alpha}},
                        .noise = hat.alpha * s * std::sqrt(gamma * (2 + gamma)) * c.noise, .completes = false});
  return hat;
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::diffusion
