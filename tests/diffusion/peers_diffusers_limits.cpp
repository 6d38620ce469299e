// diffusers' clip_sample and thresholding step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

TEST_CASE("peers: diffusers with clipped data") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  noise_schedule const sd = stable_diffusion(), line = noise_schedule::linear(1000);
  auto const on_line = [&](index_t n) { return make_levels(line, leading{}, n); };
  auto const even = [&](index_t n) { return between_steps(sd, n); };
  auto const lcm_steps = [&](index_t n) { return at_steps(sd, lcm_numbers(n)); };
  auto const e = model::epsilon;
  check(file, {
    clipped({"DDPM.clip", on_line, with(ddpm{}), e, false}, 1),
    clipped({"DDIM.clip", on_line, with(ddim{.corrected_noise = false}), e, false}, 1),
    clipped({"DDIM.clipped_output", on_line, with(ddim{.eta = 0.3}), e, false}, 1),
    clipped({"HeunDiscrete.clip", even, with(heun{}), e, true}, 1),
    clipped({"LCM.clip", lcm_steps, with(lcm{}), e, false}, 1),
  });
}

TEST_CASE("peers: diffusers with thresholds") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  noise_schedule const sd = stable_diffusion();
  auto const usual = [&](index_t n) { return make_levels(sd, leading{}, n); };
  auto const solver_steps = [&](index_t n) { return at_steps(sd, solver_linspace(n)); };
  auto const e = model::epsilon;
  check(file, {
    thresholded({"DDPM.threshold", usual, with(ddpm{}), e}),
    thresholded({"DDIM.threshold", usual, with(ddim{.corrected_noise = false}), e}),
    thresholded({"DPMSolverMultistep.2_threshold", solver_steps, with(dpm_pp_multistep{}), e}),
    thresholded({"UniPCMultistep.2_threshold", solver_steps, with(unipc{}), e}),
  });
}
