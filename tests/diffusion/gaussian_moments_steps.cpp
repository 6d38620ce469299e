// Exact moments of solvers whose steps are of several kinds, against their published loops: gaussian_moments.cpp has the others.
#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/solvers/dpm_fast.hpp>
#include <parapet/diffusion/solvers/dpm_singlestep.hpp>
#include <parapet/diffusion/solvers/dpm_solver_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/affine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::affine;
using support::gaussian_world;

namespace {

/// x of the published loop, from N(0, initial deviation^2), has the moments of the plan; few steps in the noise form blow it up.
void compare(sampling_plan const& plan, affine const& x) {
  CAPTURE(plan.name);
  gaussian_moments const got = moments_of(plan, {0.3, 0.5});
  CHECK(std::abs(got.mean - x.mean()) <= 1e-12);
  CHECK(std::abs(got.variance - x.variance()) <= 1e-12 * std::max(1.0, x.variance()));
  CHECK(got.variance > 0.01);
}

}  // namespace

TEST_CASE("gaussian moments: SDE-DPM-Solver in the noise form, as diffusers writes it") {
  level_list const levels = make_levels(vp_linear{}, log_snr_grid{}, 9);
  for (int const order : {1, 2})
    for (auto const second : {second_order::midpoint, second_order::heun}) {
      sampling_plan const plan = make_plan(dpm_solver_multistep{.order = order, .stochastic = true, .second = second, .lower_order_below = 0}, levels);
      gaussian_world world;
      affine x = world.draw(), before;
      double h_before = 0;
      for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
        noise_level const& s = levels[i];
        noise_level const& t = levels[i + 1];
        double const h = t.lambda() - s.lambda(), grown = std::exp(h) - 1;
        affine const m = world.epsilon(x, s.alpha, s.sigma);
        affine next = t.alpha / s.alpha * x - 2 * t.sigma * grown * m;
        if (order == 2 && i > 0) {
          affine const d1 = h / h_before * (m - before);
          next = next - t.sigma * (second == second_order::midpoint ? grown : 2 * (grown / h - 1)) * d1;
        }
        x = next + t.sigma * std::sqrt(std::exp(2 * h) - 1) * world.draw();
        before = m;
        h_before = h;
      }
      compare(plan, x);
    }
}

TEST_CASE("gaussian moments: single-step SDE-DPM-Solver++ on levels of the grid, as diffusers writes it") {
  level_list const levels = make_levels(vp_linear{}, log_snr_grid{}, 8);
  for (auto const second : {second_order::midpoint, second_order::heun}) {
    gaussian_world world;
    affine x = world.draw(), start, first;
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      noise_level const& t = levels[i + 1];
      affine const m = world.data(x, levels[i].alpha, levels[i].sigma);
      bool const begins = i % 2 == 0;
      noise_level const& s = levels[begins ? i : i - 1];
      if (begins) start = x, first = m;
      double const h = t.lambda() - s.lambda(), whole = 1 - std::exp(-2 * h);
      x = t.sigma / s.sigma * std::exp(-h) * start + t.alpha * whole * first;
      if (!begins) {
        double const r = (levels[i].lambda() - s.lambda()) / h;
        x = x + t.alpha * (second == second_order::midpoint ? 0.5 * whole : whole / (-2 * h) + 1) / r * (m - first);
      }
      x = x + t.sigma * std::sqrt(whole) * world.draw();
    }
    compare(make_plan(dpm_singlestep{.stochastic = true, .second = second}, levels), x);
  }
}

TEST_CASE("gaussian moments: DPM-fast with noise, as k-diffusion writes it") {
  for (index_t const n : {9, 10, 11})
    for (double const eta : {0.5, 1.0}) {
      dpm_fast const solver{.evaluations = n, .eta = eta};
      level_list const levels = make_levels(edm{0.02, 20}, log_snr_grid{}, solver.steps());
      gaussian_world world;
      affine x = levels[0].sigma * world.draw();
      auto const epsilon = [&](affine const& at, double s) { return world.epsilon(at, 1, s); };
      for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
        double const s = levels[i].sigma, to = levels[i + 1].sigma;
        double const up = std::min(to, eta * std::sqrt(to * to * (s * s - to * to) / (s * s)));
        double const down = std::max(std::sqrt(to * to - up * up), levels.back().sigma), h = std::log(s / down);
        auto const left = static_cast<index_t>(levels.size() - 1 - i);
        index_t const order = n % 3 == 0 ? std::min<index_t>(3, left) : left > 1 ? 3 : n % 3;
        affine const e = epsilon(x, s);
        if (order == 1) {
          x = x - down * std::expm1(h) * e;
        } else if (order == 2) {
          double const middle = s * std::exp(-h / 2);
          affine const u = x - middle * std::expm1(h / 2) * e;
          x = x - down * std::expm1(h) * e - down * std::expm1(h) * (epsilon(u, middle) - e);
        } else {
          double const a = s * std::exp(-h / 3), b = s * std::exp(-2 * h / 3);
          affine const u1 = x - a * std::expm1(h / 3) * e;
          affine const u2 = x - b * std::expm1(2 * h / 3) * e - 2 * b * (std::expm1(2 * h / 3) / (2 * h / 3) - 1) * (epsilon(u1, a) - e);
          x = x - down * std::expm1(h) * e - 1.5 * down * (std::expm1(h) / h - 1) * (epsilon(u2, b) - e);
        }
        if (down != to) x = x + std::sqrt(to * to - down * down) * world.draw();
      }
      compare(make_plan(solver, levels), x);
    }
}
