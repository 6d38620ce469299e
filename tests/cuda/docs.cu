// The programs of docs/cuda.md.
#include <parapet/backend/cuda/kernels.cuh>
#include <parapet/io/checkpoint.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/rl/fisor.hpp>

#include "support/fisor_problem.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>

namespace {

// y = mish(a x), for every element, on the device.
struct scaled_mish {
  float a;
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = parapet::math::mish{}(X(a) * x); }
};

float first_after_three_steps() {
  using namespace parapet;
  backend::cuda be;  // a stream on the current device
  buffer<float, backend::device_space> x(1000), y(1000);
  fill_normal(be, x.view(), philox_stream(1, 0));

  auto step = capture(be, [&] {  // recorded once, launched as one
    map(be, scaled_mish{0.5f}, y.view(), x.view());
    copy(be, y.view(), x.view());
  });
  for (int i = 0; i < 3; ++i) step.launch();

  buffer<float> host(1000);
  copy(be, x.view(), host.view());  // waits: the host may read now
  return host.view()[0];
}

void train_sixteen_seeds(parapet::rl::transitions<float> const& log, parapet::rl::fisor_config const& config) {
  using namespace parapet;
  backend::cuda be({.precision = backend::product_precision::tf32});
  auto const data = rl::upload(be, log);
  rl::fisor<backend::cuda> learner(be, config, data, 16);
  rl::fisor_losses const losses = learner.train(100);
  std::printf("V_h of the first seed: %g\n", losses.safety_value);
  for (index_t seed = 0; seed < 16; ++seed) {
    auto const snapshot = learner.snapshot(seed);  // on the host, as of a CPU run
    io::save_checkpoint("seed" + std::to_string(seed) + ".safetensors", snapshot);
  }
}

}  // namespace

TEST_CASE("docs: a captured step gives what the host computes") {
  float x = parapet::philox_stream(1, 0).normal(0);
  for (int i = 0; i < 3; ++i) x = parapet::math::mish{}(0.5f * x);
  CHECK(std::abs(first_after_three_steps() - x) < 1e-6f);
}

TEST_CASE("docs: sixteen seeds") {
  train_sixteen_seeds(support::random_transitions(), support::small_fisor());
  for (int seed = 0; seed < 16; ++seed) CHECK(std::remove(("seed" + std::to_string(seed) + ".safetensors").c_str()) == 0);
}
