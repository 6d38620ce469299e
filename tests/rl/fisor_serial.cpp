// FISOR on another backend than the CPU's: all that it asks of one is the Backend concept.
#include <parapet/rl/fisor.hpp>

#include <doctest/doctest.h>

#include "rl/fisor_on_cpu.hpp"
#include "support/fisor_problem.hpp"
#include "support/serial_backend.hpp"

#include <cmath>

using namespace parapet;

TEST_CASE("fisor: plain loops and the CPU's backend learn the same") {
  mine::serial be;
  auto const data = support::random_transitions();
  rl::fisor<mine::serial> l(be, support::small_fisor(), data);
  for (rl::fisor_losses const& cpu : fisor_losses_on_cpu(4)) {
    auto const plain = l.update();
    auto const near = [](double a, double b) { return std::abs(a - b) <= 1e-4 * std::abs(b); };
    CHECK(near(plain.actor, cpu.actor));
    CHECK(near(plain.reward_value, cpu.reward_value));
    CHECK(near(plain.reward_critic, cpu.reward_critic));
    CHECK(near(plain.safety_value, cpu.safety_value));
    CHECK(near(plain.safety_critic, cpu.safety_critic));
    CHECK(near(plain.mean_weight, cpu.mean_weight));
  }
}
