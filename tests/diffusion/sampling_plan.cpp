#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/sampling_plan.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/ddpm.hpp>
#include <parapet/diffusion/solvers/deis.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/solvers/euler.hpp>
#include <parapet/diffusion/solvers/euler_ancestral.hpp>
#include <parapet/diffusion/solvers/pndm.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;

namespace {

/// Largest difference of two plans of one evaluation a step, as x := a x_0 + b D + c z with D the predicted data.
double difference(sampling_plan const& p, sampling_plan const& q) {
  REQUIRE(p.steps.size() == q.steps.size());
  struct step {
    double x = 0, data = 0, noise = 0;
  };
  auto const flat = [](sampling_step const& s) {
    step out{.noise = s.noise};
    for (term const& t : s.terms) {
      if (t.slot == 0) out.x += t.factor;
      if (t.slot == fresh) {
        conversion const c = convert(predicts_data, s.as, s.level);
        out.x += t.factor * c.x_factor;
        out.data += t.factor * c.factor;
      }
    }
    return out;
  };
  double worst = 0;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    step const a = flat(p.steps[i]), b = flat(q.steps[i]);
    worst = std::max({worst, std::abs(a.x - b.x), std::abs(a.data - b.data), std::abs(a.noise - b.noise)});
  }
  return worst;
}

level_list vp() { return make_levels(vp_linear{}, log_snr_grid{}, 8, last_level::data); }

}  // namespace

TEST_CASE("sampling plan: solvers that are the same method have the same plan") {
  sampling_plan const first = make_plan(ddim{}, vp());
  CHECK(difference(first, make_plan(dpm_solver{.order = 1}, vp())) < 1e-13);
  CHECK(difference(first, make_plan(dpm_pp{.order = 1}, vp())) < 1e-13);
  CHECK(difference(first, make_plan(dpm_pp_multistep{.order = 1}, vp())) < 1e-13);
  CHECK(difference(first, make_plan(deis{.order = 1}, vp())) < 1e-13);
  CHECK(difference(first, make_plan(ipndm{.order = 1}, vp())) < 1e-13);
  CHECK(difference(first, make_plan(euler{}, vp())) < 1e-13);
  CHECK(difference(make_plan(ddim{.eta = 1}, vp()), make_plan(ddpm{reverse_variance::posterior}, vp())) < 1e-13);
  for (double const eta : {0.3, 1.0}) CHECK(difference(make_plan(ddim{.eta = eta}, vp()), make_plan(euler_ancestral{.eta = eta}, vp())) < 1e-13);
  CHECK(difference(make_plan(ddim{.eta = 1}, vp()), make_plan(dpm_pp_multistep{.order = 1, .eta = 1}, vp())) < 1e-13);
  // epsilon taken from the corrected data or as predicted: the same without a correction
  auto const levels = vp();
  sampling_plan const other = make_plan(ddim{.corrected_noise = false}, levels);
  gaussian_moments const a = moments_of(first, {0.3, 0.5}), b = moments_of(other, {0.3, 0.5});
  CHECK(std::abs(a.mean - b.mean) < 1e-13);
  CHECK(std::abs(a.variance - b.variance) < 1e-13);
}

TEST_CASE("sampling plan: counts evaluations, draws, slots") {
  auto const counts = [](sampling_plan const& p) { return std::vector<index_t>{p.evaluations(), p.draws(), p.slots, p.completed()}; };
  CHECK(counts(make_plan(ddim{}, vp())) == std::vector<index_t>{8, 0, 1, 8});
  CHECK(counts(make_plan(ddpm{}, vp())) == std::vector<index_t>{8, 7, 1, 8});
  CHECK(counts(make_plan(dpm_pp_multistep{}, vp())) == std::vector<index_t>{8, 0, 2, 8});
  CHECK(counts(make_plan(dpm_pp_multistep{.order = 3, .eta = 1}, vp())) == std::vector<index_t>{8, 7, 3, 8});
  CHECK(counts(make_plan(dpm_solver{.order = 3}, vp())) == std::vector<index_t>{7 * 3 + 1, 0, 3, 8});  // to sigma 0 in one
  CHECK(counts(make_plan(dpm_pp_multistep{.order = 3, .start = bootstrap::single_step}, vp())) == std::vector<index_t>{3 + 3 + 6, 0, 4, 8});
  CHECK(counts(make_plan(unipc{.order = 3}, vp())) == std::vector<index_t>{8, 0, 5, 8});
  CHECK(counts(make_plan(pndm{}, vp())) == std::vector<index_t>{9, 0, 5, 8});
}

TEST_CASE("sampling plan: is printed as a program") {
  std::string const text = describe(make_plan(dpm_pp_multistep{.lower_order_below = 0}, {{0.6, 0.8, 0.9}, {0.8, 0.6, 0.5}, {0.96, 0.28, 0.1}}));
  CHECK(text ==
        "dpm_pp-2m: 2 evaluations, 0 draws, 2 slots\n"
        "x0 := 0.75 x0 + 0.35 m(x0, t = 0.9); x1 := m\n"
        "x0 := 0.466666667 x0 + 1.06817403 m(x0, t = 0.5) + -0.481507363 x1; x1 := m\n");
}

TEST_CASE("sampling plan: temperature scales noise and nothing else") {
  sampling_plan const plan = make_plan(ddpm{}, vp()), cold = with_temperature(plan, 0.5, 0.25), frozen = with_temperature(plan, 0);
  CHECK(cold.initial_deviation == 0.25);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) CHECK(cold.steps[i].noise == 0.5 * plan.steps[i].noise);
  CHECK(frozen.is_deterministic());
  CHECK(message_of<argument_error>([&] { with_temperature(plan, -1); }) == "with_temperature: -1 and 1, expected at least 0");
}

TEST_CASE("sampling plan: refuses levels that are no grid") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto const message = [](level_list const& levels) { return message_of<argument_error>([&] { make_plan(ddim{}, levels); }); };
  CHECK(message({}) == "make_plan: 0 noise levels make 0 steps, expected at least 1");
  CHECK(message({{0.6, 0.8}}) == "make_plan: 1 noise levels make 0 steps, expected at least 1");
  CHECK(message({{0.6, 0.8}, {nan, 0.6}}) == "make_plan: noise level 1 has alpha = nan and sigma = 0.6");
  CHECK(message({{0.6, -0.8}, {0.8, 0.6}}) == "make_plan: noise level 0 has alpha = 0.6 and sigma = -0.8");
  CHECK(message({{0.6, 0.8}, {0.8, 0.6}, {0.8, 0.6}}) ==
        "make_plan: log-SNR 0.287682072 of noise level 2 follows 0.287682072, expected levels that lose noise all along");
  CHECK(message({{0.6, 0.8}, {1, 0}, {0.8, 0.6}}) == "make_plan: log-SNR 0.287682072 of noise level 2 follows inf, expected levels that lose noise all along");
  CHECK(message({{0.8, 0.6}, {0.6, 0.8}, {0.8, 0.6}}) ==
        "make_plan: log-SNR 0.287682072 of noise level 2 follows -0.287682072, expected levels that gain noise all along");
}

TEST_CASE("sampling plan: refuses what a solver cannot do") {
  auto const message = [](auto const& solver, level_list const& levels) { return message_of<argument_error>([&] { make_plan(solver, levels); }); };
  level_list const pure_noise{{0, 1, 1}, {0.8, 0.6, 0.5}, {1, 0, 0}};
  CHECK(message(dpm_solver{.order = 1}, pure_noise) ==
        "make_plan: step 0 of dpm_solver-1 from sigma = 1 to 0.6 has the factor inf: this solver cannot reach or leave such a level");
  CHECK(message(ddim{}, pure_noise) == "");  // in the data form it can, with a model of x_0 or v
  CHECK(message(dpm_pp_multistep{}, pure_noise) == "");
  CHECK(message(ddpm{}, reversed(vp())).find("inverse") == std::string::npos);  // from sigma = 0 not even a first step
  level_list inner = vp();
  inner.pop_back();
  CHECK(message(ddpm{}, reversed(inner)) != "");
  CHECK(message(ddim{}, reversed(inner)) == "");
  CHECK(message(ddim{.eta = 1.5}, {{0.6, 0.8}, {0.61, std::sqrt(1 - 0.61 * 0.61)}, {0.99, std::sqrt(1 - 0.99 * 0.99)}}) ==
        "ddim: eta = 1.5 asks for more noise than there is at sigma = 0.14106736");
  CHECK(message(ddim{.eta = -1}, vp()) == "ddim: eta = -1, expected at least 0");
  CHECK(message(dpm_solver{.order = 4}, vp()) == "dpm_solver: order = 4, expected 1 to 3");
  CHECK(message(dpm_pp{.order = 2, .r = 0}, vp()) == "dpm_pp: r = 0, expected inside (0, 1]");
  CHECK(message(dpm_pp_multistep{.order = 0}, vp()) == "dpm_pp_multistep: order = 0, expected 1 to 3");
  CHECK(message(dpm_pp_multistep{.eta = 1, .start = bootstrap::single_step}, vp()) == "dpm_pp_multistep: a start in single steps needs eta = 0");
  CHECK(message(unipc{.order = 5}, vp()) == "unipc: order = 5, expected 1 to 4");
  CHECK(message(deis{.order = 5}, vp()) == "deis: order = 5, expected 1 to 4");
  CHECK(message(pndm{.order = 5}, vp()) == "pndm: order = 5, expected 1 to 4");
}

TEST_CASE("sampling plan: the prediction must tell what the solver needs") {
  noise_level const pure{0, 1, 1};
  CHECK(convert(predicts_noise, predicts_noise, pure).factor == 1);
  CHECK(message_of<argument_error>([&] { convert(predicts_noise, predicts_data, pure); }) ==
        "convert: the model's prediction does not determine what the solver needs at alpha = 0, sigma = 1");
  noise_level const at{0.6, 0.8, 0.5};
  double const x0 = 0.7, epsilon = -1.1, x = at.alpha * x0 + at.sigma * epsilon;
  prediction const all[] = {epsilon_prediction{}(at), data_prediction{}(at), v_prediction{}(at), score_prediction{}(at), flow_prediction{}(at), edm_preconditioning{}(at)};
  for (prediction const& from : all)
    for (prediction const& to : all) {
      conversion const c = convert(from, to, at);
      double const r = from.data * x0 + from.noise * epsilon;
      CHECK(std::abs(c.x_factor * x + c.factor * r - (to.data * x0 + to.noise * epsilon)) < 1e-13);
    }
  // The EDM network, from its definition.
  double const s = at.sigma / at.alpha, d = 0.5, y = x / at.alpha, total = s * s + d * d;
  double const f = (x0 - d * d / total * y) / (s * d / std::sqrt(total));
  CHECK(std::abs(f - (all[5].data * x0 + all[5].noise * epsilon)) < 1e-14);
  CHECK(std::abs(edm_preconditioning{}.input_scale(at) * x - y / std::sqrt(total)) < 1e-15);
}
