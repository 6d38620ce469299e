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
