// Continuous noise schedules: x_t = alpha(t) x_0 + sigma(t) epsilon, with noise that grows with t.
//
//     vp_linear         log alpha = -(beta_max - beta_min) t^2 / 4 - beta_min t / 2,   sigma^2 = 1 - alpha^2     Song et al. (2021)
//     vp_cosine         alpha = cos(pi/2 (t + s) / (1 + s)) / cos(pi/2 s / (1 + s))                              Nichol, Dhariwal (2021)
//     edm               alpha = 1, sigma = t                                                                     Karras et al. (2022)
//     rectified_flow    alpha = 1 - t, sigma = t                                                                 Liu et al. (2023)
//     interpolated      a discrete schedule with log alpha linear between its steps                              Lu et al. (2022)
//     custom_schedule   any two functions of t
//
// A schedule has alpha(t), sigma(t) and the times t_min, t_max between which samplers use it; with lambda(t) = log(alpha / sigma)
// and its inverse time(lambda) where they have a closed form, by bisection where not.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/noise_schedule.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

template <class S>
concept schedule = requires(S const& s, double t) {
  { s.alpha(t) } -> std::convertible_to<double>;
  { s.sigma(t) } -> std::convertible_to<double>;
  { s.t_min } -> std::convertible_to<double>;
  { s.t_max } -> std::convertible_to<double>;
};

/// The level of a schedule at time t.
template <schedule S>
noise_level level_at(S const& s, double t) { return {s.alpha(t), s.sigma(t), t}; }

/// The time in [t_min, t_max] at which log(alpha / sigma) is lambda. Throws argument_error where it is not in reach.
template <schedule S>
double time_at(S const& s, double lambda) {
  if constexpr (requires { { s.time(lambda) } -> std::convertible_to<double>; }) {
    return s.time(lambda);
  } else {
    double low = s.t_min, high = s.t_max;
    double const slack = 1e-9 * (1 + std::abs(lambda));
    if (!(level_at(s, low).lambda() >= lambda - slack && level_at(s, high).lambda() <= lambda + slack))
      throw argument_error(parapet::detail::concat("time_at: log-SNR ", lambda, " outside [", level_at(s, high).lambda(), ", ",
                                                   level_at(s, low).lambda(), "] of the schedule"));
    for (int i = 0; i < 200 && low < high; ++i) {
      double const middle = 0.5 * (low + high);
      if (middle == low || middle == high) break;
      (level_at(s, middle).lambda() > lambda ? low : high) = middle;
    }
    return 0.5 * (low + high);
  }
}

namespace detail {
/// Of a variance-preserving schedule: log alpha where alpha / sigma = exp(lambda).
inline double log_alpha_at(double lambda) { return lambda > 0 ? -0.5 * std::log1p(std::exp(-2 * lambda)) : lambda - 0.5 * std::log1p(std::exp(2 * lambda)); }
inline double sigma_of(double log_alpha) { return std::sqrt(-std::expm1(2 * log_alpha)); }
inline constexpr double half_pi = 1.57079632679489662;
}  // namespace detail

struct vp_linear {
  double beta_min = 0.1, beta_max = 20, t_min = 1e-3, t_max = 1;

  double log_alpha(double t) const { return -t * (0.25 * t * (beta_max - beta_min) + 0.5 * beta_min); }
  double alpha(double t) const { return std::exp(log_alpha(t)); }
  double sigma(double t) const { return detail::sigma_of(log_alpha(t)); }
  double time(double lambda) const {
    double const l = -2 * detail::log_alpha_at(lambda);
    return 2 * l / (beta_min + std::sqrt(beta_min * beta_min + 2 * (beta_max - beta_min) * l));
  }
};

struct vp_cosine {
  double s = 0.008, t_min = 1e-3, t_max = 0.9946;  ///< beyond t_max the derivative of log alpha explodes

  double log_alpha(double t) const { return std::log(std::cos(angle(t))) - std::log(std::cos(angle(0))); }
  double alpha(double t) const { return std::exp(log_alpha(t)); }
  double sigma(double t) const { return detail::sigma_of(log_alpha(t)); }
  double time(double lambda) const {
    return std::acos(std::exp(detail::log_alpha_at(lambda)) * std::cos(angle(0))) * (1 + s) / detail::half_pi - s;
  }

private:
  double angle(double t) const { return (t + s) / (1 + s) * detail::half_pi; }
};

struct edm {
  double t_min = 0.002, t_max = 80;  ///< sigma_min and sigma_max

  double alpha(double) const { return 1; }
  double sigma(double t) const { return t; }
  double time(double lambda) const { return std::exp(-lambda); }
};

struct rectified_flow {
  double t_min = 0, t_max = 1;

  double alpha(double t) const { return 1 - t; }
  double sigma(double t) const { return t; }
  double time(double lambda) const { return 1 / (1 + std::exp(lambda)); }
};

/// A discrete schedule as a continuous one, t in [0, T - 1] in steps.
class interpolated {
public:
  explicit interpolated(noise_schedule steps) : t_max(static_cast<double>(steps.steps() - 1)), steps_(std::move(steps)) {}

  double t_min = 0, t_max;

  double log_alpha(double t) const {
    auto const i = std::clamp(static_cast<index_t>(t), index_t{0}, std::max(index_t{0}, steps_.steps() - 2));
    double const before = at(i);
    return steps_.steps() < 2 ? before : before + (t - static_cast<double>(i)) * (at(i + 1) - before);
  }
  double alpha(double t) const { return std::exp(log_alpha(t)); }
  double sigma(double t) const { return detail::sigma_of(log_alpha(t)); }
  double time(double lambda) const {
    double const wanted = detail::log_alpha_at(lambda);
    index_t low = 0, high = steps_.steps() - 1;
    while (high - low > 1) {
      index_t const middle = (low + high) / 2;
      (at(middle) > wanted ? low : high) = middle;
    }
    return high == low ? 0 : static_cast<double>(low) + (wanted - at(low)) / (at(high) - at(low));
  }

private:
  double at(index_t i) const { return 0.5 * std::log(steps_.alpha_bar(i)); }
  noise_schedule steps_;
};

/// A schedule of two callables of t.
template <class Alpha, class Sigma>
struct custom_schedule {
  Alpha alpha_at;
  Sigma sigma_at;
  double t_min, t_max;

  double alpha(double t) const { return alpha_at(t); }
  double sigma(double t) const { return sigma_at(t); }
};
template <class Alpha, class Sigma>
custom_schedule(Alpha, Sigma, double, double) -> custom_schedule<Alpha, Sigma>;

}  // namespace parapet::inline PARAPET_ABI::diffusion
