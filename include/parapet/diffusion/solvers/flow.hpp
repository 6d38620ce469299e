// Runge-Kutta methods on a rectified flow: x_t = (1 - t) x_0 + t epsilon, dx/dt = v = epsilon - x_0, from t = 1 to 0.
//
//     flow_euler      x' = x + h v(x, t)                                                           order 1; exact where v is straight
//     flow_midpoint   x' = x + h v(x + h v / 2, t + h / 2)                                         order 2
//     flow_heun       x' = x + h (v_1 + v_2) / 2,  v_2 = v(x + h v_1, t')                          order 2
//     flow_rk4        x' = x + h (v_1 + 2 v_2 + 2 v_3 + v_4) / 6                                   order 4
//
// with h = t' - t < 0. flow_heun and flow_rk4 ask the model at t = 0 in the last step; a model that predicts noise cannot answer
// there, so flow_heun may take Euler's step instead, as diffusers does.
//
// Liu, Gong, Liu, "Flow straight and fast" (2023). Libraries whose time runs from noise at 0 to data at 1 have the other sign of v.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

inline constexpr prediction velocity{-1, 1};

inline void check_flow(char const* solver, level_list const& levels) {
  for (std::size_t i = 0; i < levels.size(); ++i)
    if (!(std::abs(levels[i].alpha + levels[i].sigma - 1) < 1e-6))
      throw argument_error(parapet::detail::concat(solver, ": noise level ", i, " has alpha + sigma = ", levels[i].alpha + levels[i].sigma,
                                                   ", expected 1: a rectified flow"));
}

inline noise_level flow_level(noise_level const& from, noise_level const& to, double share) {
  if (share == 0) return from;
  if (share == 1) return to;
  return {from.alpha + share * (to.alpha - from.alpha), from.sigma + share * (to.sigma - from.sigma), from.t + share * (to.t - from.t)};
}

/// A method whose stage k starts from x + node[k] h v_{k-1}, and that ends with weights of all stages.
inline sampling_plan runge_kutta(char const* name, std::vector<double> const& node, std::vector<double> const& weight, level_list const& levels, bool euler_last) {
  check_flow(name, levels);
  sampling_plan plan{.name = name};
  std::size_t const stages = node.size();
  std::vector<int> v;
  for (std::size_t k = 0; k + 1 < stages; ++k) v.push_back(weight[k] != 0 ? plan.new_slot() : nowhere);
  int const guess = stages > 1 ? plan.new_slot() : 0;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    noise_level const& to = levels[i + 1];
    double const h = to.sigma - levels[i].sigma;
    if (euler_last && to.sigma == 0) {
      plan.steps.push_back({.level = levels[i], .as = velocity, .terms = {{0, 1}, {fresh, h}}, .reached = to});
      continue;
    }
    for (std::size_t k = 0; k < stages; ++k) {
      bool const last = k + 1 == stages;
      sampling_step step{.level = flow_level(levels[i], to, node[k]), .from = k == 0 ? 0 : guess, .as = velocity, .keep = last ? nowhere : v[k],
                         .target = last ? 0 : guess, .terms = {{0, 1}, {fresh, h * (last ? weight[k] : node[k + 1])}}, .completes = last, .reached = to};
      if (last)
        for (std::size_t j = 0; j < k; ++j)
          if (weight[j] != 0) step.terms.push_back({v[j], h * weight[j]});
      plan.steps.push_back(step);
    }
  }
  return plan;
}

}  // namespace detail

struct flow_euler {
  sampling_plan compile(level_list const& levels) const { return detail::runge_kutta("flow_euler", {0}, {1}, levels, false); }
};
struct flow_midpoint {
  sampling_plan compile(level_list const& levels) const { return detail::runge_kutta("flow_midpoint", {0, 0.5}, {0, 1}, levels, false); }
};
struct flow_heun {
  bool euler_last = true;  ///< in a step to t = 0
  sampling_plan compile(level_list const& levels) const { return detail::runge_kutta("flow_heun", {0, 1}, {0.5, 0.5}, levels, euler_last); }
};
struct flow_rk4 {
  sampling_plan compile(level_list const& levels) const {
    return detail::runge_kutta("flow_rk4", {0, 0.5, 0.5, 1}, {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}, levels, false);
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
