// What the solvers refuse, and the levels that they make between two levels of a grid.
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/ddim_inverse.hpp>
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_fast.hpp>
#include <parapet/diffusion/solvers/dpm_pp_2s_ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/dpm_singlestep.hpp>
#include <parapet/diffusion/solvers/dpm_solver_multistep.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/flow.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/lms.hpp>
#include <parapet/diffusion/solvers/tcd.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;

namespace {

level_list sigmas(index_t n = 6) { return make_levels(edm{}, karras_grid{}, n, last_level::data); }
level_list discrete() { return make_levels(noise_schedule::linear(100), trailing{}, 5); }

template <class Solver>
std::string refusal(Solver const& solver, level_list const& levels = sigmas()) {
  return support::message_of<argument_error>([&] { make_plan(solver, levels); });
}

}  // namespace

TEST_CASE("solvers refuse options out of range") {
  CHECK(refusal(euler{{.amount = -1}}) == "churn: amount = -1, noise = 1, expected at least 0");
  CHECK(refusal(heun{{.amount = std::nan("")}}) == "churn: amount = nan, noise = 1, expected at least 0");
  CHECK(refusal(dpm2{{.amount = 1, .noise = -2}}) == "churn: amount = 1, noise = -2, expected at least 0");
  CHECK(refusal(euler_ancestral{.eta = -1}) == "euler_ancestral: eta = -1, expected at least 0");
  CHECK(refusal(dpm2_ancestral{.noise = -1}) == "dpm2_ancestral: noise = -1, expected at least 0");
  CHECK(refusal(dpm_pp_2s_ancestral{.eta = std::nan("")}) == "dpm_pp_2s_ancestral: eta = nan, expected at least 0");
  CHECK(refusal(dpm_pp_sde{.r = 1}) == "dpm_pp_sde: r = 1, expected inside (0, 1)");
  CHECK(refusal(lms{0}) == "lms: order = 0, expected 1 to 5");
  CHECK(refusal(dpm_fast{.evaluations = 9}) == "dpm_fast: 6 steps for 9 evaluations, expected 4");
  CHECK(refusal(consistency{.s_min = -1}) == "consistency: s_min = -1, noise = 1, expected at least 0");
  CHECK(refusal(dpm_solver_multistep{.order = 4}) == "dpm_solver_multistep: order = 4, expected 1 to 3");
  CHECK(refusal(dpm_singlestep{.order = 0}) == "dpm_singlestep: order = 0, expected 1 to 3");
  CHECK(refusal(dpm_singlestep{.order = 3, .stochastic = true}) == "dpm_singlestep: stochastic steps are of the data form and of order 1 or 2");
  CHECK(support::message_of<argument_error>([] { tcd(noise_schedule::linear(100), 1.5); }) == "tcd: gamma = 1.5, expected inside [0, 1]");
}

TEST_CASE("solvers refuse levels that they cannot use") {
  CHECK(refusal(dpm_solver_multistep{}) == "dpm_solver_multistep: the noise form cannot end at sigma = 0; take dpm_pp_multistep");
  CHECK(refusal(flow_heun{}) == "flow_heun: noise level 0 has alpha + sigma = 81, expected 1: a rectified flow");
  CHECK(refusal(lcm{}) == "lcm: noise level 0 is no step of a discrete schedule");
  CHECK(refusal(tcd(noise_schedule::linear(100))) == "tcd: noise level 1 is no step of the schedule");
  CHECK(refusal(tcd(noise_schedule::linear(50)), discrete()) == "tcd: noise level 1 is no step of the schedule");  // steps of a longer one
  CHECK(refusal(ddim_inverse{}) == "ddim_inverse: levels lose noise, expected them from data to noise: reversed(levels)");
  // Heun needs dx/ds at pure noise, which a sigma-space method cannot have; Euler does without.
  level_list from_noise = make_levels(rectified_flow{}, time_grid{}, 4);
  CHECK(refusal(heun{}, from_noise).starts_with("make_plan: step 1 of heun from sigma = "));
  CHECK(make_plan(euler{}, from_noise).evaluations() == 4);
}

TEST_CASE("noise has no inverse, and without noise the sigma-space solvers have one") {
  level_list const up = reversed(make_levels(edm{}, karras_grid{}, 6));
  CHECK(refusal(dpm_pp_sde{}, up).find("has no inverse") != std::string::npos);
  CHECK(refusal(heun{{.amount = 3}}, up).find("has no inverse") != std::string::npos);
  CHECK(make_plan(heun{}, up).is_deterministic());
  CHECK(make_plan(lms{}, up).is_deterministic());
}

TEST_CASE("an intermediate level is of its neighbours' kind") {
  auto const s_of = [](noise_level const& l) { return relative_noise(l); };
  noise_level const vp = intermediate_level({0.6, 0.8, 1}, {0.8, 0.6, 0}, 1.0);
  CHECK(std::abs(std::hypot(vp.alpha, vp.sigma) - 1) < 1e-15);
  CHECK(std::abs(s_of(vp) - 1) < 1e-15);
  CHECK(std::abs(vp.t - 0.5) < 1e-15);  // half way in log s
  noise_level const scaled = intermediate_level({1, 4, 4}, {1, 1, 1}, 2.0);
  CHECK(scaled.alpha == 1);
  CHECK(scaled.sigma == 2);
  noise_level const flow = intermediate_level({0.25, 0.75, 0.75}, {0.75, 0.25, 0.25}, 1.0);
  CHECK(std::abs(flow.alpha - 0.5) < 1e-15);
  CHECK(std::abs(flow.t - 0.5) < 1e-15);  // t = sigma
  CHECK(flow.step == -1);
}

TEST_CASE("churn raises the level that the model is told, and only between its limits") {
  level_list const levels = sigmas();
  sampling_plan const plan = make_plan(euler{{.amount = 3, .s_min = 0.1, .s_max = 10}}, levels);
  index_t raised = 0;
  for (noise_level const& l : levels) raised += l.sigma >= 0.1 && l.sigma <= 10;
  CHECK(raised > 0);
  CHECK(raised < 6);
  CHECK(plan.draws() == raised);
  CHECK(plan.completed() == 6);
  double const gamma = std::sqrt(2.0) - 1;  // 3 / 6 is above that
  for (std::size_t i = 0; i + 1 < plan.steps.size(); ++i)
    if (!plan.steps[i].evaluates) {
      sampling_step const& step = plan.steps[i + 1];
      double before = 0;
      for (noise_level const& l : levels)
        if (l.sigma < step.level.sigma && l.sigma > before) before = l.sigma;
      CHECK(std::abs(step.level.sigma - (1 + gamma) * before) < 1e-12 * before);
    }
}
