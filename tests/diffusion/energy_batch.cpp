// Energy weights of whole batches, on every backend.
#include <parapet/diffusion/energy_weight.hpp>

#include "support/backends.hpp"

#include <cmath>
#include <limits>

using namespace parapet;
using support::download;
using support::generate;
using support::upload;

namespace {

/// Worst relative difference of a rule's weights on the backend from those that its scalar form gives.
template <class B, class T, class Rule>
double difference_from_scalars(Rule const& rule) {
  B be;
  index_t const n = 101;
  auto const q = support::normal<T>(extents{n}, 1), v = support::normal<T>(extents{n}, 2);
  auto const device_q = upload(be, q), device_v = upload(be, v);
  support::on<B, T, 1> w(extents{n});
  map(be, rule, w.view(), device_q.read(), device_v.read());
  return support::relative_difference(download(be, w), generate<T>(extents{n}, [&](index_t i) {
                                        T expected = 0;
                                        rule(expected, q.read()[i], v.read()[i]);
                                        return expected;
                                      }));
}

template <class T>
constexpr double bound = std::is_same_v<T, float> ? 1e-6 : 1e-14;

}  // namespace

TEST_CASE_TEMPLATE("rules: every backend gives what scalars give", B, TEST_BACKENDS) {
  CHECK(difference_from_scalars<B, float>(diffusion::iql_weight()) < bound<float>);
  CHECK(difference_from_scalars<B, float>(diffusion::crr_binary_weight()) == 0);
  CHECK(difference_from_scalars<B, float>(diffusion::idql_soft_weight()) < bound<float>);
  CHECK(difference_from_scalars<B, double>(diffusion::iql_weight()) < bound<double>);
  CHECK(difference_from_scalars<B, double>(diffusion::idql_soft_weight()) < bound<double>);
}

TEST_CASE_TEMPLATE("softmax weights: QIPO's, over the actions of each state", B, TEST_BACKENDS) {
  B be;
  auto const q = upload(be, generate<double>(extents{2, 3}, [](index_t i) { return i < 3 ? 0.25 * static_cast<double>(i) : 1e4 * static_cast<double>(i - 3); }));
  support::on<B, double, 2> w(q.shape());
  diffusion::softmax_weights(be, 2, q.read(), w.view());
  auto const greedy = download(be, w);
  double const total = 1 + std::exp(0.5) + std::exp(1.0);
  for (index_t k = 0; k < 3; ++k) CHECK(greedy.read()(0, k) == doctest::Approx(std::exp(0.5 * static_cast<double>(k)) / total).epsilon(1e-14));
  CHECK(greedy.read()(1, 2) == 1);
  CHECK(greedy.read()(1, 0) == 0);
  diffusion::softmax_weights(be, 0, q.read(), w.view());
  CHECK(download(be, w).read()(1, 1) == doctest::Approx(1.0 / 3).epsilon(1e-14));
  support::on<B, double, 2> wrong(extents{2, 2});
  CHECK_THROWS_AS(diffusion::softmax_weights(be, 1, q.read(), wrong.view()), shape_error);
}

TEST_CASE_TEMPLATE("normalised weights: mean 1, whatever the exponents; nothing at all stays nothing", B, TEST_BACKENDS) {
  B be;
  auto w = upload(be, generate<double>(extents{4}, [](index_t i) { return static_cast<double>(i); }));
  diffusion::normalize_weights(be, w.view());
  for (index_t i = 0; i < 4; ++i) CHECK(download(be, w).read()[i] == doctest::Approx(static_cast<double>(i) / 1.5).epsilon(1e-14));

  double const lowest = -std::numeric_limits<double>::infinity();
  for (double const offset : {0.0, 5000.0, -5000.0}) {  // exp of either overflows or vanishes
    auto x = upload(be, generate<double>(extents{21}, [&](index_t i) { return i == 20 ? lowest : offset + 0.25 * static_cast<double>(i % 2); }));
    diffusion::normalize_log_weights(be, x.view());
    auto const got = download(be, x);
    double const mean = 10 * (1 + std::exp(0.25)) / 21;
    CHECK(got.read()[0] == doctest::Approx(1 / mean).epsilon(1e-12));
    CHECK(got.read()[1] == doctest::Approx(std::exp(0.25) / mean).epsilon(1e-12));
    CHECK(got.read()[20] == 0);
  }
  auto none = upload(be, support::constant(extents{5}, lowest));
  diffusion::normalize_log_weights(be, none.view());
  CHECK(support::same(download(be, none), support::constant(extents{5}, 0.0)));
  diffusion::normalize_weights(be, none.view());
  CHECK(support::same(download(be, none), support::constant(extents{5}, 0.0)));
}

TEST_CASE_TEMPLATE("logarithmic rules and normalisation together: exponential weights that no cap bends", B, TEST_BACKENDS) {
  B be;
  auto const q = upload(be, generate<double>(extents{3}, [](index_t i) { return 1000.0 * static_cast<double>(i); }));
  auto const v = upload(be, support::constant(extents{3}, 0.0));
  support::on<B, double, 1> w(extents{3});
  map(be, diffusion::logarithmic<diffusion::exponential_advantage>{{1e-3}}, w.view(), q.read(), v.read());
  diffusion::normalize_log_weights(be, w.view());
  double const total = 1 + std::exp(1.0) + std::exp(2.0);
  for (index_t i = 0; i < 3; ++i) CHECK(download(be, w).read()[i] == doctest::Approx(3 * std::exp(static_cast<double>(i)) / total).epsilon(1e-12));
}

TEST_CASE_TEMPLATE("effective sample size on the backend", B, TEST_BACKENDS) {
  B be;
  auto const w = upload(be, generate<double>(extents{37}, [](index_t i) { return i < 4 ? 0.25 : 0.0; }));
  CHECK(diffusion::effective_sample_size(be, w.read()) == 4);
}
