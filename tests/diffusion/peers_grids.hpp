// The noise tables of diffusers and the ways it picks steps from them.
#pragma once

#include <parapet/diffusion/noise_schedule.hpp>

#include "diffusion/peers.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace peers {

/// alpha_bar of a thousand steps.
class betas {
public:
  explicit betas(std::vector<double> const& beta) {
    double product = 1;
    beta_ = beta;
    for (double b : beta) bar_.push_back(product *= 1 - b);
  }
  static betas linear(double first = 1e-4, double last = 2e-2) { return build([=](double i) { return first + (last - first) * i / 999; }); }
  static betas scaled_linear() {
    return build([a = std::sqrt(0.00085), b = std::sqrt(0.012)](double i) { return std::pow(a + (b - a) * i / 999, 2); });
  }
  static betas cosine() {
    return of([](double t) { return std::pow(std::cos((t + 0.008) / 1.008 * 1.57079632679489662), 2); });
  }
  static betas exponential() {
    return of([](double t) { return std::exp(-12 * t); });
  }
  static betas sigmoid() {
    return build([](double i) { return 1 / (1 + std::exp(-(-6 + 12 * i / 999))) * (0.02 - 1e-4) + 1e-4; });
  }
  /// Shifted and scaled so that the last step is pure noise; `last` instead of 0 where a solver divides by it.
  betas zero_snr(double last = 0) const {
    betas out = *this;
    double const a = std::sqrt(bar_.front()), z = std::sqrt(bar_.back());
    for (double& b : out.bar_) b = std::pow((std::sqrt(b) - z) * a / (a - z), 2);
    out.bar_.back() = last;
    return out;
  }

  std::vector<double> const& values() const { return beta_; }
  noise_level level(index_t i) const {
    double const bar = i < 0 ? 1 : bar_[static_cast<std::size_t>(i)];
    return {std::sqrt(bar), std::sqrt(1 - bar), static_cast<double>(i), i};
  }
  double s(index_t i) const { return relative_noise(level(i)); }
  /// Linear between the steps.
  double s(double t) const {
    auto const i = std::min(static_cast<index_t>(t), index_t{998});
    return s(i) + (t - static_cast<double>(i)) * (s(i + 1) - s(i));
  }

private:
  template <class F>
  static betas build(F f) {
    std::vector<double> beta;
    for (index_t i = 0; i < 1000; ++i) beta.push_back(f(static_cast<double>(i)));
    return betas(beta);
  }
  template <class F>
  static betas of(F bar) {
    return build([&](double i) { return std::min(1 - bar((i + 1) / 1000) / bar(i / 1000), 0.999); });
  }
  std::vector<double> beta_, bar_;
};

inline noise_level preserving(double s) { return {1 / std::hypot(1.0, s), s / std::hypot(1.0, s), s}; }
inline level_list preserving(std::vector<double> const& sigmas) {
  level_list levels;
  for (double s : sigmas) levels.push_back(preserving(s));
  return levels;
}
inline level_list flow_levels(std::vector<double> const& sigmas) {
  level_list levels;
  for (double s : sigmas) levels.push_back({1 - s, s, s});
  return levels;
}

inline std::vector<double> linspace(double a, double b, index_t n) {
  std::vector<double> x;
  for (index_t i = 0; i < n; ++i) x.push_back(n == 1 ? a : a + (b - a) * static_cast<double>(i) / static_cast<double>(n - 1));
  return x;
}
template <class F>
std::vector<double> each(std::vector<double> x, F f) {
  for (double& v : x) v = f(v);
  return x;
}

inline std::vector<double> karras(double high, double low, index_t n, double rho = 7) {
  return each(linspace(std::pow(high, 1 / rho), std::pow(low, 1 / rho), n), [=](double v) { return std::pow(v, rho); });
}
inline std::vector<double> exponential(double high, double low, index_t n) {
  return each(linspace(std::log(high), std::log(low), n), [](double v) { return std::exp(v); });
}

// Times from noise to data. DPM-Solver's schedulers cut one interval more, and leave out its end.
inline std::vector<double> leading(index_t n, double offset = 0) {
  std::vector<double> t;
  for (index_t i = n - 1; i >= 0; --i) t.push_back(static_cast<double>(i * (1000 / n)) + offset);
  return t;
}
inline std::vector<double> trailing(index_t n) {
  std::vector<double> t;
  for (index_t i = 0; i < n; ++i) t.push_back(std::nearbyint(1000 - static_cast<double>(i) * 1000 / static_cast<double>(n)) - 1);
  return t;
}
inline std::vector<double> rounded(std::vector<double> const& t) {
  return each(t, [](double v) { return std::nearbyint(v); });
}
inline std::vector<double> without_last(std::vector<double> t) {
  t.pop_back();
  return t;
}
inline std::vector<double> solver_linspace(index_t n, double last = 999) { return without_last(rounded(linspace(last, 0, n + 1))); }
inline std::vector<double> solver_leading(index_t n, double offset) {
  std::vector<double> t;
  for (index_t i = n; i >= 1; --i) t.push_back(static_cast<double>(i * (1000 / (n + 1))) + offset);
  return t;
}

/// Steps of the table, and an end: -1 is data.
inline level_list at_steps(betas const& table, std::vector<double> const& times, index_t end = -1) {
  level_list levels;
  for (double t : times) levels.push_back(table.level(static_cast<index_t>(t)));
  levels.push_back(table.level(end));
  return levels;
}
/// Relative noises read from the table between its steps, and an end.
inline level_list at_times(betas const& table, std::vector<double> const& times, double end = 0) {
  std::vector<double> s = each(times, [&](double t) { return table.s(t); });
  s.push_back(end);
  return preserving(s);
}
inline level_list ending(std::vector<double> s, double end = 0) {
  s.push_back(end);
  return preserving(s);
}

}  // namespace peers
