#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/brownian_path.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include <doctest/doctest.h>

#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;
using support::tensor;

namespace {

extents const shape{index_t{3}, index_t{5}};

level_list levels(index_t n) { return make_levels(vp_linear{}, log_snr_grid{}, n, last_level::data); }

/// epsilon, odd enough that clipped data differs from unclipped.
double model(double x, noise_level const& l) { return 0.8 * x - 0.3 * l.alpha + 0.1 * std::sin(3 * x); }

struct denoiser_of_model {
  tensor<double, 2>& out;
  matrix_view<double const> operator()(backend::cpu&, matrix_view<double const> const& x, noise_level const& l) const {
    for (index_t i = 0; i < x.size(); ++i) out.flat()[i] = model(x.data()[i], l);
    return out.read();
  }
};

template <class Sampler, class Denoiser>
tensor<double, 2> run(Sampler const& s, Denoiser&& denoise) {
  backend::cpu be(1);
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, shape[0], shape[1]); });
  auto x = support::normal<double>(shape, 4);
  s.run_from(be, denoise, philox_noise{philox_stream(6, 0)}, x.view(), work);
  return x;
}

/// Makes the predicted data of a batch end in the limit, all at once.
struct halve_data {
  std::vector<double>* seen;
  template <class Backend, class T, class Space>
  void correct_data(Backend&, matrix_view<T, Space> const& x0, noise_level const& level) const {
    seen->push_back(level.sigma);
    for (index_t i = 0; i < x0.size(); ++i) x0.data()[i] *= T(0.5);
  }
};
struct halve_element {
  template <class X>
  PARAPET_INLINE PARAPET_FN X on_data(X const& x0) const { return X(0.5) * x0; }
};

}  // namespace

TEST_CASE("hooks: predicted data is clipped where the solver uses it") {
  tensor<double, 2> out(shape);
  denoiser_of_model const denoise{out};
  auto const by_hand = [&](bool corrected_noise) {
    auto x = support::normal<double>(shape, 4);
    auto const l = levels(6);
    for (std::size_t i = 0; i + 1 < l.size(); ++i)
      for (index_t k = 0; k < x.size(); ++k) {
        double const now = x.flat()[k], predicted = model(now, l[i]);
        double const x0 = std::clamp((now - l[i].sigma * predicted) / l[i].alpha, -0.4, 0.4);
        double const epsilon = corrected_noise ? (now - l[i].alpha * x0) / l[i].sigma : predicted;
        x.flat()[k] = l[i + 1].alpha * x0 + l[i + 1].sigma * epsilon;
      }
    return x;
  };
  for (bool const corrected : {true, false})
    CHECK(relative_difference(run(sampler(make_plan(ddim{.corrected_noise = corrected}, levels(6)), epsilon_prediction{}, clip_data{0.4}), denoise),
                              by_hand(corrected)) < 1e-12);
  CHECK(relative_difference(by_hand(true), by_hand(false)) > 0.01);
  // A limit that nothing reaches changes nothing, with history or without.
  for (sampling_plan const& p : {make_plan(ddim{}, levels(6)), make_plan(dpm_pp_multistep{.order = 3}, levels(6)), make_plan(unipc{}, levels(6))})
    CHECK(relative_difference(run(sampler(p, epsilon_prediction{}, clip_data{1e9}), denoise), run(sampler(p), denoise)) < 1e-13);
}

TEST_CASE("hooks: data corrected all at once or by element is the same, after the elementwise ones") {
  tensor<double, 2> out(shape);
  denoiser_of_model const denoise{out};
  std::vector<double> seen;
  for (sampling_plan const& p : {make_plan(ddim{.corrected_noise = false}, levels(4)), make_plan(dpm_pp_multistep{}, levels(4)),
                                 make_plan(dpm_pp_multistep{.eta = 1}, levels(4))}) {
    seen.clear();
    auto const whole = run(sampler(p, epsilon_prediction{}, halve_data{&seen}), denoise);
    CHECK(relative_difference(whole, run(sampler(p, epsilon_prediction{}, halve_element{}), denoise)) < 1e-13);
    REQUIRE(seen.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(seen[i] == levels(4)[i].sigma);
    auto const both = run(sampler(p, epsilon_prediction{}, halve_data{&seen}, clip_data{0.3}), denoise);
    CHECK(relative_difference(both, run(sampler(p, epsilon_prediction{}, clip_data{0.3}, halve_element{}), denoise)) < 1e-13);
    CHECK(relative_difference(both, whole) > 1e-3);
  }
}

TEST_CASE("hooks: x is clipped after every step, and a callback sees it then") {
  tensor<double, 2> out(shape);
  denoiser_of_model const denoise{out};
  index_t calls = 0;
  double largest = 0;
  auto const look = [&](backend::cpu&, matrix_view<double> const& x, sampling_progress const& progress) {
    CHECK(progress.completed == ++calls);
    CHECK(progress.total == 7);
    CHECK(progress.level.sigma == levels(7)[static_cast<std::size_t>(calls)].sigma);
    for (index_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x.data()[i]));
  };
  for (sampling_plan const& p : {make_plan(ddim{}, levels(7)), make_plan(unipc{}, levels(7))}) {
    calls = 0;
    auto const x = run(sampler(p, epsilon_prediction{}, on_step{look}, clip_state{0.25}), denoise);
    CHECK(calls == 7);
    CHECK(largest == 0.25);
    CHECK(std::abs(*std::max_element(x.flat().data(), x.flat().data() + x.size())) <= 0.25);
  }
}

TEST_CASE("hooks: a model that answers NaN is caught") {
  tensor<double, 2> out(shape);
  index_t calls = 0;
  auto const broken = [&](backend::cpu&, matrix_view<double const> const& x, noise_level const& l) {
    for (index_t i = 0; i < x.size(); ++i) out.flat()[i] = model(x.data()[i], l);
    if (++calls == 3) out.flat()[11] = std::numeric_limits<double>::quiet_NaN();
    return out.read();
  };
  sampler const s(make_plan(ddim{}, levels(5)), epsilon_prediction{}, finite_check{});
  CHECK(message_of<error>([&] { run(s, broken); }) ==
        parapet::detail::concat("sampler: x is not finite after step 3 of 5, at sigma = ", levels(5)[3].sigma));
  CHECK(calls == 3);
}

TEST_CASE("sampler: a run allocates nothing, with any hook and any noise") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  backend::cpu be(1);
  tensor<double, 2> out(shape), x(shape);
  denoiser_of_model const denoise{out};
  auto const count = [&](auto const& s, auto const& noise) {
    arena<> memory;
    auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, shape[0], shape[1]); });
    auto const before = support::allocation_count();
    s.run(be, denoise, noise, x.view(), work);
    return support::allocation_count() - before;
  };
  philox_noise const noise{philox_stream(0, 0)};
  auto const inner = make_levels(vp_linear{}, log_snr_grid{}, 6);
  brownian_path const path(philox_stream(0, 0), inner.front().lambda(), inner.back().lambda());
  for (sampling_plan const& p : {make_plan(ddim{.eta = 1}, inner), make_plan(dpm_pp_multistep{.order = 3, .eta = 1}, inner),
                                 make_plan(unipc{.order = 3}, inner)}) {
    CHECK(count(sampler(p), noise) == 0);
    CHECK(count(sampler(p), path) == 0);
    CHECK(count(sampler(p, edm_preconditioning{}, clip_data{1}, clip_state{2}, finite_check{}), noise) == 0);
  }
}

TEST_CASE("sampler: refuses shapes that do not fit, and predictions that say too little") {
  backend::cpu be(1);
  sampler const s(make_plan(dpm_pp_multistep{.eta = 1}, levels(4)));
  tensor<double, 2> x(shape), out(shape), wide(extents{index_t{3}, index_t{6}});
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return s.make_workspace<double>(m, shape[0], shape[1]); });
  philox_noise const noise{philox_stream(0, 0)};
  auto const message = [&](auto const& result, auto const& x_, auto const& w) {
    return message_of<shape_error>([&] { s.run(be, [&](auto&, auto const&, index_t) { return result; }, noise, x_, w); });
  };
  CHECK(message(wide.read(), x.view(), work) == "sampler: the denoiser's result has shape (3, 6), expected (3, 5)");
  CHECK(message(out.read(), wide.view(), work) == "sampler: a slot of the workspace has shape (3, 5), expected (3, 6)");
  CHECK(message(out.read(), x.view(), sampler_workspace<double, host_space>{}) == "sampler: a slot of the workspace has shape (0, 0), expected (3, 5)");
  sampling_plan crowded{.name = "crowded", .slots = 8, .steps = {{.level = {0.6, 0.8}, .keep = 7, .noise = 1}}};
  for (int slot = 1; slot <= 6; ++slot) crowded.steps[0].terms.push_back({slot, 1});
  CHECK(message_of<argument_error>([&] { sampler{crowded}; }) == "sampler: a step from sigma = 0.8 reads 7 arrays, expected at most 6");
  noise_schedule const pure = noise_schedule::linear(100).zero_terminal_snr();
  CHECK(message_of<argument_error>([&] { sampler(make_plan(ddim{}, make_levels(pure, trailing{}, 5))); }) ==
        "convert: the model's prediction does not determine what the solver needs at alpha = 0, sigma = 1");
  CHECK(message_of<argument_error>([&] { sampler(make_plan(ddim{}, make_levels(pure, trailing{}, 5)), v_prediction{}); }) == "");
}
