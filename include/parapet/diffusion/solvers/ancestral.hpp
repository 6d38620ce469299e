// Ancestral steps: to a level below the next one by the flow, then up to it by fresh noise. In y = x / alpha, s = sigma / alpha:
//
//     up = min(s', eta sqrt(s'^2 (s^2 - s'^2) / s^2)),    down = sqrt(s'^2 - up^2)         (s to s')
//
// eta = 1 is DDPM's posterior variance, eta = 0 the flow alone.
//
// k-diffusion (Crowson), get_ancestral_step.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion::detail {

struct ancestral_split {
  double down, up;
};

inline ancestral_split split_ancestral(double from, double to, double eta) {
  double const share = to / from;
  double const up = std::min(to, eta * to * std::sqrt(std::max(0.0, (1 - share) * (1 + share))));
  return {std::sqrt((to - up) * (to + up)), up};
}

/// Euler's step of y from relative noise s to `down`, written for x at alpha `alpha_to`: the data keeps what the noise loses.
inline std::vector<term> euler_terms(noise_level const& from, double alpha_to, double down) {
  return {{0, alpha_to * down / from.sigma}, {fresh, alpha_to * (1 - down / relative_noise(from))}};
}

/// Noise of deviation `up` in y, as the Brownian increment from one level to another.
inline void add_noise(sampling_step& step, double alpha, double up, noise_level const& from, noise_level const& to) {
  step.noise = alpha * up;
  step.noise_from = from.lambda();
  step.noise_to = to.lambda();
}

inline void check_ancestral(char const* solver, double eta, double noise, level_list const& levels) {
  for (auto const& [name, value] : {std::pair{"eta", eta}, std::pair{"noise", noise}})
    if (!(value >= 0)) throw argument_error(parapet::detail::concat(solver, ": ", name, " = ", value, ", expected at least 0"));
  if (eta > 0 && !loses_noise(levels)) throw argument_error(parapet::detail::concat(solver, ": draws noise, so it has no inverse; with eta = 0 it has"));
}

}  // namespace parapet::inline PARAPET_ABI::diffusion::detail
