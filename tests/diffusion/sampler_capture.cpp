#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/step_grid.hpp>

#include "support/backends.hpp"
#include "support/mixture.hpp"

using namespace parapet;
using namespace parapet::diffusion;
using support::tensor;

TEST_CASE_TEMPLATE("sampler: a captured run repeats it", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{6}, index_t{5}};
  sampler const s(make_plan(dpm_pp_multistep{.eta = 1}, make_levels(vp_linear{}, log_snr_grid{}, 8, last_level::data)), epsilon_prediction{}, clip_data{1.5});
  arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return s.template make_workspace<float>(m, shape[0], shape[1]); });
  tensor<float, 2, space> x(shape);
  support::mixture<float, space> denoise(shape);
  s.run(be, denoise, philox_noise{philox_stream(2, 0)}, x.view(), work);
  auto const once = support::download(be, x);
  auto recording = capture(be, [&] { s.run(be, denoise, philox_noise{philox_stream(2, 0)}, x.view(), work); });
  fill(be, x.view(), 0.0f);
  recording.launch();
  CHECK(same(support::download(be, x), once));
}
