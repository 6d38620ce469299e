// The tables of diffusers and k-diffusion, and the ways in which they pick steps from them, where the library's own grids
// (step_grid.hpp) have no such habit.
#pragma once

#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/noise_schedule.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "diffusion/peers.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace peers {

using numbers = std::vector<double>;

inline noise_schedule stable_diffusion() { return noise_schedule::scaled_linear(1000); }
/// diffusers' beta_schedule "exp": alpha_bar(t) = exp(-12 t), as its betas.
inline noise_schedule exponential_betas() { return noise_schedule(numbers(1000, -std::expm1(-12.0 / 1000))); }

/// A last alpha_bar of 2^-24 in place of 0, which sigma-space schedulers need.
inline level_list with_finite_start(level_list levels) {
  levels.front() = {std::exp2(-12), std::sqrt(1 - std::exp2(-24)), levels.front().t, levels.front().step};
  return levels;
}
/// The same levels with alpha = 1: k-diffusion's form.
inline level_list scaled(level_list levels) {
  for (noise_level& l : levels) l.sigma /= l.alpha, l.alpha = 1;
  return levels;
}
inline level_list ending_at(level_list levels, noise_level const& end) {
  levels.back() = end;
  return levels;
}

inline numbers linspace_numbers(double a, double b, index_t n) {
  numbers x;
  for (index_t i = 0; i < n; ++i) x.push_back(n == 1 ? a : a + (b - a) * static_cast<double>(i) / static_cast<double>(n - 1));
  return x;
}

/// Steps of a schedule by number, then an end.
inline level_list at_steps(noise_schedule const& s, numbers const& steps, index_t end = -1) {
  level_list levels;
  for (double t : steps) levels.push_back(s.level(static_cast<index_t>(std::nearbyint(t))));
  levels.push_back(s.level(end));
  return levels;
}
/// Between the steps of a schedule, with sigma / alpha linear, at n even times; then data.
inline level_list between_steps(noise_schedule const& s, index_t n) {
  level_list levels;
  for (double t : linspace_numbers(999, 0, n)) {
    auto const i = std::min(static_cast<index_t>(t), index_t{998});
    double const a = relative_noise(s.level(i)), b = relative_noise(s.level(i + 1)), r = a + (t - static_cast<double>(i)) * (b - a);
    levels.push_back({1 / std::hypot(1.0, r), r / std::hypot(1.0, r), t});
  }
  levels.push_back({});
  return levels;
}
/// DPM-Solver's schedulers cut one interval more, and leave its end out. Products as numpy makes them: ties round by them.
inline numbers solver_linspace(index_t n, double last = 999) {
  numbers t;
  for (index_t i = n; i >= 1; --i) t.push_back(static_cast<double>(i) * (last / static_cast<double>(n)));
  return t;
}
inline numbers solver_leading(index_t n, double offset) {
  numbers t;
  for (index_t i = n; i >= 1; --i) t.push_back(static_cast<double>(i * (1000 / (n + 1))) + offset);
  return t;
}
/// Some of the 50 steps of the model that an LCM was distilled from.
inline numbers lcm_numbers(index_t n) {
  numbers t;
  for (index_t i = 0; i < n; ++i) t.push_back(static_cast<double>((50 - i * 50 / n) * 20 - 1));
  return t;
}
/// Some of the 150 levels of a consistency model, then its least one.
inline level_list consistency_steps(index_t n) {
  level_list const all = make_levels(edm{}, karras_grid{}, 149);
  level_list some;
  for (index_t i = 0; i < n; ++i) some.push_back(all[static_cast<std::size_t>(i * (150 / n))]);
  some.push_back(all.back());
  return some;
}
/// Karras' and exponential grids between the ends of the whole schedule, then data.
template <class Grid>
level_list on(noise_schedule const& s, Grid const& grid, index_t n) { return make_levels(interpolated(s), grid, n, last_level::data); }

inline level_list flow_levels(numbers const& t) {
  level_list levels;
  for (double s : t) levels.push_back({1 - s, s, s});
  return levels;
}
/// t -> shift t / (1 + (shift - 1) t)
inline numbers shifted(numbers t, double shift) {
  for (double& s : t) s = shift * s / (1 + (shift - 1) * s);
  return t;
}
inline numbers then_zero(numbers t) {
  t.push_back(0);
  return t;
}

}  // namespace peers
