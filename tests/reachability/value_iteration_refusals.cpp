// What value iteration must refuse, in words, with the state where there is one.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace parapet;
using namespace parapet::reachability;
using support::contains;

namespace {

enum class shape { walls, flat, hole };

/// |x| < 1, or one that makes no sense.
struct target {
  shape is;
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const {
    if (is == shape::flat) return X(7.0f);
    if (is == shape::hole) return math::sqrt(s[0]);
    return X(1.0f) - math::abs(s[0]);
  }
};
/// Not a number left of x = -1.
struct broken_system {
  static constexpr int state_dim = 2;
  box<1> controls{{-1}, {1}};
  no_input disturbances{};
  template <class X>
  PARAPET_FN vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 1> const& u, vec<X, 0> const&) const { return {s[1], u[0] + math::sqrt(s[0] + X(1.0f))}; }
};

template <class Question, class System = double_integrator, class Discount = undiscounted>
std::string refusal(Question question, System system = System(), Discount discount = {}, value_iteration_options const& options = {}, double step = 0.1,
                    index_t samples = 2) {
  backend::cpu be(1);
  grid::grid<2> const plane({{-1.5, 1.5, 31}, {-2, 2, 41}});
  return support::message_of<argument_error>(
      [&] { value_iteration<float>(be, system, plane, question, steps_of(step).trying(samples, 1), discount, options); });
}

double_integrator const car;
target const walls{shape::walls}, flat{shape::flat}, hole{shape::hole};

}  // namespace

TEST_CASE("a target or obstacle that is flat or not finite is refused") {
  CHECK(contains(refusal(avoid(flat)), "the target's function is flat: 7 at every node"));
  CHECK(contains(refusal(avoid(hole)), "the target's function is not finite at the state (-1.5, -2)"));
  CHECK(contains(refusal(reach(walls).while_avoiding(flat)), "the obstacle's function is flat: -7"));
}

TEST_CASE("dynamics that lead to no number are refused, with state, inputs and successor") {
  std::string const broken = refusal(avoid(walls), broken_system{});
  CHECK(contains(broken, "the step from the state (-1.5, -2) under control (-1) and disturbance () leads to ("));
  CHECK(contains(broken, "nan"));
}

TEST_CASE("options out of range are refused") {
  CHECK(contains(refusal(avoid(walls), car, per_step{1.0}), "per_step: a discount of 1, expected one in [0, 1)"));
  CHECK(contains(refusal(avoid(walls), car, per_step{-0.1}), "expected one in [0, 1)"));
  CHECK(contains(refusal(avoid(walls), car, per_step{NAN}), "expected one in [0, 1)"));
  CHECK(contains(refusal(avoid(walls), car, per_step{0.999}, {.tolerance = 1e-7}), "below what rounding allows"));
  CHECK(contains(refusal(avoid(walls).as_set()), "need the Hamilton-Jacobi solver"));
  CHECK(contains(refusal(avoid(walls), car, undiscounted{}, {}, 0), "a step of 0 seconds"));
  CHECK(contains(refusal(avoid(walls), car, undiscounted{}, {}, 0.1, 0), "0 and 1 samples"));
  CHECK(contains(support::message_of<argument_error>([] { per_second{0}.factor(0.1); }), "per_second: a rate of 0"));
  CHECK(contains(support::message_of<argument_error>([] { cvar{0.0}.check(2); }), "alpha is 0"));
  CHECK(contains(support::message_of<argument_error>([] { cvar{0.5}.check(65); }), "at most 64"));
  CHECK(contains(support::message_of<argument_error>([] { expectation<3>{{{0.5, 0.25, 0.25}}}.check(2); }), "3 probabilities with sum 1 for 2 samples"));
}
