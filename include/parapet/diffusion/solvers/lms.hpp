// Linear multistep method on the probability-flow ODE in y = x / alpha, s = sigma / alpha, where dy/ds is epsilon:
//
//     y' = y + sum_j c_j epsilon_{i-j},    c_j = integral over [s, s'] of the Lagrange polynomial of node j of s_i .. s_{i-k+1}
//
// Adams and Bashforth's on an uneven grid. The integrals are exact (Gauss and Legendre); the first steps have fewer nodes.
//
// k-diffusion, sample_lms (Katherine Crowson), which integrates by adaptive quadrature.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <algorithm>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

/// Integral over [a, b] of the polynomial that is 1 at node[j] and 0 at the others; exact for up to six nodes.
inline double integrate_lagrange(std::vector<double> const& node, std::size_t j, double a, double b) {
  constexpr double at[] = {-0.774596669241483377, 0.0, 0.774596669241483377}, weight[] = {5.0 / 9, 8.0 / 9, 5.0 / 9};
  double total = 0;
  for (int q = 0; q < 3; ++q) {
    double const s = 0.5 * (a + b) + 0.5 * (b - a) * at[q];
    double product = weight[q];
    for (std::size_t k = 0; k < node.size(); ++k)
      if (k != j) product *= (s - node[k]) / (node[j] - node[k]);
    total += product;
  }
  return 0.5 * (b - a) * total;
}

}  // namespace detail

struct lms {
  int order = 4;  ///< 1 to 5

  sampling_plan compile(level_list const& levels) const {
    if (order < 1 || order > 5) throw argument_error(parapet::detail::concat("lms: order = ", order, ", expected 1 to 5"));
    sampling_plan plan{.name = "lms"};
    std::vector<int> history;  // a ring: the epsilon of step i lies in history[i % size]
    for (int j = 1; j < order; ++j) history.push_back(plan.new_slot());
    auto const slot_of = [&](std::size_t i) { return history[i % history.size()]; };
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& to = levels[i + 1];
      sampling_step step{.level = levels[i], .as = predicts_noise, .terms = {{0, to.alpha / levels[i].alpha}}, .reached = to};
      std::vector<double> nodes;
      for (std::size_t j = 0; j < std::min(i + 1, static_cast<std::size_t>(order)); ++j) nodes.push_back(relative_noise(levels[i - j]));
      for (std::size_t j = 0; j < nodes.size(); ++j)
        step.terms.push_back({j == 0 ? fresh : slot_of(i - j), to.alpha * detail::integrate_lagrange(nodes, j, nodes[0], relative_noise(to))});
      if (!history.empty()) step.keep = slot_of(i);
      plan.steps.push_back(step);
    }
    return plan;
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
