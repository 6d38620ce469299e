// diffusers' dynamic thresholding step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>

#include "diffusion/peers_grids.hpp"

TEST_CASE_TEMPLATE("peers: diffusers with thresholds", B, TEST_BACKENDS) {
  using namespace peers;
  goldens const file("goldens/diffusion/diffusers.safetensors");
  noise_schedule const sd = stable_diffusion();
  auto const usual = [&](index_t n) { return make_levels(sd, leading{}, n); };
  auto const solver_steps = [&](index_t n) { return at_steps(sd, solver_linspace(n)); };
  auto const e = model::epsilon;
  check<B, thresholded>(file, {
    {"DDPM.threshold", usual, with(ddpm{}), e},
    {"DDIM.threshold", usual, with(ddim{.corrected_noise = false}), e},
    {"DPMSolverMultistep.2_threshold", solver_steps, with(dpm_pp_multistep{}), e},
    {"UniPCMultistep.2_threshold", solver_steps, with(unipc{}), e},
  });
}
