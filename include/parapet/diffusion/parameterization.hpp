// What a model predicts, and exact conversions between such predictions.
//
// At one level x = alpha x_0 + sigma epsilon, and every prediction in use is r = A x_0 + B epsilon:
//
//     epsilon (0, 1)    x_0 (1, 0)    v (-sigma, alpha)    score (0, -1/sigma)    flow, d x / d t with alpha = 1 - t (-1, 1)
//
// Two linear equations in (x_0, epsilon): any prediction gives any other one as a combination of x and r, which a sampler
// folds into its update. A parameterization is a callable level -> prediction; one that feeds its network scaled input,
// as EDM's, also has input_scale(level).
//
// v: Salimans and Ho, "Progressive distillation" (2022). EDM: Karras et al., "Elucidating the design space" (2022), table 1.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <cmath>
#include <concepts>

namespace parapet::inline PARAPET_ABI::diffusion {

/// The quantity data * x_0 + noise * epsilon.
struct prediction {
  double data, noise;
  friend bool operator==(prediction const&, prediction const&) = default;
};

inline constexpr prediction predicts_data{1, 0}, predicts_noise{0, 1};

/// One prediction from another: x_factor * x + factor * r.
struct conversion {
  double x_factor, factor;
};

/// Throws argument_error where r says nothing about what is asked: epsilon about the data at alpha = 0, x_0 about the noise at sigma = 0.
inline conversion convert(prediction const& from, prediction const& to, noise_level const& at) {
  if (from == to) return {0, 1};
  double const determinant = at.alpha * from.noise - at.sigma * from.data;
  if (!(std::abs(determinant) > 0 && std::isfinite(determinant)))
    throw argument_error(parapet::detail::concat("convert: the model's prediction does not determine what the solver needs at alpha = ",
                                                 at.alpha, ", sigma = ", at.sigma));
  return {(to.data * from.noise - to.noise * from.data) / determinant, (to.noise * at.alpha - to.data * at.sigma) / determinant};
}

struct epsilon_prediction {
  prediction operator()(noise_level const&) const { return predicts_noise; }
};
struct data_prediction {
  prediction operator()(noise_level const&) const { return predicts_data; }
};
struct v_prediction {
  prediction operator()(noise_level const& l) const { return {-l.sigma, l.alpha}; }
};
struct score_prediction {
  prediction operator()(noise_level const& l) const { return {0, -1 / l.sigma}; }
};
/// Noise minus data: the velocity of x_t = (1 - t) x_0 + t epsilon. A model of "data minus noise" is this with its sign changed.
struct flow_prediction {
  prediction operator()(noise_level const&) const { return {-1, 1}; }
};
/// The network F in x_0 = c_skip x + c_out F(c_in x), with EDM's factors for levels of any alpha.
struct edm_preconditioning {
  double sigma_data = 0.5;
  prediction operator()(noise_level const& l) const {
    double const s = l.sigma / l.alpha, total = s * s + sigma_data * sigma_data;
    double const c_skip = sigma_data * sigma_data / total, c_out = s * sigma_data / std::sqrt(total);
    return {(1 - c_skip) / c_out, -c_skip * s / c_out};
  }
  double input_scale(noise_level const& l) const { return 1 / (l.alpha * std::hypot(l.sigma / l.alpha, sigma_data)); }
};

template <class P>
concept parameterization = requires(P const& p, noise_level const& level) {
  { p(level) } -> std::convertible_to<prediction>;
};
template <class P>
concept scales_input = requires(P const& p, noise_level const& level) {
  { p.input_scale(level) } -> std::convertible_to<double>;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
