#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_pp_2s_ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/tcd.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <doctest/doctest.h>

#include "support/affine.hpp"
#include "support/solver_orders.hpp"

#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::affine;
using support::gaussian_world;

namespace {

/// Moments of the plan are those of the published loop, to rounding.
template <class Loop>
void compare(sampling_plan const& plan, level_list const& levels, Loop loop) {
  CAPTURE(plan.name);
  gaussian_world world;
  affine x = plan.initial_deviation * world.draw();
  loop(world, x, levels);
  gaussian_moments const got = moments_of(plan, {world.mean, world.deviation});
  CHECK(std::abs(got.mean - x.mean()) <= 1e-12);
  CHECK(std::abs(got.variance - x.variance()) <= 1e-12);
  CHECK(got.variance > 0.01);
}

/// The loop of a method that goes from one level to the next, as step(world, x, i, from, to).
template <class Step>
auto each_step(Step step) {
  return [step](gaussian_world& world, affine& x, level_list const& levels) {
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) step(world, x, i, levels[i], levels[i + 1]);
  };
}

level_list discrete() { return make_levels(noise_schedule::linear(1000), leading{1}, 12); }
level_list continuous() { return make_levels(vp_linear{}, log_snr_grid{}, 9, last_level::data); }
level_list sigmas() { return make_levels(edm{}, karras_grid{}, 9, last_level::data); }

}  // namespace

TEST_CASE("gaussian moments: DDPM, by Ho et al.'s posterior") {
  for (index_t const steps : {5, 100, 1000})
    for (auto const variance : {reverse_variance::beta, reverse_variance::posterior}) {
      noise_schedule const s = noise_schedule::vp(steps);
      compare(make_plan(ddpm{variance}, s.levels()), s.levels(), [&](gaussian_world& world, affine& x, level_list const&) {
        for (index_t i = steps - 1; i >= 0; --i) {
          double const beta = s.beta(i), now = s.alpha_bar(i), before = s.alpha_bar(i - 1);
          affine const e = world.epsilon(x, std::sqrt(now), std::sqrt(1 - now));
          x = 1 / std::sqrt(1 - beta) * (x - beta / std::sqrt(1 - now) * e);
          if (i > 0) x = x + std::sqrt(variance == reverse_variance::beta ? beta : beta * (1 - before) / (1 - now)) * world.draw();
        }
      });
    }
}

TEST_CASE("gaussian moments: DDIM with noise") {
  for (double const eta : {0.0, 0.3, 1.0}) {
    auto const by_ddim = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& t, noise_level const& s) {
      double const now = t.alpha * t.alpha, next = s.alpha * s.alpha;
      double const deviation = eta * std::sqrt((1 - next) / (1 - now) * (1 - now / next));
      affine const e = world.epsilon(x, t.alpha, t.sigma);
      x = s.alpha / t.alpha * (x - t.sigma * e) + std::sqrt(std::max(0.0, 1 - next - deviation * deviation)) * e + deviation * world.draw();
    };
    compare(make_plan(ddim{.eta = eta}, discrete()), discrete(), each_step(by_ddim));
  }
}

TEST_CASE("gaussian moments: SDE-DPM-Solver++ of order 1, 2 and 3") {
  for (double const eta : {0.5, 1.0})
    for (int const order : {1, 2, 3})
      for (auto const second : {second_order::midpoint, second_order::heun}) {
        if (order == (second == second_order::heun ? 1 : 3)) continue;  // k-diffusion starts 3M with the heun form
        affine d1, d2;
        double h1 = 0, h2 = 0;
        sampling_plan const plan = make_plan(dpm_pp_multistep{.order = order, .eta = eta, .second = second,
                                                              .third = third_order::compat, .lower_order_below = 0}, continuous());
        // k-diffusion's sample_dpmpp_2m_sde and 3m_sde, in y = x / alpha.
        compare(plan, continuous(), each_step([&](gaussian_world& world, affine& x, std::size_t i, noise_level const& from, noise_level const& to) {
          affine const d = world.data(x, from.alpha, from.sigma);
          if (to.sigma == 0) {
            x = to.alpha * d;
            return;
          }
          double const h = to.lambda() - from.lambda(), h_eta = h * (eta + 1), next = to.sigma / to.alpha;
          affine y = next / (from.sigma / from.alpha) * std::exp(-h * eta) * (1 / from.alpha * x) - std::expm1(-h_eta) * d;
          double const phi2 = std::expm1(-h_eta) / h_eta + 1, phi3 = phi2 / h_eta - 0.5;
          if (order == 3 && i >= 2) {
            double const r0 = h1 / h, r1 = h2 / h;
            affine const a = 1 / r0 * (d - d1), b = 1 / r1 * (d1 - d2);
            y = y + phi2 * (a + r0 / (r0 + r1) * (a - b)) - phi3 / (r0 + r1) * (a - b);
          } else if (order >= 2 && i >= 1) {
            double const r = h1 / h;
            y = y + (order == 2 && second == second_order::midpoint ? -0.5 * std::expm1(-h_eta) : phi2) / r * (d - d1);
          }
          x = to.alpha * (y + next * std::sqrt(-std::expm1(-2 * h * eta)) * world.draw());
          d2 = d1;
          d1 = d;
          h2 = h1;
          h1 = h;
        }));
      }
}

TEST_CASE("gaussian moments: ancestral and churned samplers of k-diffusion") {
  struct split {
    double down, up;
  };
  auto const ancestral = [](double from, double to, double eta) -> split {
    double const up = std::min(to, eta * std::sqrt(to * to * (from * from - to * to) / (from * from)));
    return {std::sqrt(to * to - up * up), up};
  };
  auto const d_of = [](gaussian_world const& world, affine const& x, double s) { return 1 / s * (x - world.data(x, 1, s)); };

  for (double const eta : {0.7, 1.0}) {
    auto const by_euler_ancestral = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
      auto const [down, up] = ancestral(from.sigma, to.sigma, eta);
      x = x + (down - from.sigma) * d_of(world, x, from.sigma);
      if (to.sigma > 0) x = x + up * world.draw();
    };
    compare(make_plan(euler_ancestral{.eta = eta}, sigmas()), sigmas(), each_step(by_euler_ancestral));
    auto const by_dpm2_ancestral = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
      auto const [down, up] = ancestral(from.sigma, to.sigma, eta);
      affine const d = d_of(world, x, from.sigma);
      if (down == 0) {
        x = x + (down - from.sigma) * d;
        return;
      }
      double const middle = std::exp(0.5 * (std::log(from.sigma) + std::log(down)));
      affine const u = x + (middle - from.sigma) * d;
      x = x + (down - from.sigma) * d_of(world, u, middle) + up * world.draw();
    };
    compare(make_plan(dpm2_ancestral{.eta = eta}, sigmas()), sigmas(), each_step(by_dpm2_ancestral));
    auto const by_dpm_pp_2s_ancestral = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
      auto const [down, up] = ancestral(from.sigma, to.sigma, eta);
      affine const d = world.data(x, 1, from.sigma);
      if (down == 0) {
        x = d;
        return;
      }
      double const t = -std::log(from.sigma), h = -std::log(down) - t, middle = std::exp(-(t + 0.5 * h));
      affine const u = middle / from.sigma * x - std::expm1(-h * 0.5) * d;
      x = down / from.sigma * x - std::expm1(-h) * world.data(u, 1, middle) + up * world.draw();
    };
    compare(make_plan(dpm_pp_2s_ancestral{.eta = eta}, sigmas()), sigmas(), each_step(by_dpm_pp_2s_ancestral));
    auto const by_dpm_pp_sde = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
      affine const d = world.data(x, 1, from.sigma);
      if (to.sigma == 0) {
        x = d;
        return;
      }
      double const middle = std::exp(0.5 * (std::log(from.sigma) + std::log(to.sigma)));
      auto const [down_m, up_m] = ancestral(from.sigma, middle, eta);
      affine const u = down_m / from.sigma * x - std::expm1(std::log(down_m) - std::log(from.sigma)) * d + up_m * world.draw();
      auto const [down, up] = ancestral(from.sigma, to.sigma, eta);
      x = down / from.sigma * x - std::expm1(std::log(down) - std::log(from.sigma)) * world.data(u, 1, middle) + up * world.draw();
    };
    compare(make_plan(dpm_pp_sde{.eta = eta}, sigmas()), sigmas(), each_step(by_dpm_pp_sde));
  }

  double const churn_amount = 3, churn_noise = 1.003;
  auto const churned = [&](gaussian_world& world, affine& x, double s, std::size_t steps) {
    double const raised = s * (1 + std::min(churn_amount / static_cast<double>(steps), std::sqrt(2.0) - 1));
    x = x + churn_noise * std::sqrt(raised * raised - s * s) * world.draw();
    return raised;
  };
  std::size_t const steps = sigmas().size() - 1;
  auto const by_euler = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    double const s = churned(world, x, from.sigma, steps);
    x = x + (to.sigma - s) * d_of(world, x, s);
  };
  compare(make_plan(euler{{.amount = churn_amount, .noise = churn_noise}}, sigmas()), sigmas(), each_step(by_euler));
  auto const by_heun = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    double const s = churned(world, x, from.sigma, steps), dt = to.sigma - s;
    affine const d = d_of(world, x, s), u = x + dt * d;
    x = to.sigma == 0 ? u : x + dt / 2 * (d + d_of(world, u, to.sigma));
  };
  compare(make_plan(heun{{.amount = churn_amount, .noise = churn_noise}}, sigmas()), sigmas(), each_step(by_heun));
  auto const by_dpm2 = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    double const s = churned(world, x, from.sigma, steps);
    affine const d = d_of(world, x, s);
    if (to.sigma == 0) {
      x = x - s * d;
      return;
    }
    double const middle = std::exp(0.5 * (std::log(s) + std::log(to.sigma)));
    x = x + (to.sigma - s) * d_of(world, x + (middle - s) * d, middle);
  };
  compare(make_plan(dpm2{{.amount = churn_amount, .noise = churn_noise}}, sigmas()), sigmas(), each_step(by_dpm2));
}

TEST_CASE("gaussian moments: consistency models, LCM and TCD") {
  double const s_min = 0.002;
  auto const by_consistency = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    x = world.data(x, 1, from.sigma);
    if (to.sigma > 0) x = x + std::sqrt(to.sigma * to.sigma - s_min * s_min) * world.draw();
  };
  compare(make_plan(consistency{.s_min = s_min}, sigmas()), sigmas(), each_step(by_consistency));
  auto const by_lcm = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    double const q = 10 * static_cast<double>(from.step), d = 0.5;
    affine const denoised = q / std::sqrt(q * q + d * d) * world.data(x, from.alpha, from.sigma) + d * d / (q * q + d * d) * x;
    x = to.alpha * denoised;
    if (to.sigma > 0) x = x + to.sigma * world.draw();
  };
  compare(make_plan(lcm{}, discrete()), discrete(), each_step(by_lcm));
  noise_schedule const s = noise_schedule::linear(1000);
  double const gamma = 0.3;
  auto const by_tcd = [&](gaussian_world& world, affine& x, std::size_t, noise_level const& from, noise_level const& to) {
    affine const x0 = world.data(x, from.alpha, from.sigma), e = world.epsilon(x, from.alpha, from.sigma);
    if (to.step < 0) {
      x = x0;
      return;
    }
    auto const below = static_cast<index_t>(std::floor((1 - gamma) * static_cast<double>(to.step)));
    double const b = s.alpha_bar(below), next = s.alpha_bar(to.step);
    affine const u = std::sqrt(b) * x0 + std::sqrt(1 - b) * e;
    x = std::sqrt(next / b) * u + std::sqrt(1 - next / b) * world.draw();
  };
  compare(make_plan(tcd(s, gamma), discrete()), discrete(), each_step(by_tcd));
}

TEST_CASE("gaussian moments: samplers of the SDE tend to the data's, those of the ODE to its flow") {
  gaussian_data const data{0.3, 0.5};
  vp_linear const s{};
  for (double const eta : {0.0, 1.0}) {
    auto const plan = make_plan(dpm_pp_multistep{.eta = eta}, s, log_snr_grid{}, 400);
    gaussian_moments const got = moments_of(plan, data);
    noise_level const end = plan.end, start = plan.start;
    double const mean = data.flow(0, start, end), deviation = data.flow(1, start, end) - mean;
    if (eta == 0) {  // the ODE also maps the mismatch of its start
      CHECK(std::abs(got.mean - mean) < 1e-4);
      CHECK(std::abs(std::sqrt(got.variance) - deviation) < 1e-4);
    } else {
      CHECK(std::abs(got.mean - end.alpha * data.mean) < 1e-4);
      CHECK(std::abs(got.variance - data.variance(end)) < 1e-4);
    }
  }
}

TEST_CASE("gaussian moments: every solver moves with its data") {
  // Linear in x and in the data by construction; so it commutes with x -> R x + alpha b if data that is the point b takes x = alpha b along.
  double const b = 0.7;
  for (support::solver_order const& which : support::solver_orders()) {
    CAPTURE(which.name);
    auto const plan = which.plan(support::window(which.on, 7));
    gaussian_moments const at_point = moments_of(plan, {b, 0});
    double const share = std::sqrt(at_point.variance) / plan.initial_deviation;  // of the start
    CHECK(std::abs(at_point.mean + share * plan.start.alpha * b - plan.end.alpha * b) < 1e-13);
  }
}
