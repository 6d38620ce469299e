// Logistic regression of sparse rows, L2-regularised: the w and b with the least
//
//     |w|^2 / 2 + C sum_i log(1 + exp(-s_i (w . x_i + b))),    s_i = 1 for positives, -1 for negatives,
//
// as scikit-learn's LogisticRegression states it; b is not regularised. The problem is convex; L-BFGS (Liu and Nocedal, Mathematical
// Programming 45, 1989) with Armijo's rule walks to it, in double, always the same way.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/ngram_features.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct logistic_options {
  double c = 10;             ///< weight of the data against |w|^2 / 2
  int max_iterations = 300;
  double tolerance = 1e-3;   ///< on the largest entry of the gradient
};

struct logistic_model {
  std::vector<float> weights;  ///< (buckets)
  float bias = 0;
};

/// w . x + b: the log odds of the positive class.
inline float logit_of(sparse_row const& row, std::span<float const> weights, float bias) {
  float sum = bias;
  for (sparse_value const& v : row) sum += v.value * weights[v.bucket];
  return sum;
}

namespace detail {

inline double dot(std::vector<double> const& a, std::vector<double> const& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The objective over the buckets that occur, numbered one after the other, and the bias behind them.
class logistic_objective {
public:
  logistic_objective(std::span<sparse_row const> rows, std::span<std::uint8_t const> positive, std::size_t buckets, double c) : positive_(positive), c_(c) {
    std::vector<std::uint32_t> number(buckets, 0);
    for (sparse_row const& row : rows) {
      for (sparse_value const& v : row) {
        if (number[v.bucket] == 0) bucket_of_.push_back(v.bucket), number[v.bucket] = static_cast<std::uint32_t>(bucket_of_.size());
        values_.push_back({number[v.bucket] - 1, v.value});
      }
      ends_.push_back(values_.size());
    }
  }
  std::size_t size() const { return bucket_of_.size() + 1; }
  std::vector<std::uint32_t> const& bucket_of() const { return bucket_of_; }

  /// The value at w, and its gradient.
  double operator()(std::vector<double> const& w, std::vector<double>& gradient) const {
    double const bias = w.back();
    double value = 0;
    for (std::size_t i = 0; i + 1 < w.size(); ++i) value += w[i] * w[i] / 2, gradient[i] = w[i];
    gradient.back() = 0;
    for (std::size_t r = 0, k = 0; r < ends_.size(); ++r) {
      double z = bias;
      for (std::size_t i = k; i < ends_[r]; ++i) z += w[values_[i].bucket] * static_cast<double>(values_[i].value);
      double const margin = positive_[r] ? z : -z, tail = std::exp(-std::abs(margin));
      value += c_ * (std::log1p(tail) + std::max(-margin, 0.0));
      double const slope = c_ * (margin >= 0 ? tail : 1) / (1 + tail) * (positive_[r] ? -1 : 1);
      for (; k < ends_[r]; ++k) gradient[values_[k].bucket] += slope * static_cast<double>(values_[k].value);
      gradient.back() += slope;
    }
    return value;
  }

private:
  std::span<std::uint8_t const> positive_;
  double c_;
  std::vector<std::uint32_t> bucket_of_;
  sparse_row values_;
  std::vector<std::size_t> ends_;
};

/// Minimises f from w on; the last eight steps make the metric.
template <class F>
void minimise_lbfgs(F const& f, std::vector<double>& w, int max_iterations, double tolerance) {
  struct pair {
    std::vector<double> step, change;
    double curvature;
  };
  std::deque<pair> memory;
  std::size_t const n = w.size();
  std::vector<double> gradient(n), direction(n), next(n), next_gradient(n), alpha;
  double value = f(w, gradient);
  for (int iteration = 0; iteration < max_iterations; ++iteration) {
    double largest = 0;
    for (double const g : gradient) largest = std::max(largest, std::abs(g));
    if (largest <= tolerance) return;
    direction = gradient;
    alpha.assign(memory.size(), 0);
    for (std::size_t m = memory.size(); m-- > 0;) {
      alpha[m] = dot(memory[m].step, direction) / memory[m].curvature;
      for (std::size_t i = 0; i < n; ++i) direction[i] -= alpha[m] * memory[m].change[i];
    }
    double const scale = memory.empty() ? 1 / std::sqrt(dot(gradient, gradient)) : memory.back().curvature / dot(memory.back().change, memory.back().change);
    for (double& d : direction) d *= -scale;
    for (std::size_t m = 0; m < memory.size(); ++m) {
      double const beta = dot(memory[m].change, direction) / memory[m].curvature;
      for (std::size_t i = 0; i < n; ++i) direction[i] -= (alpha[m] + beta) * memory[m].step[i];
    }
    double const slope = dot(gradient, direction);
    double length = 1, next_value = 0;
    for (int halving = 0;; ++halving, length /= 2) {
      if (halving == 40) return;  // the value cannot fall in this arithmetic
      for (std::size_t i = 0; i < n; ++i) next[i] = w[i] + length * direction[i];
      next_value = f(next, next_gradient);
      if (next_value <= value + 1e-4 * length * slope) break;
    }
    pair made{std::vector<double>(n), std::vector<double>(n), 0};
    for (std::size_t i = 0; i < n; ++i) made.step[i] = next[i] - w[i], made.change[i] = next_gradient[i] - gradient[i];
    made.curvature = dot(made.step, made.change);
    if (made.curvature > 0) {
      memory.push_back(std::move(made));
      if (memory.size() > 8) memory.pop_front();
    }
    std::swap(w, next);
    std::swap(gradient, next_gradient);
    value = next_value;
  }
}

}  // namespace detail

/// Fits rows of `buckets` columns; positive[i] is 1 or 0. Throws argument_error unless both classes are there.
inline logistic_model fit_logistic(std::span<sparse_row const> rows, std::span<std::uint8_t const> positive, std::size_t buckets,
                                   logistic_options const& options = {}) {
  if (rows.size() != positive.size()) throw shape_error(detail::concat("fit_logistic: ", rows.size(), " rows and ", positive.size(), " labels"));
  auto const positives = std::count(positive.begin(), positive.end(), std::uint8_t{1});
  if (positives == 0 || static_cast<std::size_t>(positives) == rows.size())
    throw argument_error(detail::concat("fit_logistic: ", positives, " positives in ", rows.size(), " rows; expected both classes"));
  detail::logistic_objective const objective(rows, positive, buckets, options.c);
  std::vector<double> w(objective.size(), 0);
  detail::minimise_lbfgs(objective, w, options.max_iterations, options.tolerance);
  logistic_model model{std::vector<float>(buckets, 0), static_cast<float>(w.back())};
  for (std::size_t i = 0; i < objective.bucket_of().size(); ++i) model.weights[objective.bucket_of()[i]] = static_cast<float>(w[i]);
  return model;
}

}  // namespace parapet::inline PARAPET_ABI::guard
