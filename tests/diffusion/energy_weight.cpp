#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/energy_weight.hpp>

#include <doctest/doctest.h>

#include "support/tensor.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using diffusion::effective_sample_size;
using diffusion::feasibility_weight;
using support::generate;
using support::tensor;

namespace {

template <class T>
T weight(double q_reward, double v_reward, double q_safety, double v_safety, feasibility_weight const& f = {}) {
  T w = T(-1);
  f(w, T(q_reward), T(v_reward), T(q_safety), T(v_safety));
  return w;
}

template <class T>
bool near(T value, double expected) {
  return std::abs(static_cast<double>(value) - expected) <= 8 * static_cast<double>(std::numeric_limits<T>::epsilon()) * expected;
}

}  // namespace

TEST_CASE_TEMPLATE("feasibility weight: closed forms in its regimes", T, float, double) {
  // a feasible state: reward decides among actions that keep it so
  CHECK(near(weight<T>(1.5, 1, -0.5, -0.25), std::exp(3 * 0.5)));
  CHECK(near(weight<T>(1, 1.5, -0.5, -0.25), std::exp(-3 * 0.5)));
  CHECK(weight<T>(1.5, 1, 0.5, -0.25) == T(0));
  // an infeasible one: the least risk, whatever the reward
  CHECK(near(weight<T>(7, 0, 0.25, 0.5), std::exp(5 * 0.25)));
  CHECK(near(weight<T>(7, 0, 0.75, 0.5), std::exp(-5 * 0.25)));
  CHECK(near(weight<T>(7, 0, -0.25, 0.5), std::exp(5 * 0.75)));
  // 0 is feasible on both counts
  CHECK(near(weight<T>(1, 1, 0, 0), 1));
  // caps
  CHECK(near(weight<T>(3, 0, -1, -1), 100));
  CHECK(near(weight<T>(0, 0, -1, 1), 150));
  CHECK(near(weight<T>(1.5, 0, -1, -1), std::exp(4.5)));
  CHECK(near(weight<T>(0, 0, -0.5, 0.5), std::exp(5.0)));
  feasibility_weight const other{1, 2, std::log(2.0), std::log(3.0)};
  CHECK(near(weight<T>(9, 0, -1, -1, other), 2));
  CHECK(near(weight<T>(0, 0, -9, 1, other), 3));
  CHECK(near(weight<T>(0.5, 0, -1, -1, other), std::exp(0.5)));
  CHECK(near(weight<T>(0, 0, 0.25, 0.5, other), std::exp(0.5)));
}

TEST_CASE_TEMPLATE("feasibility weight: exponents out of range make no infinity and no NaN", T, float, double) {
  double const huge = 1e38;
  CHECK(near(weight<T>(huge, -huge, -1, -1), 100));
  CHECK(weight<T>(-huge, huge, -1, -1) == T(0));
  CHECK(weight<T>(huge, -huge, 1, -1) == T(0));  // 0 times a capped weight, not times infinity
  CHECK(near(weight<T>(huge, -huge, -huge, huge), 150));
  CHECK(weight<T>(0, 0, huge, 1) == T(0));
}

TEST_CASE_TEMPLATE("feasibility weight: packs give what scalars give", T, float, double) {
  backend::cpu be(1);
  index_t const n = 101;
  auto const draw = [&](std::uint64_t seed) { return support::normal<T>(extents{n}, seed); };
  auto const q = draw(1), v = draw(2), qh = draw(3), vh = draw(4);
  tensor<T, 1> w(extents{n});
  map(be, feasibility_weight{}, w.view(), q.read(), v.read(), qh.read(), vh.read());
  index_t zeros = 0, caps = 0;
  for (index_t i = 0; i < n; ++i) {
    T expected = 0;
    feasibility_weight{}(expected, q.read()[i], v.read()[i], qh.read()[i], vh.read()[i]);
    CHECK(near(w.read()[i], static_cast<double>(expected)));
    zeros += expected == 0;
    caps += expected > T(99.9);
  }
  CHECK(zeros > 0);
  CHECK(caps > 0);
}

TEST_CASE_TEMPLATE("effective sample size counts equal weights", T, float, double) {
  backend::cpu be(1);
  index_t const n = 37;
  auto const of = [&](auto f) { return effective_sample_size(be, generate<T>(extents{n}, f).read()); };
  CHECK(std::abs(of([](index_t) { return 2.5; }) - 37) < 1e-4);
  CHECK(of([](index_t i) { return i == 5 ? 3.0 : 0.0; }) == 1);
  CHECK(of([](index_t i) { return i < 4 ? 0.25 : 0.0; }) == 4);
  CHECK(of([](index_t) { return 0.0; }) == 0);
  CHECK(effective_sample_size(6, 14) == 36.0 / 14);  // 1, 2, 3
}

TEST_CASE_TEMPLATE("rules: closed forms, caps and zeros", T, float, double) {
  auto const of = [](auto const& f, auto... values) {
    T w = T(-1);
    f(w, T(values)...);
    return w;
  };
  double const huge = 1e38;
  CHECK(near(of(diffusion::awr_weight(), 1.1, 1), std::exp(20 * static_cast<double>(T(1.1) - T(1)))));
  CHECK(near(of(diffusion::awr_weight(), 9, 1), 20));
  CHECK(near(of(diffusion::iql_weight(), 0.5, 1), std::exp(-1.5)));
  CHECK(near(of(diffusion::iql_weight(), huge, -huge), 100));
  CHECK(of(diffusion::iql_weight(), -huge, huge) == T(0));
  CHECK(near(of(diffusion::crr_weight(), 2, 1.5), std::exp(0.5)));
  CHECK(near(of(diffusion::crr_weight(), 5, 0), 20));

  CHECK(of(diffusion::crr_binary_weight(), 1.5, 1) == T(1));
  CHECK(of(diffusion::crr_binary_weight(), 1, 1) == T(0));  // an advantage of 0 is none
  CHECK(of(diffusion::crr_binary_weight(), 0.5, 1) == T(0));
  CHECK(of(diffusion::idql_hard_weight(), 0.995, 1) == T(1));
  CHECK(of(diffusion::idql_hard_weight(), 0.98, 1) == T(0));
  CHECK(near(of(diffusion::idql_soft_weight(), 2, 1), 0.7));
  CHECK(near(of(diffusion::idql_soft_weight(), 1, 1), 0.7));
  CHECK(near(of(diffusion::idql_soft_weight(), 0, 1), 0.3));

  diffusion::capped<diffusion::cost_advantage> const constrained{{2, 0.5}, 50};
  CHECK(near(of(constrained, 1.5, 1, 0.25, 0.25), std::exp(1.0)));    // no cost: AWR
  CHECK(near(of(constrained, 1.5, 1, 1.25, 0.25), 1));                // 0.5 of reward against 1 of cost at 0.5 each
  CHECK(near(of(constrained, 1, 1, 0.25, 1.25), std::exp(1.0)));      // cheaper than usual
  CHECK(near(of(constrained, 1, 1, 0.25, 9.25), 50));
}

TEST_CASE("rules: a cap that is no positive number is refused") {
  for (double const cap : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")})
    CHECK_THROWS_AS(diffusion::iql_weight(3, cap), argument_error);
}
