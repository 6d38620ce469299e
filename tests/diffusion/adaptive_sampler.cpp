#include <parapet/diffusion/adaptive_sampler.hpp>
#include <parapet/diffusion/probability_flow.hpp>

#include "support/allocation_counter.hpp"
#include "support/backends.hpp"
#include "support/mixture.hpp"
#include "support/throws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace parapet;
using namespace parapet::diffusion;
using support::message_of;
using support::tensor;

namespace {

vp_linear partial() {
  vp_linear s{};
  s.t_max = time_at(s, -1.5);
  s.t_min = time_at(s, 2.0);
  return s;
}

/// Puts NaN into one element from a certain call on.
template <class T, class Space>
struct failing_mixture {
  support::mixture<T, Space> inner;
  tensor<T, 2, Space> poison;
  index_t calls_left;
  template <class B>
  matrix_view<T const, Space> operator()(B& be, matrix_view<T const, Space> const& x, noise_level const& l) {
    if (calls_left-- > 0) return inner(be, x, l);
    fill(be, poison.view(), std::numeric_limits<T>::quiet_NaN());
    return poison.read();
  }
};

}  // namespace

TEST_CASE_TEMPLATE("adaptive sampler: its error follows its tolerance", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{1}, index_t{16}};
  vp_linear const s = partial();
  noise_level const begin = level_at(s, s.t_max), end = level_at(s, s.t_min);
  auto const host = support::generate<double>(shape, [](index_t i) { return 0.27 * static_cast<double>(i) - 2.0; });
  for (int const order : {2, 3}) {
    index_t before = 0;
    for (double const tolerance : {1e-3, 1e-5}) {
      CAPTURE(tolerance);
      adaptive_sampler const sampler(s, order, {.relative = tolerance, .absolute = tolerance});
      arena<space> memory;
      auto const work = plan(memory, [&](auto& m) { return sampler.template make_workspace<double>(m, shape[0], shape[1]); });
      auto x = support::upload(be, host);
      support::mixture<double, space> denoise(shape);
      auto const allocations = support::allocation_count();
      adaptive_report const report = sampler.run_from(be, denoise, x.view(), work);
      if (std::is_same_v<B, backend::cpu> && support::counts_allocations && order == 3) CHECK(support::allocation_count() == allocations);
      auto const got = support::download(be, x);
      double worst = 0;
      for (index_t i = 0; i < 16; ++i) worst = std::max(worst, std::abs(got.flat()[i] - support::mixture_flow(host.flat()[i], begin, end)));
      CHECK(worst < 20 * tolerance);
      CHECK(report.accepted > before);
      CHECK(report.evaluations == order * report.accepted + (order - 1) * report.rejected);
      before = report.accepted;
    }
  }
}

TEST_CASE_TEMPLATE("adaptive sampler: a model that answers NaN ends in an error, not in a loop", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{2}, index_t{3}};
  adaptive_sampler const sampler(vp_linear{});
  arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return sampler.template make_workspace<float>(m, shape[0], shape[1]); });
  tensor<float, 2, space> x(shape);
  failing_mixture<float, space> denoise{support::mixture<float, space>(shape), tensor<float, 2, space>(shape), 4};
  CHECK(support::contains(message_of<error>([&] { sampler.run(be, denoise, philox_noise{philox_stream(0, 0)}, x.view(), work); }),
                          "meets the tolerance after 1 accepted and 0 rejected"));
}

TEST_CASE("adaptive sampler: refuses options and schedules it cannot use") {
  CHECK(message_of<argument_error>([] { adaptive_sampler(vp_linear{}, 4); }) == "adaptive_sampler: order = 4, expected 2 or 3");
  CHECK(message_of<argument_error>([] { adaptive_sampler(rectified_flow{}); }) == "adaptive_sampler: log-SNR from -inf to inf, expected finite ends");
  CHECK(message_of<argument_error>([] { adaptive_sampler(vp_linear{}, 3, {.first_step = 0}); }) == "adaptive_sampler: first_step = 0, expected above 0");
  CHECK(message_of<argument_error>([] { adaptive_sampler(vp_linear{}, 3, {.relative = -1}); }) ==
        "adaptive_sampler: relative = -1, expected at least 0, and one tolerance above it");
  CHECK(message_of<argument_error>([] { probability_flow(rectified_flow{}); }) == "probability_flow: log-SNR from inf to -inf, expected finite ends");
}
