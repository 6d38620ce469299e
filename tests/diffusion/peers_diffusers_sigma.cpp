// diffusers' schedulers of Karras et al.'s form step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lms.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

TEST_CASE("peers: diffusers' Euler, Heun, KDPM2, LMS and SDE schedulers") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  noise_schedule const sd = stable_diffusion();
  auto const usual = [&](index_t n) { return between_steps(sd, n); };
  auto const usual_exp = [](index_t n) { return between_steps(exponential_betas(), n); };
  auto const on_karras = [&](index_t n) { return on(sd, karras_grid{}, n); };
  auto const on_exponential = [&](index_t n) { return on(sd, exponential_grid{}, n); };
  auto const log_linear = [&](index_t n) { return make_levels(interpolated(sd), log_snr_grid{}, n); };
  auto const on_trailing = [&](index_t n) { return make_levels(sd, trailing{}, n); };
  auto const to_first = [&](index_t n) { return ending_at(make_levels(sd, trailing{}, n), sd.level(0)); };
  auto const on_zero = [&](index_t n) { return with_finite_start(make_levels(sd.zero_terminal_snr(), trailing{}, n)); };
  auto const offset = [&](index_t n) { return make_levels(sd, leading{.offset = 1}, n); };
  churn const c{.amount = 3, .s_min = 0.1, .s_max = 10, .noise = 1.007};
  auto const e = model::epsilon, v = model::v;
  check(file, {
    {"EulerDiscrete", usual, with(euler{}), e, true},
    {"EulerDiscrete.karras", on_karras, with(euler{}), e, true},
    {"EulerDiscrete.exponential", on_exponential, with(euler{}), e, true},
    {"EulerDiscrete.log_linear", log_linear, with(euler{}), e, true},
    {"EulerDiscrete.v", usual, with(euler{}), v, true},
    {"EulerDiscrete.sample", usual, with(euler{}), model::data, true},
    {"EulerDiscrete.offset", offset, with(euler{}), e, true},
    {"EulerDiscrete.trailing", on_trailing, with(euler{}), e, true},
    {"EulerDiscrete.sigma_min", to_first, with(euler{}), e, true},
    {"EulerDiscrete.zero_snr", on_zero, with(euler{}), v, true},
    {"EulerDiscrete.churn", usual, with(euler{c}), e, true},
    {"EulerAncestralDiscrete", usual, with(euler_ancestral{}), e, true},
    {"EulerAncestralDiscrete.v", usual, with(euler_ancestral{}), v, true},
    {"EulerAncestralDiscrete.trailing", on_trailing, with(euler_ancestral{}), e, true},
    {"EulerAncestralDiscrete.offset", offset, with(euler_ancestral{}), e, true},
    {"HeunDiscrete", usual, with(heun{}), e, true},
    {"HeunDiscrete.karras", on_karras, with(heun{}), e, true},
    {"HeunDiscrete.v", usual, with(heun{}), v, true},
    {"HeunDiscrete.exp_betas", usual_exp, with(heun{}), e, true},
    {"KDPM2Discrete", usual, with(dpm2{}), e, true},
    {"KDPM2Discrete.karras", on_karras, with(dpm2{}), e, true},
    {"KDPM2Discrete.v", usual, with(dpm2{}), v, true},
    {"KDPM2AncestralDiscrete", usual, with(dpm2_ancestral{}), e, true},
    {"KDPM2AncestralDiscrete.karras", on_karras, with(dpm2_ancestral{}), e, true},
    {"KDPM2AncestralDiscrete.v", usual, with(dpm2_ancestral{}), v, true},
    {"LMSDiscrete", usual, with(lms{}), e, true},
    {"LMSDiscrete.2", usual, with(lms{2}), e, true},
    {"LMSDiscrete.karras", on_karras, with(lms{}), e, true},
    {"LMSDiscrete.v", usual, with(lms{}), v, true},
    {"DPMSolverSDE", usual, with(dpm_pp_sde{}), e, true},
    {"DPMSolverSDE.karras", on_karras, with(dpm_pp_sde{}), e, true},
    {"DPMSolverSDE.v", usual, with(dpm_pp_sde{}), v, true},
  });
}
