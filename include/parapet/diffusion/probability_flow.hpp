// How likely data is under a diffusion model: the probability-flow ODE from data to noise, and the volume it changes on the way.
//
//     y = x / alpha, s = sigma / alpha, u = log s:    dy / du = s epsilon,    d log p(y) / du = - sigma tr(d epsilon / d x)
//     log p(x_0) = log p(x_T) + D log(alpha_T / alpha_0) + int sigma tr(d epsilon / d x) du                       (D = dimension)
//
// Both are integrated as one system by Dormand and Prince's method of order 5 with error control. The trace needs derivatives
// of the model: a denoiser with one more member,
//
//     model.jvp(be, x, v, level) -> J v       (rows, dimension): the derivative of its answer along v, row by row
//
// The trace is exact with D calls of it, or Hutchinson's estimate from random v, the same v all along the way.
//
// Song et al., "Score-based generative modeling through stochastic differential equations" (2021), section 4.3.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>
#include <parapet/diffusion/linear_update.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/schedule.hpp>
#include <parapet/diffusion/step_control.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

/// The trace by one derivative for each dimension.
struct exact_trace {};
/// The trace as the mean of v . J v over `probes` vectors v of random signs.
struct hutchinson_trace {
  philox_stream stream;
  index_t probes = 1;
};

template <class T, class Space>
struct probability_flow_workspace {
  std::array<matrix_view<T, Space>, 7> slope;      // (rows, D + 1): of y, and of log p
  matrix_view<T, Space> state, guess, lower, error;  // (rows, D + 1)
  matrix_view<T, Space> input, direction;          // (rows, D)
  matrix_view<T, Space> trace, share;              // (rows, 1)
};

namespace detail {

template <class T, class Space>
struct unit_vectors {
  matrix_view<T, Space> v;
  index_t column;
  PARAPET_FN void operator()(index_t i, index_t j) const { v(i, j) = j == column ? T(1) : T(0); }
};
template <class T, class Space>
struct random_signs {
  matrix_view<T, Space> v;
  philox_stream stream;
  index_t first;
  PARAPET_FN void operator()(index_t i, index_t j) const { v(i, j) = stream.bits(first + i * v.extent(1) + j) >> 31 ? T(1) : T(-1); }
};
struct multiply_by {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& y) const { x = x * y; }
};
template <class T>
struct add_scaled {
  T factor;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& y) const { x = x + X(factor) * y; }
};
template <class T>
struct scale_and_shift {
  T factor, shift;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x) const { out = X(factor) * x + X(shift); }
};
/// -x^2 / (2 deviation^2) - log(deviation sqrt(2 pi))
template <class T>
struct normal_log_density {
  T curvature, constant;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& out, X const& x) const { out = X(curvature) * x * x + X(constant); }
};

}  // namespace detail

template <schedule Schedule, parameterization Parameterization = epsilon_prediction>
class probability_flow {
public:
  /// Between t_min (data) and t_max (noise), both with finite log-SNR. Throws argument_error.
  explicit probability_flow(Schedule const& schedule, adaptive_options const& options = {.relative = 1e-7, .absolute = 1e-7},
                            Parameterization const& parameterization = {})
      : schedule_(schedule), options_(options), parameterization_(parameterization) {
    options.validate("probability_flow");
    check_levels({data(), noise()});
    if (!(std::isfinite(data().lambda()) && std::isfinite(noise().lambda())))
      throw argument_error(parapet::detail::concat("probability_flow: log-SNR from ", data().lambda(), " to ", noise().lambda(), ", expected finite ends"));
  }

  noise_level data() const { return level_at(schedule_, schedule_.t_min); }
  noise_level noise() const { return level_at(schedule_, schedule_.t_max); }

  template <class T, class Space>
  probability_flow_workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, index_t dimension) const {
    auto const take = [&](index_t columns) { return memory.template take<T>(extents{rows, columns}); };
    probability_flow_workspace<T, Space> w;
    for (auto& slope : w.slope) slope = take(dimension + 1);
    for (auto* m : {&w.state, &w.guess, &w.lower, &w.error}) *m = take(dimension + 1);
    for (auto* m : {&w.input, &w.direction}) *m = take(dimension);
    for (auto* m : {&w.trace, &w.share}) *m = take(1);
    return w;
  }

  /// Takes x (rows, D) from t_min to its noise at t_max, and writes change (rows) = log p(x_0) - log p(x_T). Allocates nothing.
  /// Throws shape_error, and error where the tolerance cannot be met.
  template <class Backend, class Model, class Trace, class T, class Space>
  adaptive_report to_noise(Backend& be, Model& model, Trace const& trace, matrix_view<T, Space> const& x, vector_view<T, Space> const& change,
                           probability_flow_workspace<T, Space> const& w) const {
    static_assert(check_denoiser<Model, Backend, T>());
    using view = matrix_view<T const, Space>;
    index_t const rows = x.extent(0), d = x.extent(1);
    check_shape("probability_flow: change", change.shape(), extents{rows});
    check_shape("probability_flow: workspace", w.state.shape(), extents{rows, d + 1});
    noise_level const begin = data(), end = noise();
    map(be, detail::linear_update<T, 1>{{static_cast<T>(1 / begin.alpha)}}, w.state.columns(0, d), view(x));
    fill(be, w.state.columns(d, d + 1), T(0));

    // Dormand and Prince (1980): nodes, stages, and fifth minus fourth order.
    static constexpr double c[7] = {0, 0.2, 0.3, 0.8, 8.0 / 9, 1, 1};
    static constexpr double a[7][6] = {{},
                                       {0.2},
                                       {3.0 / 40, 9.0 / 40},
                                       {44.0 / 45, -56.0 / 15, 32.0 / 9},
                                       {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                                       {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                                       {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
    static constexpr double e[7] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

    detail::step_controller control(options_, 5);
    adaptive_report report;
    double u = -begin.lambda();
    double const u_end = -end.lambda();
    differentiate(be, model, trace, u, w.state, w.slope[0], w, report);
    while (u < u_end) {
      double const left = u_end - u, h = std::min(control.step, left);
      bool const ends = h >= left * (1 - 1e-12);
      for (std::size_t k = 1; k < 7; ++k) {
        combine(be, w.guess, view(w.state), h, a[k], k, w);
        differentiate(be, model, trace, k >= 5 && ends ? u_end : u + c[k] * h, w.guess, w.slope[k], w, report);
      }
      // guess is the result of order 5, and slope[6] its slope: that of the next step's start
      combine(be, w.lower, view(w.guess), -h, e, 7, w);
      double const error = detail::error_norm<Backend, T, Space>(be, options_, w.error, w.guess, w.lower, w.state);
      control.step = h;
      if (!std::isfinite(error) || report.accepted + report.rejected >= options_.max_steps) detail::refuse_step("probability_flow", -u, error, report);
      if (control.propose(error)) {
        ++report.accepted;
        u = ends ? u_end : u + h;
        copy(be, view(w.guess), w.state);
        copy(be, view(w.slope[6]), w.slope[0]);
      } else {
        ++report.rejected;
        if (!(control.step > 1e-12 * (1 + std::abs(u)))) detail::refuse_step("probability_flow", -u, error, report);
      }
    }
    map(be, detail::linear_update<T, 1>{{static_cast<T>(end.alpha)}}, x, view(w.state.columns(0, d)));
    double const stretch = static_cast<double>(d) * std::log(end.alpha / begin.alpha);
    map(be, detail::scale_and_shift<T>{T(-1), static_cast<T>(stretch)}, as_column(change), view(w.state.columns(d, d + 1)));
    return report;
  }

  /// density (rows) = log p(x_0) of x (rows, D) at t_min, with N(0, deviation^2) at t_max; x becomes its noise.
  template <class Backend, class Model, class Trace, class T, class Space>
  adaptive_report log_likelihood(Backend& be, Model& model, Trace const& trace, matrix_view<T, Space> const& x, vector_view<T, Space> const& density,
                                 probability_flow_workspace<T, Space> const& w, double deviation) const {
    if (!(deviation > 0)) throw argument_error(parapet::detail::concat("probability_flow: deviation = ", deviation, ", expected above 0"));
    adaptive_report const report = to_noise(be, model, trace, x, density, w);
    using view = matrix_view<T const, Space>;
    double const constant = -std::log(deviation) - 0.918938533204672742;
    map(be, detail::normal_log_density<T>{static_cast<T>(-0.5 / (deviation * deviation)), static_cast<T>(constant)}, w.input, view(x));
    reduce_rows(be, view(w.input), vector_view<T, Space>(w.share.data(), extents{x.extent(0)}));
    map(be, detail::add_scaled<T>{T(1)}, as_column(density), view(w.share));
    return report;
  }

private:
  template <class T, class Space>
  static matrix_view<T, Space> as_column(vector_view<T, Space> const& v) { return {v.data(), extents{v.extent(0), index_t{1}}, extents{v.stride(0), index_t{1}}}; }

  /// out = from + h sum_{j < count} factor_j slope_j
  template <class Backend, class T, class Space>
  static void combine(Backend& be, matrix_view<T, Space> const& out, matrix_view<T const, Space> const& from, double h, double const* factor, std::size_t count,
                      probability_flow_workspace<T, Space> const& w) {
    std::array<matrix_view<T const, Space>, 8> in{from};
    std::array<T, 8> f{T(1)};
    int n = 1;
    for (std::size_t j = 0; j < count; ++j) {
      if (factor[j] == 0) continue;
      in[static_cast<std::size_t>(n)] = w.slope[j];
      f[static_cast<std::size_t>(n++)] = static_cast<T>(h * factor[j]);
    }
    for (auto k = static_cast<std::size_t>(n); k < in.size(); ++k) in[k] = in[0];
    detail::with_count<8>(n, [&]<std::size_t... I>(std::index_sequence<I...>) {
      map(be, detail::linear_update<T, sizeof...(I)>{{f[I]...}}, out, in[I]...);
    });
  }

  /// slope (rows, D + 1) of y and log p at u = log s.
  template <class Backend, class Model, class Trace, class T, class Space>
  void differentiate(Backend& be, Model& model, Trace const& trace, double u, matrix_view<T, Space> const& state, matrix_view<T, Space> const& slope,
                     probability_flow_workspace<T, Space> const& w, adaptive_report& report) const {
    using view = matrix_view<T const, Space>;
    index_t const d = state.extent(1) - 1;
    noise_level const at = level_at(schedule_, time_at(schedule_, -u));
    double const s = at.sigma / at.alpha;
    double scale = 1;
    if constexpr (scales_input<Parameterization>) scale = parameterization_.input_scale(at);
    conversion const c = convert(parameterization_(at), predicts_noise, at);
    view const y = state.columns(0, d);
    map(be, detail::linear_update<T, 1>{{static_cast<T>(scale * at.alpha)}}, w.input, y);
    view const answer = call_denoiser(be, model, view(w.input), at);
    ++report.evaluations;
    map(be, detail::linear_update<T, 2>{{static_cast<T>(s * at.alpha * c.x_factor), static_cast<T>(s * c.factor)}}, slope.columns(0, d), y, answer);
    trace_of(be, model, trace, at, w);
    map(be, detail::scale_and_shift<T>{static_cast<T>(-at.sigma * c.factor * scale), static_cast<T>(-at.sigma * c.x_factor * static_cast<double>(d))},
        slope.columns(d, d + 1), view(w.trace));
  }

  template <class Backend, class Model, class T, class Space>
  static void trace_of(Backend& be, Model& model, exact_trace, noise_level const& at, probability_flow_workspace<T, Space> const& w) {
    using view = matrix_view<T const, Space>;
    fill(be, w.trace, T(0));
    for (index_t j = 0; j < w.input.extent(1); ++j) {
      for_each_index(be, w.direction.shape(), detail::unit_vectors<T, Space>{w.direction, j});
      view const along = model.jvp(be, view(w.input), view(w.direction), at);
      check_shape("probability_flow: the derivative", along.shape(), w.input.shape());
      map(be, detail::add_scaled<T>{T(1)}, w.trace, along.columns(j, j + 1));
    }
  }
  template <class Backend, class Model, class T, class Space>
  static void trace_of(Backend& be, Model& model, hutchinson_trace const& trace, noise_level const& at, probability_flow_workspace<T, Space> const& w) {
    using view = matrix_view<T const, Space>;
    fill(be, w.trace, T(0));
    for (index_t k = 0; k < trace.probes; ++k) {
      for_each_index(be, w.direction.shape(), detail::random_signs<T, Space>{w.direction, trace.stream, k * w.direction.size()});
      view const along = model.jvp(be, view(w.input), view(w.direction), at);
      check_shape("probability_flow: the derivative", along.shape(), w.input.shape());
      map(be, detail::multiply_by{}, w.direction, along);
      reduce_rows(be, view(w.direction), vector_view<T, Space>(w.share.data(), extents{w.share.extent(0)}));
      map(be, detail::add_scaled<T>{static_cast<T>(1 / static_cast<double>(trace.probes))}, w.trace, view(w.share));
    }
  }

  Schedule schedule_;
  adaptive_options options_;
  Parameterization parameterization_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
