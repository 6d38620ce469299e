// The safety backup and the expectiles that FISOR takes over it, on tables where the answer is known.
#include <parapet/core/philox.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/rl/bellman.hpp>

#include <doctest/doctest.h>

#include "support/tabular.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace parapet;
using rl::reward_backup;
using rl::safety_backup;
using support::tabular_problem;

namespace {

/// A problem of `states` states with a few random actions each, some of them ends.
tabular_problem random_problem(std::uint64_t seed, index_t states = 30) {
  philox_stream const random(seed, 0);
  tabular_problem p;
  index_t n = 0;
  for (index_t s = 0; s < states; ++s) {
    p.h.push_back(random.normal(n++));
    p.actions.emplace_back();
    for (index_t a = 0; a < 3; ++a) {
      index_t const next = random.below(n++, states);
      p.actions.back().push_back({next, random.uniform(n++) < 0.1f});
    }
  }
  return p;
}

double distance(std::vector<double> const& a, std::vector<double> const& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

std::vector<double> draw(std::uint64_t seed, std::size_t count) {
  std::vector<double> x;
  for (std::size_t i = 0; i < count; ++i) x.push_back(5 * philox_stream(seed, 1).normal(static_cast<index_t>(i)));
  return x;
}

auto const smallest = [](std::vector<double> const& q) { return *std::min_element(q.begin(), q.end()); };

/// Where the slopes of `loss` at the targets sum to 0, by bisection.
template <class Loss>
double minimizer(Loss const& loss, std::vector<double> const& targets) {
  double low = *std::min_element(targets.begin(), targets.end()), high = *std::max_element(targets.begin(), targets.end());
  for (int step = 0; step < 200; ++step) {
    double const middle = 0.5 * (low + high);
    double slope = 0;
    for (double target : targets) slope += loss.slope(middle - target);
    (slope > 0 ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

TEST_CASE("safety backup: a state that is never left is worth its own h") {
  for (double const h : {-1.0, 0.0, 25.0})
    for (double const start : {-3.0, 0.5, 40.0}) {
      double v = start;
      for (int i = 0; i < 5000; ++i) v = safety_backup{0.99}(h, 1.0, v);
      CHECK(std::abs(v - h) <= 1e-13 * (1 + std::abs(h)));
    }
}

TEST_CASE("safety backup: an end is worth its own h, whatever lies behind it") {
  CHECK(safety_backup{0.99}(25.0, 0.0, 1e9) == 25.0);
  CHECK(safety_backup{0.99}(-1.0, 0.0, 1e9) == -1.0);
  CHECK(reward_backup{0.99}(2.0, 0.0, 1e9) == 2.0);
  CHECK(reward_backup{0.99}(2.0, 1.0, 3.0) == 2.0 + 0.99 * 3.0);
}

TEST_CASE("safety backup: a violation k steps ahead counts -1 + 26 g^k, and is seen for 324 steps") {
  double v = safety_backup{0.99}(25.0, 0.0, 0.0);
  for (int k = 1; k <= 400; ++k) {
    v = safety_backup{0.99}(-1.0, 1.0, v);
    CHECK(std::abs(v - (-1 + 26 * std::pow(0.99, k))) <= 1e-12);
    CHECK((v > 0) == (k <= 324));
  }
}

TEST_CASE("safety backup: contracts by the discount in the largest difference") {
  for (double const g : {0.5, 0.9, 0.999}) {
    tabular_problem const p = random_problem(7);
    std::vector<double> const v = draw(1, p.h.size()), w = draw(2, p.h.size());
    CHECK(distance(p.backup(safety_backup{g}, v, smallest), p.backup(safety_backup{g}, w, smallest)) <= g * distance(v, w) + 1e-14);
    // and by no less: values above every h, a constant apart, on a problem without ends
    tabular_problem endless = p;
    for (auto& actions : endless.actions)
      for (auto& action : actions) action.end = false;
    std::vector<double> high(p.h.size(), 100.0), higher(p.h.size(), 101.0);
    double const apart = distance(endless.backup(safety_backup{g}, high, smallest), endless.backup(safety_backup{g}, higher, smallest));
    CHECK(std::abs(apart - g) <= 1e-12);
  }
}

TEST_CASE("safety backup: more h never makes a state safer") {
  tabular_problem const p = random_problem(8);
  tabular_problem worse = p;
  for (std::size_t s = 0; s < p.h.size(); s += 3) worse.h[s] += 0.5;
  auto const v = p.solve(safety_backup{0.95}, smallest), w = worse.solve(safety_backup{0.95}, smallest);
  bool raised = false;
  for (std::size_t s = 0; s < v.size(); ++s) {
    CHECK(w[s] >= v[s]);
    raised = raised || w[s] > v[s] + 0.1;
  }
  CHECK(raised);
}

TEST_CASE("safety backup: without discount the value is the worst h ahead") {
  std::vector<double> const h = draw(3, 40);
  double v = h.back(), worst = h.back();
  for (std::size_t k = h.size() - 1; k-- > 0;) {
    v = safety_backup{1 - 1e-10}(h[k], 1.0, v);
    worst = std::max(worst, h[k]);
    CHECK(std::abs(v - worst) <= 1e-7);
  }
}

TEST_CASE("expectiles of two targets have a closed form") {
  double const a = -1, b = 3;
  for (double const tau : {0.1, 0.5, 0.9, 0.99}) {
    CAPTURE(tau);
    CHECK(std::abs(minimizer(nn::expectile{tau}, {a, b}) - ((1 - tau) * a + tau * b)) <= 1e-12);
    CHECK(std::abs(minimizer(nn::reversed_expectile{tau}, {a, b}) - (tau * a + (1 - tau) * b)) <= 1e-12);
    // three copies of b weigh three times
    double const expected = ((1 - tau) * a + 3 * tau * b) / (1 - tau + 3 * tau);
    CHECK(std::abs(minimizer(nn::expectile{tau}, {a, b, b, b}) - expected) <= 1e-12);
  }
}

TEST_CASE("expectiles near 1 find the best action that the data has") {
  tabular_problem const p = random_problem(9);
  auto const exact = p.solve(safety_backup{0.9}, smallest);
  double last = HUGE_VAL;
  for (double const tau : {0.9, 0.99, 0.999, 0.99999}) {
    auto const soft = p.solve(safety_backup{0.9}, [&](auto const& q) { return minimizer(nn::reversed_expectile{tau}, q); });
    double const error = distance(soft, exact);
    for (std::size_t s = 0; s < soft.size(); ++s) CHECK(soft[s] >= exact[s] - 1e-12);  // from the pessimistic side
    CHECK(error < last);
    last = error;
  }
  CHECK(last <= 1e-3);
  // the same of rewards, from below and towards the largest
  std::vector<double> const q = draw(4, 5);
  double const best = *std::max_element(q.begin(), q.end());
  CHECK(std::abs(minimizer(nn::expectile{0.99999}, q) - best) <= 1e-3);
}

TEST_CASE("the sign of V tells from which cells of a river a boat can miss every rock") {
  // The current moves the boat one column to the right a step; it may row one row up or down. Past the last column it is safe.
  constexpr index_t rows = 9, columns = 14;
  auto const rock = [](index_t row, index_t column) {
    return (column == 9 && row >= 2 && row <= 6) || (column == 4 && row <= 1) || (column == 12 && row == 8);
  };
  tabular_problem river;
  for (index_t row = 0; row < rows; ++row)
    for (index_t column = 0; column < columns; ++column) {
      river.h.push_back(rock(row, column) ? 25.0 : -1.0);
      river.actions.emplace_back();
      for (index_t stroke = -1; stroke <= 1; ++stroke) {
        index_t const to = std::clamp<index_t>(row + stroke, 0, rows - 1), next = to * columns + column + 1;
        bool const end = column + 1 == columns;
        river.actions.back().push_back({end ? 0 : next, end});
      }
    }
  auto const v = river.solve(safety_backup{0.99}, smallest);
  std::vector<bool> const doomed = river.doomed();
  index_t lost = 0;
  for (std::size_t s = 0; s < v.size(); ++s) {
    CAPTURE(s);
    CHECK((v[s] > 0) == doomed[s]);
    lost += doomed[s] && river.h[s] < 0;
  }
  CHECK(lost == 3 + 1 + 1);  // the shadow of the wide rock, and the corner before the rock at the bank
}
