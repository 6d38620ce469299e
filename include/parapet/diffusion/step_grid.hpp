// Where a sampler stops between noise and data: grids of n steps on a schedule.
//
//     time_grid           t = (t_max^(1/p) + u (t_min^(1/p) - t_max^(1/p)))^p       p = 1 uniform, 2 quadratic       u = 0 .. 1
//     log_snr_grid        lambda uniform ("exponential" in s = sigma / alpha)
//     karras_grid         s = (s_max^(1/rho) + u (s_min^(1/rho) - s_max^(1/rho)))^rho
//     linspace, leading, trailing      entries of a discrete schedule, as diffusers' timestep_spacing
//     levels_at           your own times
//
// n steps have n + 1 levels. Ending in data without noise (last_level::data), the grid has n levels and sigma = 0 follows.
//
// Karras et al., "Elucidating the design space of diffusion-based generative models" (2022), eq. 5. Lu et al., "DPM-Solver" (2022).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/sampling_plan.hpp>
#include <parapet/diffusion/schedule.hpp>

#include <cmath>
#include <concepts>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

enum class last_level {
  schedule,  ///< t_min of a continuous schedule, the last step that a spacing takes of a discrete one
  data,      ///< sigma = 0 after that
};

namespace detail {
/// Between a and b, evenly in their p-th roots.
inline double between(double a, double b, double p, double u) {
  if (u == 0) return a;
  if (u == 1) return b;
  return p == 1 ? a + u * (b - a) : std::pow(std::pow(a, 1 / p) + u * (std::pow(b, 1 / p) - std::pow(a, 1 / p)), p);
}
}  // namespace detail

struct time_grid {
  double power = 1;
  template <schedule S>
  double time(S const& s, double u) const { return detail::between(s.t_max, s.t_min, power, u); }
};

struct log_snr_grid {
  template <schedule S>
  double time(S const& s, double u) const {
    if (u == 0) return s.t_max;
    if (u == 1) return s.t_min;
    return time_at(s, detail::between(level_at(s, s.t_max).lambda(), level_at(s, s.t_min).lambda(), 1, u));
  }
};
using exponential_grid = log_snr_grid;

struct karras_grid {
  double rho = 7;
  template <schedule S>
  double time(S const& s, double u) const {
    if (u == 0) return s.t_max;
    if (u == 1) return s.t_min;
    return time_at(s, -std::log(detail::between(std::exp(-level_at(s, s.t_max).lambda()), std::exp(-level_at(s, s.t_min).lambda()), rho, u)));
  }
};

template <class G, class S>
concept step_grid = requires(G const& grid, S const& s, double u) {
  { grid.time(s, u) } -> std::convertible_to<double>;
};

/// The levels of a schedule at `times`, and data without noise after them where asked for.
template <schedule S>
level_list levels_at(S const& s, std::vector<double> const& times, last_level last = last_level::schedule) {
  level_list levels;
  for (double t : times) levels.push_back(level_at(s, t));
  if (last == last_level::data) levels.push_back({});
  return levels;
}

/// n steps of a grid on a schedule, from noise to data. Throws argument_error for n < 1 and where the grid does not exist: a
/// grid in log-SNR on a schedule with an end at infinity.
template <schedule S, step_grid<S> Grid>
level_list make_levels(S const& s, Grid const& grid, index_t n, last_level last = last_level::schedule) {
  using parapet::detail::concat;
  if (n < 1) throw argument_error(concat("make_levels: ", n, " steps, expected at least 1"));
  if (!(s.t_min < s.t_max)) throw argument_error(concat("make_levels: times from ", s.t_max, " to ", s.t_min, ", expected descending ones"));
  index_t const intervals = last == last_level::data ? n - 1 : n;
  std::vector<double> times{s.t_max};
  for (index_t i = 1; i <= intervals; ++i) {
    double const t = grid.time(s, static_cast<double>(i) / static_cast<double>(intervals));
    if (!std::isfinite(t))
      throw argument_error(concat("make_levels: time ", i, " of ", n, " is ", t, ": this grid does not reach the ends of the schedule, set t_min and t_max"));
    times.push_back(t);
  }
  return levels_at(s, times, last);
}

/// Steps round(i (T - 1) / (n - 1)).
struct linspace {
  double step(double i, double n, double total) const { return n > 1 ? std::nearbyint(i * (total - 1) / (n - 1)) : 0; }
};
/// Steps i floor(T / n) + offset: begins below T - 1, where there still is some data.
struct leading {
  index_t offset = 0;
  double step(double i, double n, double total) const { return i * std::floor(total / n) + static_cast<double>(offset); }
};
/// Steps round((i + 1) T / n) - 1: begins at T - 1.
struct trailing {
  double step(double i, double n, double total) const { return std::nearbyint(total - (n - 1 - i) * total / n) - 1; }
};

template <class G>
concept step_spacing = requires(G const& grid, double x) {
  { grid.step(x, x, x) } -> std::convertible_to<double>;
};

/// n of the steps of a discrete schedule, from noise to data, then data without noise. With last_level::schedule the grid ends
/// at the last of them and makes n - 1 steps. Throws argument_error for n outside 1 .. T, or steps outside of the schedule.
template <step_spacing Spacing>
level_list make_levels(noise_schedule const& s, Spacing const& spacing, index_t n, last_level last = last_level::data) {
  using parapet::detail::concat;
  if (n < 1 || n > s.steps()) throw argument_error(concat("make_levels: ", n, " steps, expected 1 to ", s.steps(), ", those of the schedule"));
  level_list levels;
  for (index_t i = n - 1; i >= 0; --i) {
    auto const step = static_cast<index_t>(spacing.step(static_cast<double>(i), static_cast<double>(n), static_cast<double>(s.steps())));
    if (step < 0 || step >= s.steps()) throw argument_error(concat("make_levels: step ", step, " outside of the schedule's ", s.steps()));
    levels.push_back(s.level(step));
  }
  if (last == last_level::data) levels.push_back(s.level(-1));
  return levels;
}

/// The same levels from data to noise: for the inverse of a deterministic solver.
inline level_list reversed(level_list levels) { return {levels.rbegin(), levels.rend()}; }

/// The same plan with times told to the model that are exact on this schedule: a solver that asks between two levels of its
/// grid knows how noisy such a level is, but only the schedule knows its time.
template <schedule S>
sampling_plan with_times(sampling_plan plan, S const& s) {
  for (sampling_step& step : plan.steps)
    if (step.evaluates && step.level.step < 0 && step.level.sigma > 0 && step.level.alpha > 0) step.level.t = time_at(s, step.level.lambda());
  return plan;
}

/// The plan of a solver for n steps of a grid.
template <solver Solver, schedule S, step_grid<S> Grid>
sampling_plan make_plan(Solver const& solver, S const& s, Grid const& grid, index_t n, last_level last = last_level::schedule) {
  return with_times(make_plan(solver, make_levels(s, grid, n, last)), s);
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
