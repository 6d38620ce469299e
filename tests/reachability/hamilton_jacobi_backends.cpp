// The stage node by node, as it runs on any backend: the same errors as the CPU's lanes have.
#include "support/backends.hpp"
#include "support/braking.hpp"

#include <parapet/reachability/hamilton_jacobi.hpp>

using namespace parapet;
using namespace parapet::reachability;
using namespace support;

namespace {

/// What against_exact asks of a value function, on the host.
struct host_values {
  grid::grid<2> grid;
  tensor<float, 2> v;
  auto const& nodes() const { return grid; }
  auto values() const { return v.read(); }
};

template <class B, class Result>
host_values on_host(B& be, Result const& r) {
  on<B, float, 2> copied(r.value.nodes().shape());
  copy(be, r.value.values(), copied.view());
  return {r.value.nodes(), download(be, copied)};
}

}  // namespace

TEST_CASE_TEMPLATE("a mass between walls on every backend", B, TEST_BACKENDS) {
  B be;
  auto const problem = avoid(beyond_walls<1>{});
  auto const first = hamilton_jacobi<float, grid::upwind>(be, masses<1>{}, braking_grid<1>(51), problem, finite_horizon{2.5});
  errors const e1 = against_exact(on_host(be, first), 2.5, inner_box);
  CHECK(first.report.steps == 153);
  CHECK(e1.largest == doctest::Approx(8.38e-2).epsilon(1e-2));
  CHECK(e1.mean == doctest::Approx(2.06e-2).epsilon(1e-2));
  CHECK(e1.false_safe == 0);
  auto const fifth = hamilton_jacobi<float, grid::weno5>(be, masses<1>{}, braking_grid<1>(51), problem, infinite_horizon{});
  errors const e5 = against_exact(on_host(be, fifth), 100, inner_box);
  CHECK(fifth.report.converged);
  CHECK(e5.mean < 2e-3);
  CHECK(e5.false_safe == 0);
}
