// diffusers' DPM-Solver, DEIS, UniPC and PNDM schedulers step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/ddim_inverse.hpp>
#include <parapet/diffusion/solvers/deis.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_singlestep.hpp>
#include <parapet/diffusion/solvers/dpm_solver_multistep.hpp>
#include <parapet/diffusion/solvers/pndm.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

namespace {

/// diffusers' sde-dpmsolver++ of order 3 has -1/2 where the factor of D_2 needs +1/2, so that it tends to -1 and not to 0 with the
/// step: this adds what the peer adds.
peers::sampling_plan with_peers_third_order(peers::level_list const& levels, parapet::index_t) {
  using namespace peers;
  sampling_plan plan = make_plan(dpm_pp_multistep{.order = 3, .eta = 1, .third = third_order::compat}, levels);
  for (std::size_t i = 2; i < plan.steps.size(); ++i) {
    auto& terms = plan.steps[i].terms;
    if (terms.size() < 4) continue;  // x, m_0, m_1, m_2
    double const h = lambda_difference(levels[i], levels[i + 1]);
    double const r0 = lambda_difference(levels[i - 1], levels[i]) / h, r1 = lambda_difference(levels[i - 2], levels[i - 1]) / h;
    double const extra = -levels[i + 1].alpha / (r0 + r1);
    terms[1].factor += extra / r0;
    terms[2].factor -= extra / r0 + extra / r1;
    terms[3].factor += extra / r1;
  }
  return plan;
}

}  // namespace

TEST_CASE("peers: diffusers' DPM-Solver, DEIS, UniPC and PNDM schedulers") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  noise_schedule const sd = stable_diffusion(), cosine = noise_schedule::cosine(1000);
  auto const usual = [&](index_t n) { return at_steps(sd, solver_linspace(n)); };
  auto const to_first = [&](index_t n) { return at_steps(sd, solver_linspace(n), 0); };
  auto const on_karras = [&](index_t n) { return on(sd, karras_grid{}, n); };
  auto const on_exponential = [&](index_t n) { return on(sd, exponential_grid{}, n); };
  auto const trailing_to_first = [&](index_t n) { return ending_at(make_levels(sd, trailing{}, n), sd.level(0)); };
  auto const leading_to_first = [&](index_t n) { return at_steps(sd, solver_leading(n, 0), 0); };
  auto const plain_leading = [&](index_t n) { return make_levels(sd, leading{}, n); };
  auto const from_leading = [&](index_t n) { return ending_at(make_levels(sd, leading{.offset = 1}, n), sd.level(0)); };
  auto const offset = [&](index_t n) { return at_steps(sd, solver_leading(n, 1)); };
  auto const on_trailing = [&](index_t n) { return make_levels(sd, trailing{}, n); };
  auto const on_zero = [&](index_t n) { return with_finite_start(make_levels(sd.zero_terminal_snr(), trailing{}, n)); };
  auto const to_noise = [&](index_t n) {
    numbers t = solver_linspace(n);
    t.push_back(0);
    std::reverse(t.begin(), t.end());
    t.pop_back();
    return at_steps(sd, t, 999);
  };
  auto const from_data = [&](index_t n) { return reversed(make_levels(sd, leading{}, n)); };
  auto const clipped_lambda = [&](index_t n) {
    index_t last = 999;
    while (cosine.level(last).lambda() < -5.1) --last;
    return at_steps(cosine, solver_linspace(n, static_cast<double>(last)));
  };
  auto const flow = [](double first) {
    return [first](index_t n) {
      numbers t = shifted(first > 0 ? linspace_numbers(1, 0.001, n + 1) : linspace_numbers(0.999, 0, n + 1), 3);
      if (first > 0) t.front() = first;
      t.back() = 0;
      return flow_levels(t);
    };
  };
  auto const v = model::v;
  using pp = dpm_pp_multistep;
  using old = dpm_solver_multistep;
  using single = dpm_singlestep;
  auto const compat = third_order::compat;
  auto const heuns = second_order::heun;
  auto const bh1 = unipc_kind::bh1;
  check(file, {
    {"DPMSolverMultistep.1", usual, with(pp{.order = 1})},
    {"DPMSolverMultistep.2", usual, with(pp{})},
    {"DPMSolverMultistep.2_heun", usual, with(pp{.second = heuns})},
    {"DPMSolverMultistep.3", usual, with(pp{.order = 3, .third = compat})},
    {"DPMSolverMultistep.2_v", usual, with(pp{}), v},
    {"DPMSolverMultistep.2_sample", usual, with(pp{}), model::data},
    {"DPMSolverMultistep.2_karras", on_karras, with(pp{})},
    {"DPMSolverMultistep.2_exponential", on_exponential, with(pp{})},
    {"DPMSolverMultistep.2_lu", on_exponential, with(pp{})},
    {"DPMSolverMultistep.2_flow", flow(0), with(pp{}), model::flow},
    {"DPMSolverMultistep.2_leading", offset, with(pp{})},
    {"DPMSolverMultistep.2_trailing", on_trailing, with(pp{})},
    {"DPMSolverMultistep.2_sigma_min", to_first, with(pp{})},
    {"DPMSolverMultistep.2_high_final", to_first, with(pp{.lower_order_below = 0})},
    {"DPMSolverMultistep.3_euler_final", to_first, with(pp{.order = 3, .third = compat, .euler_final = true})},
    {"DPMSolverMultistep.2_zero_snr", on_zero, with(pp{}), v},
    {"DPMSolverMultistep.3_clipped_lambda", clipped_lambda, with(pp{.order = 3, .third = compat})},
    {"DPMSolverMultistep.old_1", to_first, with(old{.order = 1})},
    {"DPMSolverMultistep.old_2", to_first, with(old{})},
    {"DPMSolverMultistep.old_2_heun", to_first, with(old{.second = heuns})},
    {"DPMSolverMultistep.old_3", to_first, with(old{.order = 3, .third = compat})},
    {"DPMSolverMultistep.sde_1", usual, with(pp{.order = 1, .eta = 1})},
    {"DPMSolverMultistep.sde_2", usual, with(pp{.eta = 1})},
    {"DPMSolverMultistep.sde_2_heun", usual, with(pp{.eta = 1, .second = heuns})},
    {"DPMSolverMultistep.sde_3", usual, with_peers_third_order},
    {"DPMSolverMultistep.sde_2_karras", on_karras, with(pp{.eta = 1})},
    {"DPMSolverMultistep.old_sde_1", to_first, with(old{.order = 1, .stochastic = true})},
    {"DPMSolverMultistep.old_sde_2", to_first, with(old{.stochastic = true})},
    {"DPMSolverMultistep.old_sde_2_heun", to_first, with(old{.stochastic = true, .second = heuns})},
    {"DPMSolverMultistepInverse.2", to_noise, with(pp{})},
    {"DPMSolverMultistepInverse.1_v", to_noise, with(pp{.order = 1}), v},
    {"DPMSolverMultistepInverse.3", to_noise, with(pp{.order = 3, .third = compat})},
    {"DPMSolverSinglestep.1", usual, with(single{.order = 1})},
    {"DPMSolverSinglestep.2", usual, with(single{})},
    {"DPMSolverSinglestep.2_heun", usual, with(single{.second = heuns})},
    {"DPMSolverSinglestep.3", usual, with(single{.order = 3})},
    {"DPMSolverSinglestep.3_heun", usual, with(single{.order = 3, .second = heuns})},
    {"DPMSolverSinglestep.3_karras", on_karras, with(single{.order = 3})},
    {"DPMSolverSinglestep.2_low_final", usual, with(single{.lower_order_final = true})},
    {"DPMSolverSinglestep.3_low_final", usual, with(single{.order = 3, .lower_order_final = true})},
    {"DPMSolverSinglestep.old_2", to_first, with(single{.form = predicts_noise})},
    {"DPMSolverSinglestep.old_3", to_first, with(single{.order = 3, .form = predicts_noise})},
    {"DPMSolverSinglestep.sde_2", usual, with(single{.stochastic = true})},
    {"DPMSolverSinglestep.3_v", usual, with(single{.order = 3}), v},
    {"DEISMultistep.1", to_first, with(deis{.order = 1})},
    {"DEISMultistep.2", to_first, with(deis{.order = 2})},
    {"DEISMultistep.3", to_first, with(deis{.order = 3})},
    {"DEISMultistep.3_trailing", trailing_to_first, with(deis{.order = 3})},
    {"DEISMultistep.3_v", to_first, with(deis{.order = 3}), v},
    {"DEISMultistep.3_high_final", leading_to_first, with(deis{.order = 3, .lower_order_below = 0})},
    {"UniPCMultistep.1", usual, with(unipc{.order = 1})},
    {"UniPCMultistep.2", usual, with(unipc{})},
    {"UniPCMultistep.3", usual, with(unipc{.order = 3})},
    {"UniPCMultistep.2_bh1", to_first, with(unipc{.kind = bh1})},
    {"UniPCMultistep.3_bh1", to_first, with(unipc{.order = 3, .kind = bh1})},
    {"UniPCMultistep.2_epsilon", to_first, with(unipc{.form = predicts_noise})},
    {"UniPCMultistep.3_epsilon", to_first, with(unipc{.order = 3, .form = predicts_noise})},
    {"UniPCMultistep.2_karras", on_karras, with(unipc{})},
    {"UniPCMultistep.2_v", usual, with(unipc{}), v},
    {"UniPCMultistep.2_no_corrector", usual, with(pp{.lower_order_below = 1000})},
    {"UniPCMultistep.3_high_final", to_first, with(unipc{.order = 3, .lower_order_final = false})},
    {"UniPCMultistep.2_flow", flow(1 - 1e-6), with(unipc{}), model::flow},
    {"DDIMInverse", from_data, with(ddim_inverse{})},
    {"PNDM.skip_prk", from_leading, with(pndm{})},
    {"PNDM.to_one", plain_leading, with(pndm{})},
  });
}
