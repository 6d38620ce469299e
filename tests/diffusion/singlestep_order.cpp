#include <parapet/backend/cpu/cpu.hpp>

#include "support/solver_orders.hpp"

#include <doctest/doctest.h>

using namespace parapet;

TEST_CASE("single steps on levels of the grid have order 3 where the groups of three come out even") {
  using namespace parapet::diffusion;
  backend::cpu be(1);
  support::solver_order const data{"data form", 3, support::path::variance_preserving,
                                   [](level_list const& l) { return make_plan(dpm_singlestep{.order = 3, .second = second_order::heun}, l); }};
  support::solver_order const noise{"noise form", 3, support::path::variance_preserving,
                                    [](level_list const& l) { return make_plan(dpm_singlestep{.order = 3, .form = predicts_noise, .second = second_order::heun}, l); }};
  for (auto const* which : {&data, &noise})
    CHECK(std::abs(support::measured_order(support::order_error(be, *which, 318), support::order_error(be, *which, 636)) - 3) <= 0.15);
}
