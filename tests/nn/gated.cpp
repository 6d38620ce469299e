#include <parapet/nn/gated.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

using namespace parapet;
using support::download;
using support::normal;
using support::on;
using support::upload;

TEST_CASE_TEMPLATE("gated: f(gate) up of two matrices and of two halves, with gradients", B, TEST_BACKENDS) {
  B be;
  constexpr index_t rows = 3, n = 21;
  auto both = upload(be, normal<double>(extents{rows, 2 * n}, 1));
  auto const host = download(be, both), weight = normal<double>(extents{rows, n}, 2);
  auto const dy = upload(be, weight);
  on<B, double, 2> y(weight.shape()), z(weight.shape()), dboth(both.shape());
  for (nn::gate_half const gated : {nn::gate_half::first, nn::gate_half::second}) {
    index_t const gate = gated == nn::gate_half::first ? 0 : n, up = n - gate;
    auto const loss = [&] {
      nn::gated_forward<math::silu>(be, both.read(), gated, y.view());
      return support::dot(weight.flat(), download(be, y).flat());
    };
    loss();
    CHECK(support::relative_difference(download(be, y), support::generate<double>(weight.shape(), [&](index_t i) {
            return math::silu{}(host.read()(i / n, gate + i % n)) * host.read()(i / n, up + i % n);
          })) < 1e-15);
    nn::gated_forward<math::silu>(be, both.read().columns(gate, gate + n), both.read().columns(up, up + n), z.view());
    CHECK(support::same(download(be, z), download(be, y)));
    nn::gated_backward<math::silu>(be, both.read(), gated, dy.read(), dboth.view());
    CHECK(support::gradient_error(be, both.flat(), dboth.flat(), loss) < 1e-6);
  }
  auto in_place = upload(be, host);
  nn::gated_backward<math::silu>(be, in_place.read(), nn::gate_half::second, dy.read(), in_place.view());
  CHECK(support::same(download(be, in_place), download(be, dboth)));
  CHECK(support::message_of<shape_error>([&] { nn::gated_forward<math::gelu>(be, both.read(), nn::gate_half::first, both.view()); }) ==
        "gated: fused matrix has shape (3, 42), expected (3, 84)");
}
