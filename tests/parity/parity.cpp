// FISOR on the CPU and on CUDA from one source, linked into one program: they compute the same but for the order of sums.
#include "parity/learner.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

/// Largest |a - b| over the largest |b|; NaN where either has one.
double difference(std::vector<double> const& a, std::vector<double> const& b) {
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double const error = std::abs(a[i] - b[i]);
    worst = error <= worst ? worst : error;
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst == 0 ? 0 : worst / scale;
}

void compare(int updates, double tolerance) {
  parity::outcome const cpu = parity::learn_on_cpu(updates), cuda = parity::learn_on_cuda(updates);
  CHECK(cuda.names == cpu.names);
  REQUIRE(cuda.tensors.size() == cpu.tensors.size());
  for (std::size_t i = 0; i < cpu.tensors.size(); ++i) {
    CAPTURE(cpu.names[i]);
    CHECK(difference(cuda.tensors[i], cpu.tensors[i]) < tolerance);
  }
  if (updates > 0) CHECK(difference(cuda.losses, cpu.losses) < tolerance);
  CHECK(difference(cuda.actions, cpu.actions) < 10 * tolerance);
}

}  // namespace

TEST_CASE("parity: initial parameters, one update, and a hundred") {
  compare(0, 1e-6);
  compare(1, 1e-5);
  compare(100, 1e-2);  // Adam divides by gradients' sizes, so that roundings grow
}
