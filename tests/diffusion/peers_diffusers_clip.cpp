// diffusers' clip_sample step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>

#include "diffusion/peers_grids.hpp"

TEST_CASE_TEMPLATE("peers: diffusers with clipped data", B, TEST_BACKENDS) {
  using namespace peers;
  goldens const file("goldens/diffusion/diffusers.safetensors");
  noise_schedule const sd = stable_diffusion(), line = noise_schedule::linear(1000);
  auto const on_line = [&](index_t n) { return make_levels(line, leading{}, n); };
  auto const even = [&](index_t n) { return between_steps(sd, n); };
  auto const lcm_steps = [&](index_t n) { return at_steps(sd, lcm_numbers(n)); };
  auto const e = model::epsilon;
  check<B, clipped>(file, {
    {"DDPM.clip", on_line, with(ddpm{}), e, false, 1},
    {"DDIM.clip", on_line, with(ddim{.corrected_noise = false}), e, false, 1},
    {"DDIM.clipped_output", on_line, with(ddim{.eta = 0.3}), e, false, 1},
    {"HeunDiscrete.clip", even, with(heun{}), e, true, 1},
    {"LCM.clip", lcm_steps, with(lcm{}), e, false, 1},
  });
}
