#include <parapet/guard/abstention.hpp>
#include <parapet/guard/conformal.hpp>

#include <parapet/core/philox.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace parapet;
using doctest::Approx;
using guard::answer;
using guard::scored;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr guard::guarantee sure{guard::guarantee::kind::with_confidence, 0.9};

/// n uniform scores of one class: the miss rate of a threshold t is t itself, the false-positive rate 1 - t.
std::vector<scored> uniform_scores(std::uint64_t run, index_t n, bool positive) {
  std::vector<scored> out;
  for (index_t i = 0; i < n; ++i) out.push_back({philox_stream(11, run).uniform(i), positive});
  return out;
}

}  // namespace

TEST_CASE("binomial tail") {
  CHECK(guard::binomial_cdf(1, 3, 0.5) == Approx(0.5));
  CHECK(guard::binomial_cdf(2, 10, 0.1) == Approx(0.9298091736));
  CHECK(guard::binomial_cdf(60, 100'000, 0.001) == Approx(9.3e-6).epsilon(0.02));
  CHECK(guard::binomial_cdf(-1, 10, 0.1) == 0);
  CHECK(guard::binomial_cdf(10, 10, 0.1) == 1);
  CHECK(guard::binomial_cdf(0, 10, 0) == 1);
  CHECK(guard::binomial_cdf(9, 10, 1) == 0);
  CHECK(guard::binomial_cdf(0, 1'000'000, 0.5) == 0);
}

TEST_CASE("a budget of misses or false positives is kept on average, and used up") {
  for (double const budget : {0.05, 0.2}) {
    double misses = 0, alarms = 0;
    int const runs = 4000;
    for (int run = 0; run < runs; ++run) {
      misses += guard::threshold_for_misses(uniform_scores(static_cast<std::uint64_t>(run), 50, true), budget) / runs;
      alarms += (1 - guard::threshold_for_false_positives(uniform_scores(static_cast<std::uint64_t>(run), 50, false), budget)) / runs;
    }
    double const exact = std::floor(51 * budget) / 51, spread = 3 * std::sqrt(budget / 50 / runs);
    CHECK(std::abs(misses - exact) < spread);  // and exact <= budget
    CHECK(std::abs(alarms - exact) < spread);
  }
}

TEST_CASE("a budget with confidence is kept by all but few calibration samples") {
  int over = 0, on_average_over = 0, nearly = 0;
  int const runs = 4000;
  for (int run = 0; run < runs; ++run) {
    std::vector<scored> const scores = uniform_scores(static_cast<std::uint64_t>(run), 200, true);
    over += guard::threshold_for_misses(scores, 0.1, sure) > 0.1;
    on_average_over += guard::threshold_for_misses(scores, 0.1) > 0.1;
    nearly += guard::threshold_for_misses(scores, 0.1, sure) > 0.05;
  }
  CHECK(over < 0.1 * runs);
  CHECK(over > 0.05 * runs);  // not because it gives the budget away
  CHECK(on_average_over > 0.4 * runs);
  CHECK(nearly > 0.9 * runs);
}

TEST_CASE("too few texts for a budget: nothing is missed, nothing is called positive") {
  CHECK(guard::threshold_for_misses(uniform_scores(0, 18, true), 0.05) == -infinity);
  CHECK(guard::threshold_for_misses(uniform_scores(0, 19, true), 0.05) > 0);
  CHECK(guard::threshold_for_misses(uniform_scores(0, 44, true), 0.05, sure) == -infinity);  // 0.95^44 > 0.1 > 0.95^45
  CHECK(guard::threshold_for_misses(uniform_scores(0, 45, true), 0.05, sure) > 0);
  CHECK(guard::threshold_for_false_positives(uniform_scores(0, 18, false), 0.05) == infinity);
  CHECK(guard::threshold_for_misses(std::vector<scored>{}, 0.5) == -infinity);
  CHECK(guard::threshold_for_misses(uniform_scores(0, 100, false), 0.5) == -infinity);  // no positives at all
  CHECK_THROWS_AS(guard::threshold_for_misses(uniform_scores(0, 9, true), 1), argument_error);
  // Scores that are all alike: the threshold is strict where it must be.
  std::vector<scored> const alike(99, {0.5, false});
  CHECK(guard::threshold_for_false_positives(alike, 0.1) > 0.5);
  CHECK(guard::threshold_for_misses(std::vector<scored>(99, {0.5, true}), 0.1) == 0.5);
}

TEST_CASE("conformal answers: either class gets the other's answer within the budget") {
  // Positives are spread as sqrt(u), negatives as 1 - sqrt(u): they overlap.
  auto const draw = [](std::uint64_t run, index_t i) {
    bool const positive = philox_stream(12, run).uniform(2 * i) < 0.3f;
    double const r = std::sqrt(philox_stream(12, run).uniform(2 * i + 1));
    return scored{positive ? r : 1 - r, positive};
  };
  double wrong[2] = {0, 0}, given = 0, seen[2] = {0, 0};
  for (std::uint64_t run = 0; run < 1500; ++run) {
    std::vector<scored> sample;
    for (index_t i = 0; i < 150; ++i) sample.push_back(draw(run, i));
    guard::conformal_answer const decide = guard::fit_conformal_answer(sample, 0.1);
    for (index_t i = 150; i < 250; ++i) {
      scored const s = draw(run, i);
      answer const a = decide(s.score);
      ++seen[s.positive];
      given += a != answer::abstain;
      wrong[s.positive] += a != answer::abstain && (a == answer::positive) != s.positive;
    }
  }
  CHECK(wrong[0] / seen[0] < 0.1);
  CHECK(wrong[1] / seen[1] < 0.1);
  CHECK(wrong[1] / seen[1] > 0.07);
  CHECK(given / (seen[0] + seen[1]) > 0.5);
  CHECK(guard::conformal_answer{0.7, 0.3}(0.5) == answer::abstain);
  CHECK(guard::conformal_answer{0.3, 0.7}(0.5) == answer::abstain);
  CHECK(guard::conformal_answer{0.5, 0.4}(0.6) == answer::positive);
  CHECK(guard::conformal_answer{0.5, 0.4}(std::nan("")) == answer::abstain);
}

TEST_CASE("abstention: the error among answered texts stays below its bound in all but few calibration samples") {
  // p is uniform and true: a text at confidence c is answered wrongly with probability 1/2 - c. The risk of "at least c" is the mean of
  // that over [c, 1/2], (1/2 - c) / 2.
  guard::abstention_options const options{.error = 0.1, .confidence = 0.9};
  int over = 0;
  double coverage = 0;
  int const runs = 600;
  for (int run = 0; run < runs; ++run) {
    std::vector<scored> sample;
    for (index_t i = 0; i < 1000; ++i) {
      double const p = philox_stream(13, static_cast<std::uint64_t>(run)).uniform(2 * i);
      sample.push_back({p, philox_stream(13, static_cast<std::uint64_t>(run)).uniform(2 * i + 1) < p});
    }
    guard::abstention const rule = guard::fit_abstention(sample, options);
    over += (0.5 - rule.least_confidence) / 2 > options.error;
    coverage += rule.coverage() / runs;
  }
  CHECK(over <= (1 - options.confidence) * runs);
  CHECK(coverage > 0.12);  // of the 0.4 that the bound allows to who knows the risks
}

TEST_CASE("abstention without enough texts answers nothing, with none wrong everything") {
  std::vector<scored> good(117, {0.9, true});
  CHECK(guard::fit_abstention(good)(0.5) == answer::positive);
  CHECK(guard::fit_abstention(good).coverage() == 1);
  good.pop_back();
  CHECK(guard::fit_abstention(good)(1) == answer::abstain);
  CHECK(guard::fit_abstention(std::vector<scored>{})(1) == answer::abstain);
  CHECK(guard::abstention{0.5, 0.2}(0.1) == answer::negative);
  CHECK(guard::abstention{0.5, 0.2}(std::nan("")) == answer::abstain);
  CHECK_THROWS_AS(guard::fit_abstention(good, {.confidence = 1}), argument_error);
}
