// k-diffusion's samplers step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_fast.hpp>
#include <parapet/diffusion/solvers/dpm_pp_2s_ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lms.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

namespace {

using namespace peers;

level_list usual(index_t n) { return make_levels(edm{0.02, 20}, karras_grid{}, n, last_level::data); }
level_list rho_3(index_t n) { return make_levels(edm{0.02, 20}, karras_grid{.rho = 3}, n, last_level::data); }
level_list exponential(index_t n) { return make_levels(edm{0.02, 20}, exponential_grid{}, n, last_level::data); }
level_list polyexponential(index_t n) {
  level_list levels;
  for (double u : linspace_numbers(1, 0, n)) levels.push_back({1, std::exp(std::pow(u, 1.5) * std::log(20 / 0.02) + std::log(0.02))});
  levels.push_back({});
  return levels;
}
level_list vp(index_t n) { return scaled(make_levels(vp_linear{}, time_grid{}, n, last_level::data)); }
level_list even_fast(index_t n) { return make_levels(edm{0.02, 20}, log_snr_grid{}, n / 3 + 1); }

}  // namespace

TEST_CASE("peers: k-diffusion") {
  auto const file = "goldens/diffusion/k_diffusion.safetensors";
  churn const c{.amount = 3, .s_min = 0.05, .s_max = 5, .noise = 1.003};
  auto const fast = [](double eta) {
    return [eta](level_list const& levels, index_t n) { return make_plan(dpm_fast{.evaluations = n, .eta = eta}, levels); };
  };
  using multi = dpm_pp_multistep;
  auto const compat = third_order::compat;
  auto const more_noise = [](level_list const& levels, index_t) { return with_temperature(make_plan(multi{.eta = 0.5, .lower_order_below = 0}, levels), 1.01); };
  check(file, {
    {"euler", usual, with(euler{}), model::data},
    {"euler.churn", usual, with(euler{c}), model::data},
    {"euler.exponential", exponential, with(euler{}), model::data},
    {"euler.polyexponential", polyexponential, with(euler{}), model::data},
    {"euler.vp", vp, with(euler{}), model::data},
    {"euler.rho_3", rho_3, with(euler{}), model::data},
    {"euler_ancestral", usual, with(euler_ancestral{}), model::data},
    {"euler_ancestral.eta_half", usual, with(euler_ancestral{.eta = 0.5, .noise = 1.01}), model::data},
    {"heun", usual, with(heun{}), model::data},
    {"heun.churn", usual, with(heun{c}), model::data},
    {"dpm_2", usual, with(dpm2{}), model::data},
    {"dpm_2.churn", usual, with(dpm2{c}), model::data},
    {"dpm_2_ancestral", usual, with(dpm2_ancestral{}), model::data},
    {"dpm_2_ancestral.eta_half", usual, with(dpm2_ancestral{.eta = 0.5}), model::data},
    {"lms", usual, with(lms{}), model::data},
    {"lms.2", usual, with(lms{2}), model::data},
    {"lms.3", usual, with(lms{3}), model::data},
    {"dpm_fast", even_fast, fast(0), model::data},
    {"dpm_fast.eta_one", even_fast, fast(1), model::data},
    {"dpmpp_2s_ancestral", usual, with(dpm_pp_2s_ancestral{}), model::data},
    {"dpmpp_2s_ancestral.eta_half", usual, with(dpm_pp_2s_ancestral{.eta = 0.5}), model::data},
    {"dpmpp_2s_ancestral.eta_zero", usual, with(dpm_pp_2s_ancestral{.eta = 0}), model::data},
    {"dpmpp_sde", usual, with(dpm_pp_sde{}), model::data},
    {"dpmpp_sde.eta_half", usual, with(dpm_pp_sde{.eta = 0.5}), model::data},
    {"dpmpp_sde.r_third", usual, with(dpm_pp_sde{.r = 1.0 / 3}), model::data},
    {"dpmpp_2m", usual, with(multi{.lower_order_below = 0}), model::data},
    {"dpmpp_2m.vp", vp, with(multi{.lower_order_below = 0}), model::data},
    {"dpmpp_2m_sde", usual, with(multi{.eta = 1, .lower_order_below = 0}), model::data},
    {"dpmpp_2m_sde.heun", usual, with(multi{.eta = 1, .second = second_order::heun, .lower_order_below = 0}), model::data},
    {"dpmpp_2m_sde.eta_zero", usual, with(multi{.eta = 0, .lower_order_below = 0}), model::data},
    {"dpmpp_3m_sde", usual, with(multi{.order = 3, .eta = 1, .second = second_order::heun, .third = compat, .lower_order_below = 0}), model::data},
    {"dpmpp_3m_sde.eta_half", usual, with(multi{.order = 3, .eta = 0.5, .second = second_order::heun, .third = compat, .lower_order_below = 0}), model::data},
    {"dpmpp_3m_sde.eta_zero", usual, with(multi{.order = 3, .eta = 0, .second = second_order::heun, .third = compat, .lower_order_below = 0}), model::data},
    {"dpmpp_2m_sde.eta_half", usual, more_noise, model::data},
  });
}
