// Thrust's algorithms under a policy of each backend, at a size that its systems divide among threads; the conformance suite has
// the small ones.
#include "support/backends.hpp"
#include "thrust/policy_of.hpp"

using namespace parapet;
using support::download;
using support::generate;
using support::upload;
using thrust_test::policy_of;
namespace through = backend::through_thrust;

TEST_CASE_TEMPLATE("thrust: sums, scans and extrema of many elements", B, TEST_BACKENDS) {
  constexpr index_t many = 100000;
  B be;
  auto const policy = policy_of(be);
  auto x = upload(be, generate<double>(extents{many}, [](index_t i) { return (7919 * i) % 1009; }));  // exact in any order
  double total = 0;
  for (index_t i = 0; i < many; ++i) total += static_cast<double>((7919 * i) % 1009);
  CHECK(through::sum(policy, x.read()) == total);
  CHECK(through::reduce(policy, x.read(), math::maximum{}, 0.0) == 1008);
  CHECK(through::argmin(policy, x.read()) == 0);
  index_t first = 0;
  while ((7919 * first) % 1009 != 1008) ++first;
  CHECK(through::argmax(policy, x.read()) == first);
  through::inclusive_scan(policy, x.read(), x.view());
  auto const sums = download(be, x);
  CHECK(sums.read()[many - 1] == total);
  for (index_t i = 1; i < many; i += 997) CHECK(sums.read()[i] - sums.read()[i - 1] == static_cast<double>((7919 * i) % 1009));
}
