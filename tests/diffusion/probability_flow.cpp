#include <parapet/diffusion/gaussian_moments.hpp>
#include <parapet/diffusion/probability_flow.hpp>

#include "support/backends.hpp"
#include "support/mixture.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using namespace parapet::diffusion;
using support::tensor;

namespace {

constexpr double means[] = {0.3, -1.0, 0.0, 0.5}, deviations[] = {0.5, 1.2, 0.2, 0.7};
constexpr double log_two_pi = 1.837877066409345484;

/// v of a Gaussian with another mean and deviation in each dimension, and its derivative.
template <class T, class Space>
struct gaussian_rows {
  matrix_view<T const, Space> x, along;
  matrix_view<T, Space> out;
  noise_level at;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    constexpr double mean[] = {0.3, -1.0, 0.0, 0.5}, deviation[] = {0.5, 1.2, 0.2, 0.7};
    double const variance = at.alpha * at.alpha * deviation[j] * deviation[j] + at.sigma * at.sigma;
    double const slope = at.alpha * deviation[j] * deviation[j] / variance;  // of E[x_0 | x]
    double const d_v = (at.alpha * (1 - at.alpha * slope) / at.sigma) - at.sigma * slope;
    double const at_zero = -(at.alpha * at.alpha / at.sigma + at.sigma) * mean[j] * at.sigma * at.sigma / variance;
    out(i, j) = static_cast<T>(along.empty() ? d_v * static_cast<double>(x(i, j)) + at_zero : d_v * static_cast<double>(along(i, j)));
  }
};
template <class T, class Space>
struct gaussian_model {
  tensor<T, 2, Space> out, derivative;
  explicit gaussian_model(extents<2> const& shape) : out(shape), derivative(shape) {}
  template <class B>
  matrix_view<T const, Space> operator()(B& be, matrix_view<T const, Space> const& x, noise_level const& at) {
    for_each_index(be, x.shape(), gaussian_rows<T, Space>{x, {}, out.view(), at});
    return out.read();
  }
  template <class B>
  matrix_view<T const, Space> jvp(B& be, matrix_view<T const, Space> const& x, matrix_view<T const, Space> const& v, noise_level const& at) {
    for_each_index(be, x.shape(), gaussian_rows<T, Space>{x, v, derivative.view(), at});
    return derivative.read();
  }
};

double gaussian_log_density(double const* x, noise_level const& at) {
  double total = 0;
  for (int j = 0; j < 4; ++j) {
    double const variance = gaussian_data{means[j], deviations[j]}.variance(at), gap = x[j] - at.alpha * means[j];
    total += -0.5 * (gap * gap / variance + std::log(variance) + log_two_pi);
  }
  return total;
}

template <class B, class Schedule>
void check_gaussian(Schedule const& schedule) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{6}, index_t{4}};
  probability_flow const flow(schedule, {.relative = 1e-9, .absolute = 1e-9}, v_prediction{});
  arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return flow.template make_workspace<double>(m, shape[0], shape[1]); });
  auto const host = support::normal<double>(shape, 5);
  auto x = support::upload(be, host);
  tensor<double, 1, space> change(extents{shape[0]});
  gaussian_model<double, space> model(shape);
  adaptive_report const report = flow.to_noise(be, model, exact_trace{}, x.view(), change.view(), work);
  auto const noise = support::download(be, x);
  auto const got = support::download(be, change);
  for (index_t i = 0; i < shape[0]; ++i) {
    double const* row = host.flat().data() + 4 * i;
    double const exact = gaussian_log_density(row, flow.data()) - gaussian_log_density(noise.flat().data() + 4 * i, flow.noise());
    CHECK(std::abs(got.flat()[i] - exact) < 1e-6);
    for (index_t j = 0; j < 4; ++j)
      CHECK(std::abs(noise.flat()[4 * i + j] - gaussian_data{means[j], deviations[j]}.flow(row[j], flow.data(), flow.noise())) < 1e-6 * (1 + std::abs(noise.flat()[4 * i + j])));
  }
  CHECK(report.evaluations == 1 + 6 * (report.accepted + report.rejected));
  CHECK(report.accepted < 200);
}

}  // namespace

TEST_CASE_TEMPLATE("probability flow: the likelihood of Gaussian data is exact to 1e-6", B, TEST_BACKENDS) {
  check_gaussian<B>(vp_linear{});
  check_gaussian<B>(vp_cosine{});
  check_gaussian<B>(edm{});
}

TEST_CASE_TEMPLATE("probability flow: log density, with the trace exact or estimated", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  extents const shape{index_t{3}, index_t{4}};
  // Far out the noise of any data is N(0, s_max^2), to (m / s_max)^2.
  probability_flow const flow(edm{.t_min = 0.01, .t_max = 1e5}, {.relative = 1e-8, .absolute = 1e-8}, v_prediction{});
  arena<space> memory;
  auto const work = plan(memory, [&](auto& m) { return flow.template make_workspace<double>(m, shape[0], shape[1]); });
  auto const host = support::normal<double>(shape, 6);
  tensor<double, 1, space> density(extents{shape[0]});
  gaussian_model<double, space> model(shape);
  auto const check = [&](auto const& trace) {
    auto x = support::upload(be, host);
    flow.log_likelihood(be, model, trace, x.view(), density.view(), work, 1e5);
    auto const got = support::download(be, density);
    for (index_t i = 0; i < shape[0]; ++i) CHECK(std::abs(got.flat()[i] - gaussian_log_density(host.flat().data() + 4 * i, flow.data())) < 1e-4);
  };
  check(exact_trace{});
  check(hutchinson_trace{philox_stream(1, 0), 2});  // the derivative is diagonal, so that signs cancel
}
