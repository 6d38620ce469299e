// diffusers' schedulers of discrete tables, of flows and of consistency models step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/flow.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/tcd.hpp>

#include "diffusion/peers_grids.hpp"

namespace {

using namespace peers;

/// Flow times of FlowMatchEulerDiscrete: even, then shifted, then a last 0.
level_list flow_table(index_t n, double shift, double low) {
  std::vector<double> s = each(linspace(1, low, n), [=](double t) { return shift * t / (1 + (shift - 1) * t); });
  s.push_back(0);
  return flow_levels(s);
}

}  // namespace

TEST_CASE_TEMPLATE("peers: diffusers' DDPM, DDIM and LCM schedulers", B, TEST_BACKENDS) {
  goldens const file("goldens/diffusion/diffusers.safetensors");
  betas const sd = betas::scaled_linear(), line = betas::linear(), cosine = betas::cosine(), sigmoid = betas::sigmoid(), zero = sd.zero_snr();
  auto const usual = [&](index_t n) { return at_steps(sd, leading(n)); };
  auto const on_line = [&](index_t n) { return at_steps(line, leading(n)); };
  auto const on_cosine = [&](index_t n) { return at_steps(cosine, leading(n)); };
  auto const on_sigmoid = [&](index_t n) { return at_steps(sigmoid, leading(n)); };
  auto const on_trailing = [&](index_t n) { return at_steps(sd, trailing(n)); };
  auto const on_zero = [&](index_t n) { return at_steps(zero, trailing(n)); };
  auto const on_linspace = [&](index_t n) { return at_steps(sd, rounded(linspace(999, 0, n))); };
  auto const offset = [&](index_t n) { return at_steps(sd, leading(n, 1)); };
  auto const to_first = [&](index_t n) { return at_steps(sd, leading(n, 1), 0); };
  auto const lcm_steps = [](betas const& table, index_t end = -1) {
    return [table, end](index_t n) {
      std::vector<double> t;  // 50 steps of the model it was distilled from
      for (index_t i = 0; i < n; ++i) t.push_back(static_cast<double>((50 - i * 50 / n) * 20 - 1));
      return at_steps(table, t, end);
    };
  };
  noise_schedule const train(sd.values());
  auto const e = model::epsilon, v = model::v;
  // Where the last step starts above step 0, diffusers still draws noise for it, of its least deviation 1e-10.
  constexpr double last_noise = 2e-10;
  check<B, plain>(file, {
    {"DDPM", on_line, with(ddpm{})},
    {"DDPM.large", on_line, with(ddpm{reverse_variance::beta})},
    {"DDPM.small_log", on_line, with(ddpm{})},
    {"DDPM.trailing", on_trailing, with(ddpm{}), e, false, 0, 0, last_noise},
    {"DDPM.offset", offset, with(ddpm{}), e, false, 0, 0, last_noise},
    {"DDPM.linspace", on_linspace, with(ddpm{})},
    {"DDPM.v", usual, with(ddpm{}), v},
    {"DDPM.sample", usual, with(ddpm{}), model::data},
    {"DDPM.cosine", on_cosine, with(ddpm{})},
    {"DDPM.sigmoid", on_sigmoid, with(ddpm{})},
    {"DDPM.zero_snr", on_zero, with(ddpm{}), v, false, 0, 0, last_noise},
    {"DDIM", usual, with(ddim{})},
    {"DDIM.eta_half", usual, with(ddim{.eta = 0.5})},
    {"DDIM.eta_one", usual, with(ddim{.eta = 1})},
    {"DDIM.offset", offset, with(ddim{})},
    {"DDIM.trailing", on_trailing, with(ddim{})},
    {"DDIM.first_entry", to_first, with(ddim{})},
    {"DDIM.v", usual, with(ddim{}), v},
    {"DDIM.sample", usual, with(ddim{}), model::data},
    {"DDIM.cosine", on_cosine, with(ddim{})},
    {"DDIM.zero_snr", on_zero, with(ddim{}), v},
    {"TCD.eta_zero", lcm_steps(sd, 0), with(tcd(train, 0)), e},
    {"TCD", lcm_steps(sd, 0), with(tcd(train, 0.3)), e},
    {"TCD.eta_one", lcm_steps(sd, 0), with(tcd(train, 1)), e},
    {"TCD.v", lcm_steps(sd, 0), with(tcd(train, 0.3)), v},
    {"LCM", lcm_steps(sd), with(lcm{}), e},
    {"LCM.v", lcm_steps(sd), with(lcm{}), v},
    {"LCM.linear", lcm_steps(line), with(lcm{.scaling = 5}), e},
  });
}

TEST_CASE_TEMPLATE("peers: diffusers' flow schedulers", B, TEST_BACKENDS) {
  goldens const file("goldens/diffusion/diffusers.safetensors");
  auto const even = [](index_t n) { return flow_table(n, 1, 0.001); };
  auto const shifted = [](index_t n) { return flow_table(n, 3, 3 * 0.001 / (1 + 2 * 0.001)); };
  auto const f = model::flow;
  check<B, plain>(file, {
    {"FlowMatchEulerDiscrete", even, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.shift", shifted, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.stochastic", even, with(consistency{}), f},
    {"FlowMatchHeunDiscrete", even, with(flow_heun{}), f},
    {"FlowMatchHeunDiscrete.shift", shifted, with(flow_heun{}), f},
    {"FlowMatchLCM", even, with(consistency{}), f},
    {"FlowMatchLCM.shift", shifted, with(consistency{}), f},
  });
}

TEST_CASE_TEMPLATE("peers: diffusers' consistency and EDM schedulers", B, TEST_BACKENDS) {
  goldens const file("goldens/diffusion/diffusers.safetensors");
  auto const scaled = [](std::vector<double> s, double end) {
    level_list levels;
    s.push_back(end);
    for (double v : s) levels.push_back({1, v, 0.25 * std::log(v)});
    return levels;
  };
  auto const consistency_steps = [&](index_t n) {
    std::vector<double> s;  // some of the model's 150 levels
    auto const all = karras(80, 0.002, 150);
    for (index_t i = 0; i < n; ++i) s.push_back(all[static_cast<std::size_t>(i * (150 / n))]);
    return scaled(s, 0.002);
  };
  auto const on_karras = [&](index_t n) { return scaled(karras(80, 0.002, n), 0); };
  auto const on_exponential = [&](index_t n) { return scaled(exponential(80, 0.002, n), 0); };
  churn const c{.amount = 3, .s_min = 0.05, .s_max = 50, .noise = 1.003};
  check<B, preconditioned>(file, {
    {"CMStochasticIterative", consistency_steps, with(consistency{.s_min = 0.002}), model::consistency, false, 0, 0.5},
    {"EDMEuler", on_karras, with(euler{}), model::edm, false, 0, 0.5},
    {"EDMEuler.exponential", on_exponential, with(euler{}), model::edm, false, 0, 0.5},
    {"EDMEuler.v", on_karras, with(euler{}), model::negative_edm, false, 0, 0.5},
    {"EDMEuler.churn", on_karras, with(euler{c}), model::edm, false, 0, 0.5},
  });
}
