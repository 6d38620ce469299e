// Every deterministic solver with its order in theory, and its error on the mixture in n steps.
//
// The window of log-SNR is partial, [-1.5, 2]: over the whole range the ends are so Gaussian that errors there cancel, and some
// methods look better than they are.
#pragma once

#include <parapet/core/arena.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/deis.hpp>
#include <parapet/diffusion/solvers/dpm2.hpp>
#include <parapet/diffusion/solvers/dpm_fast.hpp>
#include <parapet/diffusion/solvers/dpm_pp_2s_ancestral.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_pp_sde.hpp>
#include <parapet/diffusion/solvers/dpm_singlestep.hpp>
#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/solvers/dpm_solver_multistep.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/flow.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/lms.hpp>
#include <parapet/diffusion/solvers/pndm.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/mixture.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace support {

namespace diffusion = parapet::diffusion;

enum class path { variance_preserving, exploding, flow };

struct solver_order {
  char const* name;
  double order;
  path on;
  diffusion::sampling_plan (*plan)(diffusion::level_list const&);
};

inline std::vector<solver_order> solver_orders() {
  using namespace parapet::diffusion;
  auto const vp = path::variance_preserving;
#define PLAN_OF(...) [](level_list const& l) { return make_plan(__VA_ARGS__, l); }
  return {
      {"DDIM", 1, vp, PLAN_OF(ddim{})},
      {"DPM-Solver-1", 1, vp, PLAN_OF(dpm_solver{.order = 1})},
      {"DPM-Solver-2S", 2, vp, PLAN_OF(dpm_solver{.order = 2})},
      {"DPM-Solver-3S", 3, vp, PLAN_OF(dpm_solver{.order = 3})},
      {"DPM-Solver++ 2S", 2, vp, PLAN_OF(dpm_pp{.order = 2})},
      {"DPM-Solver++ 3S", 3, vp, PLAN_OF(dpm_pp{.order = 3})},
      {"DPM-Solver++ 2M", 2, vp, PLAN_OF(dpm_pp_multistep{})},
      {"DPM-Solver++ 2M heun", 2, vp, PLAN_OF(dpm_pp_multistep{.second = second_order::heun})},
      {"DPM-Solver++ 3M as published", 2, vp, PLAN_OF(dpm_pp_multistep{.order = 3, .third = third_order::compat, .start = bootstrap::single_step})},
      {"DPM-Solver++ 3M, low-order start", 2, vp, PLAN_OF(dpm_pp_multistep{.order = 3})},
      {"DPM-Solver++ 3M exact", 3, vp, PLAN_OF(dpm_pp_multistep{.order = 3, .start = bootstrap::single_step})},
      {"DPM-Solver 2M", 2, vp, PLAN_OF(dpm_solver_multistep{.lower_order_below = 0})},
      {"DPM-Solver++ 2S on the grid", 2, vp, PLAN_OF(dpm_singlestep{})},
      {"UniPC-1", 2, vp, PLAN_OF(unipc{.order = 1, .lower_order_final = false})},
      {"UniPC-2 bh1", 3, vp, PLAN_OF(unipc{.order = 2, .kind = unipc_kind::bh1, .lower_order_final = false})},
      {"UniPC-2 bh2", 3, vp, PLAN_OF(unipc{.order = 2, .lower_order_final = false})},
      {"UniPC-2 noise form", 3, vp, PLAN_OF(unipc{.order = 2, .form = predicts_noise, .lower_order_final = false})},
      {"UniPC-2, low-order end", 2, vp, PLAN_OF(unipc{.order = 2})},
      {"UniPC-3 bh2", 4, vp, PLAN_OF(unipc{.order = 3, .start = bootstrap::single_step, .lower_order_final = false})},
      {"DEIS-2", 2, vp, PLAN_OF(deis{.order = 2, .start = bootstrap::single_step})},
      {"DEIS-3", 3, vp, PLAN_OF(deis{.order = 3, .start = bootstrap::single_step})},
      {"DEIS-3, low-order start", 2, vp, PLAN_OF(deis{.order = 3})},
      {"PNDM", 2, vp, PLAN_OF(pndm{})},
      {"iPNDM", 2, vp, PLAN_OF(ipndm{})},
      {"Euler", 1, path::exploding, PLAN_OF(euler{})},
      {"Euler ancestral, eta = 0", 1, path::exploding, PLAN_OF(euler_ancestral{.eta = 0})},
      {"Heun", 2, path::exploding, PLAN_OF(heun{})},
      {"DPM2", 2, path::exploding, PLAN_OF(dpm2{})},
      {"LMS-2", 2, path::exploding, PLAN_OF(lms{.order = 2})},
      {"LMS-4, low-order start", 2, path::exploding, PLAN_OF(lms{.order = 4})},
      {"DPM-fast", 3, path::exploding, [](level_list const& l) { return make_plan(dpm_fast{.evaluations = 3 * static_cast<index_t>(l.size()) - 4}, l); }},
      {"DPM++ 2S ancestral, eta = 0", 2, path::exploding, PLAN_OF(dpm_pp_2s_ancestral{.eta = 0})},
      {"DPM++ SDE, eta = 0", 2, path::exploding, PLAN_OF(dpm_pp_sde{.eta = 0})},
      {"flow Euler", 1, path::flow, PLAN_OF(flow_euler{})},
      {"flow midpoint", 2, path::flow, PLAN_OF(flow_midpoint{})},
      {"flow Heun", 2, path::flow, PLAN_OF(flow_heun{})},
      {"flow RK4", 4, path::flow, PLAN_OF(flow_rk4{})},
  };
#undef PLAN_OF
}

/// n steps over the window.
inline diffusion::level_list window(path on, index_t n) {
  auto const cut = [&](auto schedule, auto const& grid) {
    double const begin = time_at(schedule, -1.5), end = time_at(schedule, 2.0);
    schedule.t_max = begin;
    schedule.t_min = end;
    return diffusion::make_levels(schedule, grid, n);
  };
  if (on == path::flow) return cut(diffusion::rectified_flow{}, diffusion::time_grid{});
  if (on == path::exploding) return cut(diffusion::edm{}, diffusion::log_snr_grid{});
  return cut(diffusion::vp_linear{}, diffusion::log_snr_grid{});
}

/// Points that start at quantiles of the first level, and where the flow takes them.
inline constexpr index_t order_points = 16;

/// Largest distance between what a plan for these levels makes of the points, and the exact flow.
template <class Backend>
double flow_error(Backend& be, diffusion::sampling_plan const& what, diffusion::level_list const& levels) {
  diffusion::sampler const s(what);
  double const spread = std::hypot(levels[0].alpha, levels[0].sigma);
  auto host = generate<double>(extents{index_t{1}, order_points}, [&](index_t i) { return spread * (0.27 * static_cast<double>(i) - 2.0); });
  using space = typename Backend::space;
  tensor<double, 2, space> x(host.shape());
  copy(be, host.read(), x.view());
  mixture<double, space> denoise(host.shape());
  parapet::arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, 1, order_points); });
  s.run_from(be, denoise, [](Backend&, index_t, parapet::matrix_view<double, space> const&) {}, x.view(), work);
  tensor<double, 2> result(host.shape());
  copy(be, x.read(), result.view());
  synchronize(be);
  double worst = 0;
  for (index_t i = 0; i < order_points; ++i)
    worst = std::max(worst, std::abs(result.flat()[i] - mixture_flow(host.flat()[i], levels.front(), levels.back())));
  return worst;
}

template <class Backend>
double order_error(Backend& be, solver_order const& which, index_t n) {
  auto const levels = window(which.on, n);
  return flow_error(be, which.plan(levels), levels);
}

/// The order that errors at n and 2 n show.
inline double measured_order(double coarse, double fine) { return std::log2(coarse / fine); }

}  // namespace support
