#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/contrastive_energy.hpp>
#include <parapet/diffusion/guidance.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/diffusion/time_network.hpp>

#include <doctest/doctest.h>

#include "diffusion/tilted_gaussian.hpp"
#include "support/allocation_counter.hpp"
#include "support/tensor.hpp"

using namespace parapet;
using diffusion::noise_level;
using support::affine_denoiser;
using support::affine_gradient;
using support::model_of;
using support::normal;

namespace {

support::gaussian const data;
support::tilt const energy;

}  // namespace

TEST_CASE("guidance: a guided run allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  backend::cpu be(1);
  extents const shape{index_t{4}, index_t{2}};
  auto const grid = make_levels(diffusion::vp_linear{}, diffusion::log_snr_grid{}, 6);
  support::tensor<double, 2> x(shape), own(shape), answer(shape), slope(shape), sample(shape);
  auto const count = [&](auto guided, auto const& parameterization) {
    diffusion::sampler const s(make_plan(diffusion::ddim{}, grid), parameterization);
    arena<> memory;
    auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, shape[0], shape[1]); });
    s.run(be, guided, diffusion::philox_noise{philox_stream(0, 0)}, x.view(), work);  // reserves what the backend's products need
    auto const before = support::allocation_count();
    s.run(be, guided, diffusion::philox_noise{philox_stream(0, 0)}, x.view(), work);
    return support::allocation_count() - before;
  };
  auto const by_gradient = [&](auto const& p) {
    auto const gradient = [](noise_level const& at, double xt) { return energy.exact_gradient(data, at, xt); };
    affine_denoiser const model{model_of(data, p), own.view()};
    return count(diffusion::gradient_guidance{model, affine_gradient{gradient}, p, 1.0, answer.view(), slope.view(), sample.view()}, p);
  };
  CHECK(by_gradient(diffusion::v_prediction{}) == 0);
  CHECK(by_gradient(diffusion::edm_preconditioning{}) == 0);
  affine_denoiser const model{model_of(data, diffusion::epsilon_prediction{}), own.view()};
  CHECK(count(diffusion::classifier_free_guidance{model, model, 2.0, answer.view()}, diffusion::epsilon_prediction{}) == 0);

  nn::parameter_list list;
  diffusion::time_network const net(list, "energy", {.dimension = 2, .out = 1, .time_features = 4, .width = 8, .hidden = 2});
  auto const parameters = normal<double>(extents{list.size()}, 1);
  auto const one = support::constant(extents{shape[0], index_t{1}}, 1.0);
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return net.template make_workspace<double>(m, shape[0], nn::mode::training); });
  diffusion::energy_gradient<double, host_space> const learnt{net, parameters.read(), work, one.read()};
  CHECK(count(diffusion::gradient_guidance{model, learnt, diffusion::epsilon_prediction{}, 1.0, answer.view(), slope.view()}, diffusion::epsilon_prediction{}) == 0);
}
