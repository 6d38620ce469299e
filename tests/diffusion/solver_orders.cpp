#include "support/backends.hpp"
#include "support/solver_orders.hpp"

#include <cstdio>
#include <cstdlib>

using namespace parapet;

TEST_CASE_TEMPLATE("solvers converge with the order of theory on a mixture", B, TEST_BACKENDS) {
  B be;
  for (support::solver_order const& which : support::solver_orders()) {
    CAPTURE(which.name);
    double const coarse = support::order_error(be, which, 320), fine = support::order_error(be, which, 640);
    double const order = support::measured_order(coarse, fine);
    CHECK(std::abs(order - which.order) <= 0.15);
    if (std::getenv("ORDER_TABLE") != nullptr) std::printf("%-34s %.0f  %.3f  %.2e %.2e\n", which.name, which.order, order, coarse, fine);
  }
}

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
