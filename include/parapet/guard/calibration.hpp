// Calibrators: from a score to a probability that means something. Plain values that are fitted on held-out labelled texts.
//
//     temperature   p = sigmoid(z / T)            one number, keeps the order and the decision at 1/2      (Guo et al., ICML 2017)
//     Platt         p = sigmoid(a s + b)          two numbers, moves the threshold too                     (Platt, 1999)
//     isotonic      p = a rising step function    as many numbers as it needs; wants a thousand texts      (Zadrozny and Elkan, KDD 2002)
//
// z is a logit (log odds), s any score. Fit on texts that the model was not trained on, with the share of positives of use: each of the
// three learns that share. All three rise with the score, so AUROC is kept, but for ties that isotonic makes.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// 1 / (1 + exp(-z)) without overflow.
inline double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }
/// log(p / (1 - p)) of a probability, which is kept away from 0 and 1 by 1e-12: what turns a probability back into a logit.
inline double logit(double p) {
  p = std::clamp(p, 1e-12, 1 - 1e-12);
  return std::log(p) - std::log1p(-p);
}

namespace detail {

/// Refuses samples that no calibrator can be fitted to.
inline void expect_calibration_sample(std::string_view function, std::span<scored const> sample) {
  if (sample.empty()) throw argument_error(concat(function, ": the sample is empty"));
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (!std::isfinite(sample[i].score)) throw argument_error(concat(function, ": score ", i, " is not finite"));
}

/// Zero of a rising function in [low, high], by Newton's steps where they stay inside the bracket and by halves where not.
/// f(x) returns value and derivative. A zero outside gives the nearer end.
template <class F>
double rising_zero(F const& f, double low, double high, double start) {
  if (f(low).first >= 0) return low;
  if (f(high).first <= 0) return high;
  double x = start;
  for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
    auto const [value, slope] = f(x);
    (value < 0 ? low : high) = x;
    double const newton = x - value / slope;
    double const next = newton > low && newton < high ? newton : low + (high - low) / 2;
    if (std::abs(next - x) <= 1e-15 * x) return next;
    x = next;
  }
  return x;
}

}  // namespace detail

/// p = sigmoid(z / T), or softmax(z / T) for more classes.
struct temperature_scaling {
  double temperature = 1;

  double operator()(double z) const { return sigmoid(z / temperature); }
  /// Probabilities of classes in place of their logits.
  template <class T>
  void softmax(std::span<T> logits) const {
    T const largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (T& z : logits) sum += z = static_cast<T>(std::exp(static_cast<double>(z - largest) / temperature));
    for (T& z : logits) z = static_cast<T>(static_cast<double>(z) / sum);
  }
};

namespace detail {
/// The inverse temperatures among which the fit looks: classes that are fully apart would ask for an infinite one.
inline constexpr double least_inverse_temperature = 1e-3, most_inverse_temperature = 1e3;
}  // namespace detail

/// The temperature with the least log loss; scores are logits. The loss is convex in 1 / T, which is kept in [0.001, 1000].
inline temperature_scaling fit_temperature(std::span<scored const> sample) {
  detail::expect_calibration_sample("fit_temperature", sample);
  auto const gradient = [&](double inverse) {
    double first = 0, second = 0;
    for (scored const& s : sample) {
      double const p = sigmoid(inverse * s.score);
      first += (p - s.positive) * s.score;
      second += p * (1 - p) * s.score * s.score;
    }
    return std::pair{first, second};
  };
  return {1 / detail::rising_zero(gradient, detail::least_inverse_temperature, detail::most_inverse_temperature, 1)};
}

/// The same for logits (texts, classes) and the class of each text.
template <class T>
temperature_scaling fit_temperature(matrix_view<T const> const& logits, std::span<index_t const> classes) {
  index_t const texts = logits.extent(0), width = logits.extent(1);
  if (static_cast<index_t>(classes.size()) != texts || texts == 0)
    throw shape_error(detail::concat("fit_temperature: ", texts, " rows of logits and ", classes.size(), " classes"));
  for (index_t i = 0; i < texts; ++i) {
    if (classes[static_cast<std::size_t>(i)] < 0 || classes[static_cast<std::size_t>(i)] >= width)
      throw argument_error(detail::concat("fit_temperature: class ", classes[static_cast<std::size_t>(i)], " of text ", i, ", expected 0 to ", width - 1));
    for (index_t c = 0; c < width; ++c)
      if (!std::isfinite(logits(i, c))) throw argument_error(detail::concat("fit_temperature: logit (", i, ", ", c, ") is not finite"));
  }
  // d/db of sum_i log sum_c exp(b z_c) - b z_class: the mean of z under the softmax less that of the class; its slope is the variance.
  auto const gradient = [&](double inverse) {
    double first = 0, second = 0;
    for (index_t i = 0; i < texts; ++i) {
      double const own = static_cast<double>(logits(i, classes[static_cast<std::size_t>(i)]));
      double largest = own, weight = 0, mean = 0, square = 0;
      for (index_t c = 0; c < width; ++c) largest = std::max(largest, static_cast<double>(logits(i, c)));
      for (index_t c = 0; c < width; ++c) {
        double const z = static_cast<double>(logits(i, c)) - largest, e = std::exp(inverse * z);
        weight += e, mean += e * z, square += e * z * z;
      }
      mean /= weight;
      first += mean - (own - largest);
      second += square / weight - mean * mean;
    }
    return std::pair{first, second};
  };
  return {1 / detail::rising_zero(gradient, detail::least_inverse_temperature, detail::most_inverse_temperature, 1)};
}

/// p = sigmoid(slope s + offset).
struct platt_scaling {
  double slope = 1, offset = 0;
  double operator()(double s) const { return sigmoid(slope * s + offset); }
};

/// Platt's scaling: least log loss against the targets (N+ + 1) / (N+ + 2) for positives and 1 / (N- + 2) for negatives, which keep it
/// from certainty that a finite sample cannot show. Newton's method with line search after Lin, Lin, Weng (Machine Learning 68, 2007).
inline platt_scaling fit_platt(std::span<scored const> sample) {
  detail::expect_calibration_sample("fit_platt", sample);
  double positives = 0, negatives = 0, mean = 0, largest = 0;
  for (scored const& s : sample) {
    (s.positive ? positives : negatives) += 1;
    mean += s.score / static_cast<double>(sample.size());
  }
  for (scored const& s : sample) largest = std::max(largest, std::abs(s.score - mean));
  double const unit = largest > 0 ? largest : 1;  // the fit runs on (s - mean) / unit, where the Hessian is well scaled
  double const target[2] = {1 / (negatives + 2), (positives + 1) / (positives + 2)};
  double a = 0, b = std::log((positives + 1) / (negatives + 1));
  // log(1 + exp(-z)) + (1 - t) z, the cross entropy of sigmoid(z) against t.
  auto const loss = [&](double slope, double offset) {
    double sum = 0;
    for (scored const& s : sample) {
      double const z = slope * (s.score - mean) / unit + offset, t = target[s.positive];
      sum += (z >= 0 ? std::log1p(std::exp(-z)) + (1 - t) * z : std::log1p(std::exp(z)) - t * z);
    }
    return sum;
  };
  double value = loss(a, b);
  for (int step = 0; step < 100; ++step) {
    double ga = 0, gb = 0, haa = 1e-12, hab = 0, hbb = 1e-12;
    for (scored const& s : sample) {
      double const x = (s.score - mean) / unit, p = sigmoid(a * x + b), w = p * (1 - p), d = p - target[s.positive];
      ga += d * x, gb += d;
      haa += w * x * x, hab += w * x, hbb += w;
    }
    if (std::abs(ga) + std::abs(gb) < 1e-10) break;
    double const det = haa * hbb - hab * hab;
    double const da = -(hbb * ga - hab * gb) / det, db = -(haa * gb - hab * ga) / det, slope = ga * da + gb * db;
    double length = 1;
    while (length > 1e-10 && loss(a + length * da, b + length * db) > value + 1e-4 * length * slope) length /= 2;
    if (length <= 1e-10) break;  // the loss cannot fall in this arithmetic
    a += length * da, b += length * db;
    value = loss(a, b);
  }
  return {a / unit, b - a * mean / unit};
}

/// A rising function through points, by straight lines between them and constant outside.
struct isotonic_map {
  std::vector<double> scores, probabilities;  ///< rising; of equal length, at least one

  double operator()(double s) const {
    if (std::isnan(s)) return s;
    auto const above = std::upper_bound(scores.begin(), scores.end(), s);
    if (above == scores.begin()) return probabilities.front();
    auto const i = static_cast<std::size_t>(above - scores.begin());
    if (i == scores.size()) return probabilities.back();
    double const part = (s - scores[i - 1]) / (scores[i] - scores[i - 1]);
    return probabilities[i - 1] + part * (probabilities[i] - probabilities[i - 1]);
  }
};

/// The rising function with the least squared error: pool adjacent violators (Ayer et al., 1955). Equal scores are one point.
inline isotonic_map fit_isotonic(std::span<scored const> sample) {
  detail::expect_calibration_sample("fit_isotonic", sample);
  std::vector<scored> sorted(sample.begin(), sample.end());
  std::sort(sorted.begin(), sorted.end(), [](scored const& a, scored const& b) { return a.score < b.score; });
  struct block {
    double low, high;  // scores
    double positives, count;
    double rate() const { return positives / count; }
  };
  std::vector<block> blocks;
  for (std::size_t i = 0; i < sorted.size();) {
    block next{sorted[i].score, sorted[i].score, 0, 0};
    for (; i < sorted.size() && sorted[i].score == next.low; ++i) next.positives += sorted[i].positive, ++next.count;
    while (!blocks.empty() && blocks.back().rate() >= next.rate()) {
      next = {blocks.back().low, next.high, next.positives + blocks.back().positives, next.count + blocks.back().count};
      blocks.pop_back();
    }
    blocks.push_back(next);
  }
  isotonic_map map;
  for (block const& b : blocks) {
    for (double const end : {b.low, b.high}) {
      if (!map.scores.empty() && map.scores.back() == end) continue;
      map.scores.push_back(end);
      map.probabilities.push_back(b.rate());
    }
  }
  return map;
}

}  // namespace parapet::inline PARAPET_ABI::guard
