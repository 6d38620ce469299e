// A level inside a step, for solvers that ask the model between two entries of a grid.
//
// What a level of s = sigma / alpha looks like follows from its neighbours: alpha = 1 stays so (Karras et al.),
// alpha^2 + sigma^2 = 1 (variance preserving), alpha + sigma = 1 (rectified flow). Of the time that the model is told only two
// values are known: it is linear in sigma on a flow, and in log s elsewhere. That is exact for times of that kind, and
// otherwise what diffusers does; a model whose t is another function of the noise takes its time from the level's alpha, sigma.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

/// sigma / alpha: the noise in x / alpha; infinite at alpha = 0.
inline double relative_noise(noise_level const& level) { return level.sigma / level.alpha; }

/// The level of this relative noise s > 0 on the way from a to b, or a little beyond.
inline noise_level intermediate_level(noise_level const& a, noise_level const& b, double s) {
  auto const both = [&](auto of) { return std::abs(of(a) - 1) < 1e-6 && std::abs(of(b) - 1) < 1e-6; };
  noise_level at;
  bool const flow = both([](noise_level const& l) { return l.alpha + l.sigma; });
  if (flow) at.alpha = 1 / (1 + s);
  else if (both([](noise_level const& l) { return std::hypot(l.alpha, l.sigma); })) at.alpha = 1 / std::hypot(1.0, s);
  else at.alpha = a.alpha;
  at.sigma = at.alpha * s;
  double const from = flow ? a.sigma : std::log(relative_noise(a)), to = flow ? b.sigma : std::log(relative_noise(b));
  double const share = std::isfinite(to - from) ? ((flow ? at.sigma : std::log(s)) - from) / (to - from) : std::isfinite(from) ? 0 : 1;
  at.t = a.t + share * (b.t - a.t);
  return at;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
