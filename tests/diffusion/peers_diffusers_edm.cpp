// diffusers' schedulers of networks with scaled input step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/euler.hpp>

#include "diffusion/peers_grids.hpp"

TEST_CASE_TEMPLATE("peers: diffusers' consistency and EDM schedulers", B, TEST_BACKENDS) {
  using namespace peers;
  goldens const file("goldens/diffusion/diffusers.safetensors");
  auto const on_karras = [](index_t n) { return make_levels(edm{}, karras_grid{}, n, last_level::data); };
  auto const on_exponential = [](index_t n) { return make_levels(edm{}, exponential_grid{}, n, last_level::data); };
  auto const cosine_steps = [](index_t n) { return make_levels(edm{0.3, 500}, exponential_grid{}, n, last_level::data); };
  using pp = dpm_pp_multistep;
  auto const heuns = second_order::heun;
  churn const c{.amount = 3, .s_min = 0.05, .s_max = 50, .noise = 1.003};
  check<B, preconditioned>(file, {
    {"CMStochasticIterative", consistency_steps, with(consistency{.s_min = 0.002}), model::consistency, false, 0, 0.5},
    {"CMStochasticIterative.clip", consistency_steps, with(consistency{.s_min = 0.002}), model::consistency, false, 1, 0.5},
    {"EDMEuler", on_karras, with(euler{}), model::edm, false, 0, 0.5},
    {"EDMEuler.exponential", on_exponential, with(euler{}), model::edm, false, 0, 0.5},
    {"EDMEuler.v", on_karras, with(euler{}), model::negative_edm, false, 0, 0.5},
    {"EDMEuler.churn", on_karras, with(euler{c}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.2", on_karras, with(pp{}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.2_heun", on_karras, with(pp{.second = heuns}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.3", on_karras, with(pp{.order = 3, .third = third_order::compat}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.2_exponential", on_exponential, with(pp{}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.sde_2", on_karras, with(pp{.eta = 1}), model::edm, false, 0, 0.5},
    {"EDMDPMSolverMultistep.sde_2_heun", on_karras, with(pp{.eta = 1, .second = heuns}), model::edm, false, 0, 0.5},
    {"CosineDPMSolverMultistep.1", cosine_steps, with(pp{.order = 1, .eta = 1}), model::negative_edm, false, 0, 1},
    {"CosineDPMSolverMultistep.2", cosine_steps, with(pp{.eta = 1}), model::negative_edm, false, 0, 1},
    {"CosineDPMSolverMultistep.2_heun", cosine_steps, with(pp{.eta = 1, .second = heuns}), model::negative_edm, false, 0, 1},
  });
}
