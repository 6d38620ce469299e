// diffusers' schedulers of networks with scaled input step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/euler.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

TEST_CASE("peers: diffusers' consistency and EDM schedulers") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  auto const on_karras = [](index_t n) { return make_levels(edm{}, karras_grid{}, n, last_level::data); };
  auto const on_exponential = [](index_t n) { return make_levels(edm{}, exponential_grid{}, n, last_level::data); };
  auto const cosine_steps = [](index_t n) { return make_levels(edm{0.3, 500}, exponential_grid{}, n, last_level::data); };
  using pp = dpm_pp_multistep;
  auto const heuns = second_order::heun;
  churn const c{.amount = 3, .s_min = 0.05, .s_max = 50, .noise = 1.003};
  check(file, {
    scaled_input({"CMStochasticIterative", consistency_steps, with(consistency{.s_min = 0.002}), model::consistency}, 0.5),
    clipped(scaled_input({"CMStochasticIterative.clip", consistency_steps, with(consistency{.s_min = 0.002}), model::consistency}, 0.5), 1),
    scaled_input({"EDMEuler", on_karras, with(euler{}), model::edm}, 0.5),
    scaled_input({"EDMEuler.exponential", on_exponential, with(euler{}), model::edm}, 0.5),
    scaled_input({"EDMEuler.v", on_karras, with(euler{}), model::negative_edm}, 0.5),
    scaled_input({"EDMEuler.churn", on_karras, with(euler{c}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.2", on_karras, with(pp{}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.2_heun", on_karras, with(pp{.second = heuns}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.3", on_karras, with(pp{.order = 3, .third = third_order::compat}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.2_exponential", on_exponential, with(pp{}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.sde_2", on_karras, with(pp{.eta = 1}), model::edm}, 0.5),
    scaled_input({"EDMDPMSolverMultistep.sde_2_heun", on_karras, with(pp{.eta = 1, .second = heuns}), model::edm}, 0.5),
    scaled_input({"CosineDPMSolverMultistep.1", cosine_steps, with(pp{.order = 1, .eta = 1}), model::negative_edm}, 1),
    scaled_input({"CosineDPMSolverMultistep.2", cosine_steps, with(pp{.eta = 1}), model::negative_edm}, 1),
    scaled_input({"CosineDPMSolverMultistep.2_heun", cosine_steps, with(pp{.eta = 1, .second = heuns}), model::negative_edm}, 1),
  });
}
