// diffusers' schedulers of discrete tables and of flows step by step: goldens/diffusion/README.md.
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/flow.hpp>
#include <parapet/diffusion/solvers/lcm.hpp>
#include <parapet/diffusion/solvers/tcd.hpp>

#include "diffusion/peers_grids.hpp"

#include <doctest/doctest.h>

TEST_CASE("peers: diffusers' DDPM, DDIM, LCM and TCD schedulers") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  noise_schedule const sd = stable_diffusion(), line = noise_schedule::linear(1000), cosine = noise_schedule::cosine(1000), sigmoid = noise_schedule::sigmoid(1000);
  auto const usual = [&](index_t n) { return make_levels(sd, leading{}, n); };
  auto const on_line = [&](index_t n) { return make_levels(line, leading{}, n); };
  auto const on_cosine = [&](index_t n) { return make_levels(cosine, leading{}, n); };
  auto const on_sigmoid = [&](index_t n) { return make_levels(sigmoid, leading{}, n); };
  auto const on_trailing = [&](index_t n) { return make_levels(sd, trailing{}, n); };
  auto const on_zero = [&](index_t n) { return make_levels(sd.zero_terminal_snr(), trailing{}, n); };
  auto const on_linspace = [&](index_t n) { return at_steps(sd, linspace_numbers(999, 0, n)); };
  auto const offset = [&](index_t n) { return make_levels(sd, leading{.offset = 1}, n); };
  auto const to_first = [&](index_t n) { return ending_at(make_levels(sd, leading{.offset = 1}, n), sd.level(0)); };
  auto const lcm_steps = [](noise_schedule const& s, index_t end = -1) {
    return [s, end](index_t n) { return at_steps(s, lcm_numbers(n), end); };
  };
  auto const e = model::epsilon, v = model::v;
  // Where the last step starts above step 0, diffusers still draws noise for it, of its least deviation 1e-10.
  constexpr double last_noise = 2e-10;
  check(file, {
    {"DDPM", on_line, with(ddpm{})},
    {"DDPM.large", on_line, with(ddpm{reverse_variance::beta})},
    {"DDPM.small_log", on_line, with(ddpm{})},
    {"DDPM.trailing", on_trailing, with(ddpm{}), e, false, last_noise},
    {"DDPM.offset", offset, with(ddpm{}), e, false, last_noise},
    {"DDPM.linspace", on_linspace, with(ddpm{})},
    {"DDPM.v", usual, with(ddpm{}), v},
    {"DDPM.sample", usual, with(ddpm{}), model::data},
    {"DDPM.cosine", on_cosine, with(ddpm{})},
    {"DDPM.sigmoid", on_sigmoid, with(ddpm{})},
    {"DDPM.zero_snr", on_zero, with(ddpm{}), v, false, last_noise},
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
    {"TCD.eta_zero", lcm_steps(sd, 0), with(tcd(sd, 0)), e},
    {"TCD", lcm_steps(sd, 0), with(tcd(sd, 0.3)), e},
    {"TCD.eta_one", lcm_steps(sd, 0), with(tcd(sd, 1)), e},
    {"TCD.v", lcm_steps(sd, 0), with(tcd(sd, 0.3)), v},
    {"LCM", lcm_steps(sd), with(lcm{}), e},
    {"LCM.v", lcm_steps(sd), with(lcm{}), v},
    {"LCM.linear", lcm_steps(line), with(lcm{.scaling = 5}), e},
  });
}

TEST_CASE("peers: diffusers' flow schedulers") {
  using namespace peers;
  auto const file = "goldens/diffusion/diffusers.safetensors";
  double const first = 0.001, third = shifted({first}, 3)[0];  // the last times above 0
  auto const even = [=](index_t n) { return flow_levels(then_zero(linspace_numbers(1, first, n))); };
  auto const three = [=](index_t n) { return flow_levels(then_zero(shifted(linspace_numbers(1, third, n), 3))); };
  auto const dynamic = [=](index_t n) { return flow_levels(then_zero(shifted(linspace_numbers(1, first, n), std::exp(0.8)))); };
  auto const terminal = [=](index_t n) {
    numbers t = shifted(linspace_numbers(1, third, n), 3);
    double const scale = (1 - t.back()) / (1 - 0.02);
    for (double& s : t) s = 1 - (1 - s) / scale;
    return flow_levels(then_zero(t));
  };
  auto const on_karras = [=](index_t n) { return make_levels(edm{first, 1}, karras_grid{}, n, last_level::data); };
  auto const flow_of = [](auto levels) {
    return [levels](index_t n) {
      numbers t;
      for (noise_level const& l : levels(n)) t.push_back(l.sigma);
      return flow_levels(t);
    };
  };
  auto const f = model::flow;
  check(file, {
    {"FlowMatchEulerDiscrete", even, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.shift", three, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.dynamic", dynamic, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.terminal", terminal, with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.karras", flow_of(on_karras), with(flow_euler{}), f},
    {"FlowMatchEulerDiscrete.stochastic", even, with(consistency{}), f},
    {"FlowMatchHeunDiscrete", even, with(flow_heun{}), f},
    {"FlowMatchHeunDiscrete.shift", three, with(flow_heun{}), f},
    {"FlowMatchLCM", even, with(consistency{}), f},
    {"FlowMatchLCM.shift", three, with(consistency{}), f},
  });
}
