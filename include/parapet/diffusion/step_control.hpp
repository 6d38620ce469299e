// Choice of the step of adaptive solvers from their error estimates, as a PID controller.
//
//     factor = e_n^-a e_(n-1)^b e_(n-2)^-c,   a = (p + i + d) / order,  b = (p + 2 d) / order,  c = d / order,   h <- h (1 + atan(factor - 1))
//
// with e the error in units of the tolerance. A step is accepted where factor >= accept.
//
// Soderlind, "Digital filters in adaptive time-stepping" (2003); the constants are k-diffusion's.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

struct adaptive_options {
  double relative = 0.05, absolute = 0.0078;  ///< tolerances of x
  double first_step = 0.05;                   ///< in lambda
  double p = 0, i = 1, d = 0;
  double accept = 0.81;
  index_t max_steps = 100000;

  /// Throws argument_error for what cannot be.
  void validate(char const* who) const {
    for (auto const& [name, value] : {std::pair{"relative", relative}, std::pair{"absolute", absolute}})
      if (!(value >= 0 && relative + absolute > 0))
        throw argument_error(parapet::detail::concat(who, ": ", name, " = ", value, ", expected at least 0, and one tolerance above it"));
    if (!(first_step > 0)) throw argument_error(parapet::detail::concat(who, ": first_step = ", first_step, ", expected above 0"));
  }
};

struct adaptive_report {
  index_t accepted = 0, rejected = 0, evaluations = 0;
};

namespace detail {

class step_controller {
public:
  step_controller(adaptive_options const& options, double order)
      : now_((options.p + options.i + options.d) / order), before_((options.p + 2 * options.d) / order), long_before_(options.d / order),
        accept_(options.accept), step(options.first_step) {}

  /// Takes the error of the last step and changes `step`. Whether that step stands.
  bool propose(double error) {
    double const inverse = 1 / (error + 1e-8);
    if (!started_) inverse_[0] = inverse_[1] = inverse_[2] = inverse;
    started_ = true;
    inverse_[0] = inverse;
    double const factor = 1 + std::atan(std::pow(inverse_[0], now_) * std::pow(inverse_[1], -before_) * std::pow(inverse_[2], long_before_) - 1);
    bool const accepted = factor >= accept_;
    if (accepted) {
      inverse_[2] = inverse_[1];
      inverse_[1] = inverse_[0];
    }
    step *= factor;
    return accepted;
  }

private:
  double now_, before_, long_before_, accept_;
  double inverse_[3] = {};
  bool started_ = false;

public:
  double step;
};

/// ((a - b) / (absolute + relative max(|a|, |c|)))^2, or the larger of the two tolerances instead of their sum.
template <class T>
struct scaled_error {
  T absolute, relative;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& a, X const& b, X const& c) const {
    X const scaled = (a - b) / math::max(X(absolute), X(relative) * math::max(math::abs(a), math::abs(c)));
    out = scaled * scaled;
  }
};

/// Root of the mean of scaled_error over all elements; `out` is scratch and dense.
template <class Backend, class T, class Space>
double error_norm(Backend& be, adaptive_options const& options, matrix_view<T, Space> const& out, matrix_view<T const, Space> const& a,
                  matrix_view<T const, Space> const& b, matrix_view<T const, Space> const& c) {
  map(be, scaled_error<T>{static_cast<T>(options.absolute), static_cast<T>(options.relative)}, out, a, b, c);
  return std::sqrt(static_cast<double>(sum(be, vector_view<T const, Space>(flatten(out)))) / static_cast<double>(out.size()));
}

[[noreturn]] inline void refuse_step(char const* who, double lambda, double error, adaptive_report const& report) {
  throw parapet::error(parapet::detail::concat(who, ": no step from log-SNR ", lambda, " meets the tolerance after ", report.accepted, " accepted and ",
                                               report.rejected, " rejected steps, error ", error, " of it"));
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::diffusion
