// How noisy a sample is: x = alpha x_0 + sigma z at one time of a diffusion.
//
//     lambda = log(alpha / sigma)      half the log of the signal-to-noise ratio: -inf is pure noise, +inf is data
//
// A sampler visits a list of levels, from noise to data. Solvers see nothing else of a schedule, so any list will do: of a
// schedule of ours (schedule.hpp, noise_schedule.hpp), of another library's table, of your own.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

struct noise_level {
  double alpha = 1, sigma = 0;
  double t = 0;        ///< the time that the model is told
  index_t step = -1;   ///< index in a discrete schedule; -1: none

  double lambda() const { return std::log(alpha / sigma); }
};

using level_list = std::vector<noise_level>;

/// lambda_b - lambda_a without the cancellation of two logarithms; infinite where one end is.
inline double lambda_difference(noise_level const& a, noise_level const& b) { return std::log((b.alpha / a.alpha) * (a.sigma / b.sigma)); }

/// Throws argument_error unless `levels` has two levels or more, of finite alpha, sigma >= 0, whose lambda rises all along (or
/// falls all along, for an inverse), and only an end has alpha or sigma 0.
inline void check_levels(level_list const& levels) {
  using parapet::detail::concat;
  if (levels.size() < 2) throw argument_error(concat("make_plan: ", levels.size(), " noise levels make 0 steps, expected at least 1"));
  bool const rising = levels[1].lambda() > levels[0].lambda();
  for (std::size_t i = 0; i < levels.size(); ++i) {
    noise_level const& l = levels[i];
    if (!(l.alpha >= 0 && l.sigma >= 0 && std::isfinite(l.alpha) && std::isfinite(l.sigma) && l.alpha + l.sigma > 0))
      throw argument_error(concat("make_plan: noise level ", i, " has alpha = ", l.alpha, " and sigma = ", l.sigma));
    if (i > 0 && !(rising ? l.lambda() > levels[i - 1].lambda() : l.lambda() < levels[i - 1].lambda()))
      throw argument_error(concat("make_plan: log-SNR ", l.lambda(), " of noise level ", i, " follows ", levels[i - 1].lambda(),
                                  ", expected levels that ", rising ? "lose" : "gain", " noise all along"));
  }
}

/// Whether levels go from noise to data.
inline bool loses_noise(level_list const& levels) { return levels.back().lambda() > levels.front().lambda(); }

}  // namespace parapet::inline PARAPET_ABI::diffusion
